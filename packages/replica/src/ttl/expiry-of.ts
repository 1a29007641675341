import { logTimeSpan } from '../state/log-time.js';

/**
 * Log time at which a key goes that is written in an entry of this log time; 0: never. However it is written: it
 * counts from its own entry, each time anew. @param ttlMs - 0: it has no time
 */
export function expiryOf(logTime: number, ttlMs: number): number {
  // Below 2^53, as every number that is stored: near the end of what log time can say a time may be cut.
  return ttlMs === 0 ? 0 : Math.min(logTime + logTimeSpan(ttlMs), Number.MAX_SAFE_INTEGER);
}
