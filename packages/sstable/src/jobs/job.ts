import type { Clock } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';

/**
 * Background work as a generator: it yields where it may pause (undefined) and where it waits (a
 * promise, whose failure is thrown at that place). A job knows nothing of the database: files and
 * options in, file metadata out, so that the same code can run in slices on the loop or in a worker.
 */
export type Job<T> = Generator<Promise<void> | undefined, T, void>;

/** Entries or bytes after which a job should yield. */
export const STEP_ENTRIES = 32;
export const STEP_BYTES = 32 * 1024;

/** Steps of one slice at most, however fast: a clock that stands still must not mean one endless slice. */
const MAX_SLICE_STEPS = 256;

export interface JobControl {
  /** True ends the job at its next step: what it was making is removed. */
  readonly isCancelled: boolean;
}

export interface JobRunnerOptions {
  readonly clock: Clock;
  readonly sliceMs: number;
  readonly control: JobControl;
  readonly onSlice: (durationMs: number) => void;
}

/** Runs a job in slices on the loop. @throws what the job throws; SstError SST_CLOSED when cancelled */
export function runJob<T>(job: Job<T>, options: JobRunnerOptions): Promise<T> {
  const { clock, sliceMs, control, onSlice } = options;
  return new Promise((resolve, reject) => {
    const defer = (): void => clock.defer(() => slice(undefined));
    const slice = (failure: { readonly error: unknown } | undefined): void => {
      const startMs = clock.monotonicMs();
      let thrown = failure;
      try {
        for (let step = 0; step < MAX_SLICE_STEPS; step++) {
          thrown ??= control.isCancelled ? { error: cancelled() } : undefined;
          const result = thrown === undefined ? job.next() : job.throw(thrown.error);
          thrown = undefined;
          if (result.done === true) {
            resolve(result.value);
            return;
          }
          if (result.value !== undefined) {
            result.value.then(defer, (error: unknown) => slice({ error }));
            return;
          }
          if (clock.monotonicMs() - startMs >= sliceMs) break;
        }
        defer();
      } catch (error) {
        reject(error);
      } finally {
        onSlice(clock.monotonicMs() - startMs);
      }
    };
    defer();
  });
}

function cancelled(): SstError {
  return new SstError(SstErrorCode.Closed, 'the database was closed while the job ran');
}
