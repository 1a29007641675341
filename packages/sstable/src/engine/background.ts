import type { Timer } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import { codeOf, toSstError } from '../encoding/error-code.js';
import { runJob } from '../jobs/job.js';
import { JobSwitch } from '../jobs/job-switch.js';
import { Pacer } from '../jobs/pacer.js';
import {
  type OutputSpec,
  type TableJobName,
  type TableJobSpecs,
  tableJob,
} from '../jobs/table-jobs.js';
import { parseFileName } from '../manifest/file-names.js';
import { THREAD_DIED } from '../scheduling/job-threads.js';
import type { Lane } from '../scheduling/lane.js';
import type { TableMeta } from '../table/table-meta.js';
import { LogEvent } from '../telemetry.js';
import { FIRST_COMPRESSED_LEVEL, MAX_FAILURES, RETRY_DELAY_MS } from './settings.js';
import type { Store } from './store.js';

/** What jobs that run together have of the bytes that may be written. Writes wait for a flush. */
const RATE_WEIGHTS = { flush: 3, compact: 1 } as const;

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
  #isCancelled = false;
  readonly #pauses = new Map<Timer, () => void>();
  /** Jobs that write tables, and those that only read them. */
  readonly #writers = new Set<JobSwitch>();
  readonly #readers = new Set<JobSwitch>();
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
    return this.#failure !== null || this.#isCancelled;
  }

  /** Ends jobs that write at their next step, waits for turns and pauses at once. */
  cancel(): void {
    this.#isCancelled = true;
    const { flushes, compactions } = this.store.settings.scheduler;
    for (const lane of [flushes, compactions]) lane.forget(this);
    for (const job of this.#writers) job.cancel();
    for (const [timer, resume] of this.#pauses) {
      timer.cancel();
      resume();
    }
    this.#pauses.clear();
  }

  /** Ends jobs that only read: when the database is closed, not when background work ends. */
  cancelReaders(): void {
    this.store.settings.scheduler.checks.forget(this.#readers);
    for (const job of this.#readers) job.cancel();
  }

  /**
   * Waits for the database's turn in a lane, then does the work.
   * @throws what the work throws; SST_CLOSED where background work ends before its turn
   */
  inTurn<T>(lane: Lane, score: () => number, work: () => Promise<T>): Promise<T> {
    return lane.run(this, score, async () => {
      if (this.isStopped) throw new SstError(SstErrorCode.Closed, 'background work has ended');
      return await work();
    });
  }

  /** Runs a job that writes tables: they are durable then, their names are not. */
  write<Name extends keyof typeof RATE_WEIGHTS>(
    name: Name,
    spec: TableJobSpecs[Name],
  ): Promise<readonly TableMeta[]> {
    const job = new JobSwitch();
    const share = this.store.settings.scheduler.rate.begin(job, RATE_WEIGHTS[name]);
    return this.#run(name, spec, job, this.#writers)
      .catch((error: unknown) => {
        if (codeOf(error) === THREAD_DIED) this.#removeOutputs(spec);
        throw error;
      })
      .finally(() => share.end());
  }

  /**
   * Reads every byte of a table, in its turn. The host is told of damage.
   * @throws SstError SST_CORRUPT, SST_FOREIGN, SST_IO, SST_CLOSED
   */
  async check(table: TableMeta): Promise<void> {
    const { scheduler, dir, telemetry } = this.store.settings;
    const job = new JobSwitch();
    const work = (): Promise<unknown> => this.#run('check', { dir, table }, job, this.#readers);
    try {
      await scheduler.checks.run(this.#readers, () => 0, work);
      telemetry.checkedBytes.add(table.sizeBytes);
    } catch (error) {
      const known = toSstError(error, `checking table ${table.number} in ${dir}`, dir);
      this.#reportDamage(known);
      throw known;
    }
  }

  /** Errors that name a table which is not what it should be. */
  #reportDamage(error: SstError): void {
    if (!HOPELESS.has(error.code) || error.file === null) return;
    const name = parseFileName(error.file.slice(error.file.lastIndexOf('/') + 1));
    if (name?.kind === 'table') this.store.reportDamage(name.number, error);
  }

  async #run<Name extends TableJobName>(
    name: Name,
    spec: TableJobSpecs[Name],
    job: JobSwitch,
    running: Set<JobSwitch>,
  ): Promise<readonly TableMeta[]> {
    const { scheduler, fs, clock, sliceMs, telemetry, logger } = this.store.settings;
    const onLoop = (): Promise<readonly TableMeta[]> => {
      const pacer = new Pacer(
        () => clock.monotonicMs(),
        () => job.bytesPerSecond,
      );
      return runJob(tableJob(name, spec, fs, pacer), {
        clock,
        sliceMs,
        control: job,
        onSlice: (durationMs) => telemetry.sliceSeconds.observe(durationMs / 1000),
      });
    };
    running.add(job);
    try {
      return await scheduler.threads.run(name, spec, job, logger, onLoop);
    } finally {
      running.delete(job);
    }
  }

  /** Where and how a job writes at most so many tables of a level. */
  outputs(level: number, count: number): OutputSpec {
    const { dir, blockBytes, indexBytes, compression } = this.store.settings;
    const format = {
      blockBytes,
      indexBytes,
      compression: level < FIRST_COMPRESSED_LEVEL ? 'none' : compression,
    } as const;
    return { dir, format, slots: Array.from({ length: count }, () => this.store.nextSlot()) };
  }

  /** A thread that died could not clean up. It touches no file any more. */
  #removeOutputs({ slots }: OutputSpec): void {
    for (const { number } of slots) this.store.removeIfThere(number, 'its thread died');
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
        else if (this.#isCancelled) return null;
        else if (HOPELESS.has(known.code) || failures >= MAX_FAILURES) {
          this.#reportDamage(known);
          this.fail('stopped', known);
        } else {
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
