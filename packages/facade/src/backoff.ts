import type { Random } from '@dougdb/ports';

/** How long to wait between attempts. */
export interface BackoffOptions {
  /** Upper bound of the first pause. */
  readonly baseMs: number;
  /** Upper bound of every pause. */
  readonly maxMs: number;
}

/** The pauses of clients and facades unless told otherwise. */
export const defaultBackoff: BackoffOptions = Object.freeze({ baseMs: 20, maxMs: 1_000 });

/**
 * Pause before the next attempt: exponential with full jitter (uniform between 0 and the bound that
 * doubles with each failure), so that clients that failed together do not come back together.
 * @param failures - attempts that failed in a row, from 1
 * @param atLeastMs - what the server asked for; the jitter comes on top of it
 */
export function backoffMs(
  failures: number,
  random: Random,
  options: BackoffOptions = defaultBackoff,
  atLeastMs = 0,
): number {
  const bound = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(failures - 1, 30));
  return atLeastMs + random.next() * bound;
}
