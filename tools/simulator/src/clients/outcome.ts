import { DougError } from '@dougdb/rpc-proto';
import type { Coverage } from '../coverage.js';
import type { Observation } from '../observation.js';
import { Violation } from '../violation.js';

/** What is known of an operation that failed. @throws what is not an error of the family */
export function errorOf(error: unknown, coverage: Coverage): Observation['status'] {
  if (!DougError.is(error)) throw error;
  const isCertain = error.outcome === 'NOT_APPLIED';
  coverage.hit(isCertain ? 'failed-for-certain' : 'unknown');
  return isCertain ? 'fail' : 'unknown';
}

/** Runs an operation of which only the success is of interest. */
export async function attempt<T>(
  coverage: Coverage,
  run: () => Promise<T>,
): Promise<
  | { readonly status: 'ok'; readonly result: T }
  | { readonly status: 'fail' | 'unknown'; readonly error: DougError }
> {
  try {
    const result = await run();
    coverage.hit('ok');
    return { status: 'ok', result };
  } catch (error) {
    const status = errorOf(error, coverage) === 'fail' ? 'fail' : 'unknown';
    return { status, error: error as DougError };
  }
}

/** So often an operation is tried again after everything has healed: its time may be short, and pauses long. */
export const LAST_TRIES = 20;

/** Runs an operation that must work, now that everything has healed. @throws Violation */
export async function insist<T>(
  coverage: Coverage,
  what: string,
  run: () => Promise<T>,
): Promise<T> {
  for (let tries = 0; tries < LAST_TRIES; tries++) {
    const ended = await attempt(coverage, run);
    if (ended.status === 'ok') return ended.result;
  }
  throw new Violation('liveness', `${what}: not after everything has healed`);
}
