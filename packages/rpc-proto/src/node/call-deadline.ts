import type { Deadline } from '@grpc/grpc-js';

/**
 * The monotonic time at which a caller gives up, no later than the server's own limit.
 * @param deadline - of the call, as grpc-js tells it
 */
export function monotonicDeadlineMs(deadline: Deadline, limitMs: number): number {
  const atMs = typeof deadline === 'number' ? deadline : deadline.getTime();
  return performance.now() + Math.min(limitMs, atMs - Date.now());
}
