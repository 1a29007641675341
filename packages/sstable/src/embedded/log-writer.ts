import type { FileSystem } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import type { Db } from '../db.js';
import { codeOf, isNoSpace, messageOf, toSstError } from '../encoding/error-code.js';
import type { WritePressure } from '../engine/write-pressure.js';
import { BatchLog } from './batch-log.js';
import { encodeState } from './embedded-state.js';
import { LoggedWrite } from './logged-write.js';

export interface LogWriterOptions {
  readonly fs: FileSystem;
  readonly dir: string;
  readonly db: Db;
  readonly databaseId: Uint8Array;
}

/** Where the logs stand at the open. */
export interface LogWriterStart {
  /** null: the disk is too full for one. */
  readonly log: BatchLog | null;
  readonly nextLog: number;
  /** Of the last batch. */
  readonly sequence: number;
}

/**
 * Puts batches into the log and into the memtable, and goes over to a new log when the memtable is full:
 *
 * 1. the old log is synced: behind a hole at its end there must be no batches of the next one
 * 2. the new log is made, durable with its name
 * 3. the memtable is frozen with a state that names the new log; the old one may go when that is installed
 *
 * Between 1 and 3 no batch may be written (`isBusy`). If the disk is full at 2, the old log goes on, and the
 * memtable is frozen all the same.
 *
 * If a batch cannot be appended for want of space, the log has ended, for nobody knows what of the batch is
 * in it. Then the memtable is frozen, so that nothing needs that log any more, and when the flush is
 * installed a new log is made. Until that works batches are refused. Any other failure is the end.
 */
export class LogWriter {
  readonly #options: LogWriterOptions;
  /** null: it has ended for want of space, or could not be made for that. */
  #log: BatchLog | null;
  /** Number of the next one. */
  #nextLog: number;
  #sequence: number;
  #rotation: Promise<void> | null = null;
  /** Why no batch is taken any more. */
  #failure: SstError | null = null;

