import type { Timer } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import { toSstError } from '../encoding/error-code.js';
import { type Job, type JobControl, runJob } from '../jobs/job.js';
import type { TableDestination } from '../jobs/table-output.js';
import { LogEvent } from '../telemetry.js';
import { FIRST_COMPRESSED_LEVEL, MAX_FAILURES, RETRY_DELAY_MS } from './settings.js';
import type { Store } from './store.js';

/** Failures that the same try will meet again. */
const HOPELESS: ReadonlySet<SstErrorCode> = new Set([
  SstErrorCode.Corrupt,
  SstErrorCode.Foreign,
  SstErrorCode.Newer,
  SstErrorCode.Usage,
]);

/**
 * What flush and compaction share: how their jobs run, and what becomes of their failures.
 *
 * | failure | becomes |
 * | --- | --- |
 * | manifest write or sync, sync of the directory | 'fatal': the process must end, fsync is never tried again |
 * | no space | 'retried' until there is space |
 * | any other write of a table | 'retried', the third in a row 'stopped' |
 * | a table that fails a check | 'stopped' |
 *
 * After 'stopped' or 'fatal' nothing is written any more.
 */
export class Background {
  readonly store: Store;
  readonly #control = { isCancelled: false };
  readonly #pauses = new Map<Timer, () => void>();
  /** Why no more work is done. */
  #failure: SstError | null = null;
  readonly #onFailure: (error: SstError) => void;

  /** @param onFailure called once, when background work ends for good */
  constructor(store: Store, onFailure: (error: SstError) => void) {
    this.store = store;
    this.#onFailure = onFailure;
  }

  get failure(): SstError | null {
    return this.#failure;
  }

  get isStopped(): boolean {
    return this.#failure !== null || this.#control.isCancelled;
  }

  /** Ends jobs at their next step and pauses at once. */
  cancel(): void {
    this.#control.isCancelled = true;
    for (const [timer, resume] of this.#pauses) {
      timer.cancel();
      resume();
    }
    this.#pauses.clear();
  }

  /** Runs a job that ends when background work does. */
  run<T>(job: Job<T>): Promise<T> {
    return this.#run(job, this.#control);
  }

  /** Runs a job that only reads: it ends when the database is closed. */
  runReader<T>(job: Job<T>): Promise<T> {
    const { store } = this;
    return this.#run(job, {
      get isCancelled(): boolean {
        return store.isClosed;
      },
    });
  }

  #run<T>(job: Job<T>, control: JobControl): Promise<T> {
    const { clock, sliceMs, telemetry } = this.store.settings;
    return runJob(job, {
      clock,
      sliceMs,
      control,
      onSlice: (durationMs) => telemetry.sliceSeconds.observe(durationMs / 1000),
    });
  }

  /** Where jobs write tables of this level. */
  destination(level: number): TableDestination {
    const { fs, dir, blockBytes, indexBytes, compression } = this.store.settings;
    const format = {
      blockBytes,
      indexBytes,
      compression: level < FIRST_COMPRESSED_LEVEL ? 'none' : compression,
    } as const;
    return { fs, dir, format, nextSlot: () => this.store.nextSlot() };
  }

  /**
   * Tries until it works; null if background work has ended before that.
   * @param what names the work in messages
   */
  async persist<T>(what: string, attempt: () => Promise<T>): Promise<T | null> {
    let failures = 0;
    while (!this.isStopped) {
      try {
        return await attempt();
      } catch (error) {
        const known = toSstError(error, what);
        if (known.code !== SstErrorCode.NoSpace) failures++;
        if (this.store.manifest.isFailed) this.fail('fatal', known);
        else if (this.#control.isCancelled) return null;
        else if (HOPELESS.has(known.code) || failures >= MAX_FAILURES) this.fail('stopped', known);
        else {
          this.#report('retried', known);
          await this.#pause(RETRY_DELAY_MS);
        }
      }
    }
    return null;
  }

  /** Makes names durable. A failure is fatal: what the directory holds is in doubt from then on. */
  async syncDir(): Promise<void> {
    const { fs, dir } = this.store.settings;
    try {
      await fs.syncDir(dir);
    } catch (error) {
      const known = new SstError(SstErrorCode.Io, `syncing ${dir} failed: ${String(error)}`, {
        file: dir,
        cause: error,
      });
      this.fail('fatal', known);
      throw known;
    }
  }

  /** Ends background work for good. The first failure counts. */
  fail(severity: 'stopped' | 'fatal', error: SstError): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    if (severity === 'fatal') this.store.manifest.giveUp();
    this.cancel();
    this.#report(severity, error);
    this.#onFailure(error);
  }

  /** What no rule above expects, as a callback of the host that throws. */
  failUnexpected(error: unknown): void {
    this.fail('stopped', toSstError(error, 'background work'));
  }

  #report(severity: 'retried' | 'stopped' | 'fatal', error: SstError): void {
    const { logger, telemetry, onBackgroundError } = this.store.settings;
    telemetry.backgroundErrors.add(1, { severity });
    const fields = { severity, code: error.code, file: error.file, message: error.message };
    if (severity === 'retried') logger.warn(LogEvent.BackgroundError, fields);
    else logger.error(LogEvent.BackgroundError, fields);
    onBackgroundError(severity, error);
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.store.settings.clock.setTimer(delayMs, () => {
        this.#pauses.delete(timer);
        resolve();
      });
      this.#pauses.set(timer, resolve);
    });
  }
}
