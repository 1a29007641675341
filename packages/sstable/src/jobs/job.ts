import type { Clock, File } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';

/** What a job waits for: data of a file to become durable, or time to pass (it wrote faster than it may). */
export type JobWait = { readonly datasync: File } | { readonly pauseMs: number };

/**
 * Background work as a generator: it yields where it may pause (undefined) and where it waits; what fails
 * there is thrown at that place. A job knows nothing of the database: files and options in, file metadata
 * out, so that the same code runs in slices on the loop and in a worker thread, where it blocks.
 */
export type Job<T> = Generator<JobWait | undefined, T, void>;

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
          const wait = result.value;
          if (wait !== undefined && 'datasync' in wait) {
            wait.datasync.datasync().then(defer, (error: unknown) => slice({ error }));
            return;
          }
          if (wait !== undefined) {
            clock.setTimer(wait.pauseMs, () => slice(undefined));
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

export interface BlockingRunnerOptions {
  readonly control: JobControl;
  /** Returns after so many milliseconds, earlier when the job is cancelled. */
  readonly sleep: (durationMs: number) => void;
}

/**
 * Runs a job to its end without giving the thread away: for worker threads, whose own descriptors and
 * synchronous calls keep out of the thread pool that the host's log syncs through.
 * @throws what the job throws; SstError SST_CLOSED when cancelled
 */
export function runJobBlocking<T>(job: Job<T>, options: BlockingRunnerOptions): T {
  const { control, sleep } = options;
  if (control.isCancelled) throw cancelled();
  let result = job.next();
  while (result.done !== true) {
    const wait = result.value;
    let failure: { readonly error: unknown } | null = null;
    if (control.isCancelled) failure = { error: cancelled() };
    else if (wait !== undefined && 'datasync' in wait) failure = datasyncFailure(wait.datasync);
    else if (wait !== undefined) sleep(wait.pauseMs);
    result = failure === null ? job.next() : job.throw(failure.error);
  }
  return result.value;
}

function datasyncFailure(file: File): { readonly error: unknown } | null {
  try {
    file.datasyncSync();
    return null;
  } catch (error) {
    return { error };
  }
}

function cancelled(): SstError {
  return new SstError(SstErrorCode.Closed, 'the database was closed while the job ran');
}