  constructor(options: LogWriterOptions, start: LogWriterStart) {
    this.#options = options;
    this.#log = start.log;
    this.#nextLog = start.nextLog;
    this.#sequence = start.sequence;
    if (this.#log === null) this.#giveUpLog();
  }

  /** Number and size of the log; null while there is none. */
  get log(): { readonly number: number; readonly bytes: number } | null {
    const log = this.#log;
    return log && { number: log.number, bytes: log.sizeBytes };
  }

  /** True while a new log is made and the old one takes nothing any more. */
  get isBusy(): boolean {
    return this.#rotation !== null && this.#log !== null;
  }

  /** How far flushes and compactions are behind: while 'stalled' batches should wait, before that slow down. */
  get pressure(): WritePressure {
    return this.#options.db.pressure;
  }

  /** Bytes of batches until the memtable is full. */
  get roomBytes(): number {
    return this.#options.db.roomBytes;
  }

  /** @throws SstError why batches are refused for good */
  check(): void {
    const failure = this.#failure ?? this.#options.db.failure;
    if (failure === null) return;
    throw new SstError(failure.code, `the database takes no writes since: ${failure.message}`, {
      cause: failure,
    });
  }

  /**
   * Writes batches, in one write of the log; not while `isBusy`. Their ranges are resolved.
   * @throws SstError SST_NO_SPACE: nothing has happened; SST_USAGE, likewise, if one is too large for a log;
   * SST_IO: they may be in the log, and no more are taken
   */
  write(writes: readonly LoggedWrite[]): void {
    this.check();
    const log = this.#log;
    if (log === null) {
      this.startRotation();
      throw new SstError(SstErrorCode.NoSpace, 'the disk was full, and there is no new log yet');
    }
    const { db } = this.#options;
    let sequence = this.#sequence;
    for (const write of writes) write.sequence = ++sequence;
    try {
      log.appendAll(writes.map(({ record }) => record));
    } catch (error) {
      if (codeOf(error) === 'WAL_USAGE') throw usage(messageOf(error));
      throw this.#logFailed(log, error);
    }
    try {
      for (const write of writes) db.write(++this.#sequence, write.batch());
    } catch (error) {
      // What the log has and the memtable has not would come back at the next open.
      throw this.#fail(error);
    }
    if (db.wantsFreeze && !db.stalled) this.startRotation();
  }

  /** The batch with deletions in the place of its ranges. @throws SstError as Db.resolve */
  resolve(write: LoggedWrite): LoggedWrite {
    return write.hasRanges ? new LoggedWrite(this.#options.db.resolve(write.batch())) : write;
  }

  /** Makes all batches so far durable. @throws SstError */
  async sync(): Promise<void> {
    this.check();
    const log = this.#log;
    if (log !== null) {
      try {
        await log.sync();
        return;
      } catch (error) {
        const failure = this.#logFailed(log, error);
        if (failure.code !== SstErrorCode.NoSpace) throw failure;
      }
    }
    // The log has ended. What was in it is frozen, and durable with that.
    await this.#options.db.flushed();
  }

  /** As sync, and does not wait for space. @throws SstError also why an earlier batch was not made durable */
  async syncForClose(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    if (this.#log === null) {
      throw new SstError(SstErrorCode.NoSpace, 'the disk is too full to make all of it durable');
    }
    try {
      await this.#log.sync();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Begins a new log and a flush of what is in memory, if that is not under way. Never waits. */
  startRotation(): void {
    this.#rotation ??= this.#rotate()
      .catch((error: unknown) => {
        this.#fail(error);
      })
      .finally(() => {
        this.#rotation = null;
      });
  }

  /** As startRotation, for all that was written before; resolves when the flush is begun. @throws SstError */
  async rotate(): Promise<void> {
    // One that is under way takes everything along: no batch is written meanwhile.
    this.startRotation();
    await this.idle();
    this.check();
  }

  /** Waits while `isBusy`. */
  async idle(): Promise<void> {
    while (this.isBusy) await this.#rotation;
  }

  /** What is superseded may go, as far as no snapshot shows it. */
  dropHistory(): void {
    this.#options.db.setHistoryFloor(this.#sequence);
  }

  /** Without a sync. The tables are closed already: nothing waits for a flush any more. */
  async close(): Promise<void> {
    await this.#rotation;
    this.#log?.close();
  }

  /** A failure is kept for the next batch. */
  async #rotate(): Promise<void> {
    const old = this.#log;
    if (old !== null && !(await this.#replace(old))) return;
    if (this.#log === null) await this.#revive();
  }

  /** Goes over to a new log and freezes. False: nothing more is taken. */
  async #replace(old: BatchLog): Promise<boolean> {
    try {
      await old.sync();
    } catch (error) {
      this.#logFailed(old, error);
      return this.#failure === null;
    }
    try {
      this.#log = await this.#makeLog();
      old.close();
    } catch (error) {
      if (!isNoSpace(error)) {
        this.#fail(error);
        return false;
      }
    }
    this.#freeze((this.#log ?? old).number, 'made');
    return true;
  }

  /** Makes a log where there is none, once a flush has made the old one needless. */
  async #revive(): Promise<void> {
    try {
      await this.#options.db.flushed();
      this.#log = await this.#makeLog();
    } catch (error) {
      // Still full: the next batch tries again.
      if (!isNoSpace(error) && this.#options.db.failure === null) this.#fail(error);
    }
  }

  async #makeLog(): Promise<BatchLog> {
    const { fs, dir, databaseId } = this.#options;
    const number = this.#nextLog;
    const log = await BatchLog.create({ fs, dir, databaseId, number }, this.#sequence + 1);
    this.#nextLog++;
    return log;
  }

  /** @param log that the batches behind this moment go to; 'planned': it is not there yet */
  #freeze(log: number, how: 'made' | 'planned'): void {
    const { db, databaseId } = this.#options;
    if (db.failure !== null) return;
    this.dropHistory();
    const sequence = this.#sequence;
    db.freeze(encodeState({ databaseId, firstLog: log, isLogMade: how === 'made', sequence }));
  }

  /** The log takes nothing any more. Answers what its user is told. */
  #logFailed(log: BatchLog, error: unknown): SstError {
    if (!isNoSpace(error)) return this.#fail(error);
    if (this.#log === log) {
      log.close();
      this.#log = null;
      this.#giveUpLog();
    }
    return toSstError(error, `writing ${log.path}`, log.path);
  }

  /** What the logs have goes to tables, so that none of them is needed. */
  #giveUpLog(): void {
    this.#freeze(this.#nextLog, 'planned');
    this.startRotation();
  }

  #fail(error: unknown): SstError {
    this.#failure ??= toSstError(error, `writing to ${this.#options.dir}`, this.#options.dir);
    return this.#failure;
  }
}

function usage(message: string): SstError {
  return new SstError(SstErrorCode.Usage, message);
}
