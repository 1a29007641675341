import type { Clock, FileLock, Random } from '@dougdb/ports';
import { WriteBatch } from '../batch/write-batch.js';
import type { BlockCache } from '../block-cache.js';
import {
  type Checkpoint,
  type DbIterator,
  type DbOptions,
  type Found,
  type IteratorOptions,
  type LookOptions,
  type MaybePromise,
  type RangeOptions,
  SstError,
  SstErrorCode,
} from '../contract.js';
import type { Db } from '../db.js';
import type { DbStats } from '../engine/db-stats.js';
import type { Snapshot } from '../read/snapshot.js';
import { LogEvent } from '../telemetry.js';
import { DATABASE_ID_BYTES, decodeState, encodeState } from './embedded-state.js';
import { LogWriter } from './log-writer.js';
import { openParts } from './open-embedded.js';
import { WriteQueue } from './write-queue.js';

/** What an embedded database sees to itself. */
type OwnOption = 'cache' | 'quarantineDir' | 'identity' | 'readOnly' | 'bounds' | 'onInstalled';

/** What {@link EmbeddedDb.open} needs. What is not here is as in {@link DbOptions}. */
export interface EmbeddedOptions extends Omit<DbOptions, OwnOption> {
  /**
   * 'if-missing', the default: makes the directory and a database in it. 'never': SST_MISSING if there is
   * none. 'new': SST_EXISTS if there is one.
   */
  readonly create?: 'if-missing' | 'never' | 'new';
  /** May be shared by all databases of a process. Default: one of its own. */
  readonly cache?: BlockCache;
  /** Size of a cache of its own. Default 8 MiB. */
  readonly cacheBytes?: number;
}

/** How durable a write is to be. */
export interface WriteOptions {
  /**
   * True: the write, and all before it, is on the disk when the promise resolves. False, the default: it is
   * with the operating system; it outlives the process, but not a power loss right after it.
   */
  readonly sync?: boolean;
}

/** What an embedded database is made of at this moment. */
export interface EmbeddedStats extends DbStats {
  /** Number and size of the log that takes writes; null while the disk is too full for one. */
  readonly log: { readonly number: number; readonly bytes: number } | null;
  /** Writes that wait for room or for a new log. */
  readonly waitingWrites: number;
}

/**
 * An ordinary embedded database: a {@link Db} with a log of its own. Batches go to the log, then to the
 * memtable; when that is full it goes to a table, and a new log begins.
 *
 * A crash leaves a prefix of the writes, in the order of their calls, with every one that was synced. After a
 * failed write or sync of the log it takes no more writes (reads go on): close it and open it again, and
 * what was promised is there. A full disk is not that: writes are refused with SST_NO_SPACE, and taken again
 * once there is space.
 */
export class EmbeddedDb {
  readonly #db: Db;
  readonly #lock: FileLock;
  readonly #writer: LogWriter;
  readonly #queue: WriteQueue;
  readonly #random: Random;
  #closing: Promise<void> | null = null;

  private constructor(db: Db, lock: FileLock, writer: LogWriter, clock: Clock, random: Random) {
    this.#db = db;
    this.#lock = lock;
    this.#writer = writer;
    this.#queue = new WriteQueue(writer, clock);
    this.#random = random;
  }

  /**
   * Takes the lock and opens or creates, see EmbeddedOptions.create. Batches that are in the log alone are
   * written again.
   * @throws SstError SST_LOCKED, SST_MISSING, SST_EXISTS, SST_CORRUPT (with file and offset), SST_FOREIGN,
   * SST_NEWER_FORMAT, SST_IO, SST_NO_SPACE, SST_USAGE
   */
  static async open(options: EmbeddedOptions): Promise<EmbeddedDb> {
    const { db, lock, recovered, databaseId } = await openParts(options);
    const { fs, clock, random, dir, logger } = options;
    for (const file of recovered.torn) logger?.warn(LogEvent.LogTorn, { dir, file });
    const writer = new LogWriter({ fs, dir, db, databaseId }, recovered);
    return new EmbeddedDb(db, lock, writer, clock, random);
  }

  /** As `Db.get`. */
  get(key: Uint8Array, snapshot?: Snapshot): MaybePromise<Found | null> {
    return this.#db.get(key, snapshot);
  }

  /** As `Db.getSync`. */
  getSync(key: Uint8Array, snapshot?: Snapshot): Found | null {
    return this.#db.getSync(key, snapshot);
  }

  /** As `Db.look`. */
  look(key: Uint8Array, options: Omit<LookOptions, 'sequence'> = {}): MaybePromise<Found | null> {
    return this.#db.look(key, options);
  }

  /** As `Db.iterator`. */
  iterator(options: Omit<IteratorOptions, 'sequence'> = {}): DbIterator {
    return this.#db.iterator(options);
  }

  /** As `Db.snapshot`. */
  snapshot(): Snapshot {
    return this.#db.snapshot();
  }

  /** As `Db.approximateSize`. */
  approximateSize(range: RangeOptions): number {
    return this.#db.approximateSize(range);
  }

  /** As write, of one key. */
  put(key: Uint8Array, value: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.write(new WriteBatch().put(key, value), options);
  }

  /** As write, of one key. */
  delete(key: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.write(new WriteBatch().delete(key), options);
  }

  /**
   * Writes a batch, all of it or nothing. Writes take effect in the order of the calls; keys and
   * values are copied before the call returns. Resolves when the write can be read and, with `sync`, is durable.
   * @throws SstError (as a rejection) SST_USAGE, SST_NO_SPACE: nothing has happened; SST_IO: it is not known
   * whether the write is on the disk, and no more are taken; SST_CLOSED
   */
  write(batch: WriteBatch, options: WriteOptions = {}): Promise<void> {
    const isSynced = options.sync === true;
    if (this.#closing !== null) return Promise.reject(closedError());
    if (batch.size > 0) return this.#queue.write(batch, isSynced ? 'synced' : 'written');
    return isSynced ? this.sync() : Promise.resolve();
  }

  /** Makes all writes whose promises have resolved durable. @throws as write */
  sync(): Promise<void> {
    return this.#writer.sync();
  }

  /** Writes what is in memory to tables and waits for it. @throws SstError the background error, SST_CLOSED */
  async flush(): Promise<void> {
    if (this.#closing !== null) throw closedError();
    await this.#writer.rotate();
    await this.#db.flushed();
  }

  /** Flushes, then as `Db.compactRange`. */
  async compactRange(range: RangeOptions): Promise<void> {
    await this.flush();
    this.#writer.dropHistory();
    await this.#db.compactRange(range);
  }

  /** As `Db.compact`. */
  compact(): Promise<void> {
    this.#writer.dropHistory();
    return this.#db.compact();
  }

  /** Flushes, then as `Db.checkpoint`: the copy is opened as this database is, by `EmbeddedDb.open`. */
  async checkpoint(dir: string): Promise<Checkpoint> {
    await this.flush();
    const state = decodeState(this.#db.hostState ?? NO_STATE);
    const hostState = encodeState({
      ...state,
      databaseId: this.#random.bytes(DATABASE_ID_BYTES),
      isLogMade: false,
    });
    return this.#db.checkpoint(dir, { hostState });
  }

  /** As `Db.verifyChecksums`. */
  verifyChecksums(): Promise<void> {
    return this.#db.verifyChecksums();
  }

  /** Costs a walk over the tables' entries in the manifest, no I/O. */
  stats(): EmbeddedStats {
    return {
      ...this.#db.stats(),
      log: this.#writer.log,
      waitingWrites: this.#queue.size,
    };
  }

  /**
   * Makes everything durable that was written, closes files and gives the lock back. Writes that still wait
   * for room are rejected with SST_CLOSED. A second call answers as the first.
   * @throws SstError (as a rejection) SST_IO, SST_NO_SPACE if what was not synced yet could not be; all is
   * closed then too, and what is with the operating system may still be there at the next open
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    let failure: { readonly error: unknown } | null = null;
    try {
      await this.#queue.close(closedError());
    } catch (error) {
      failure = { error };
    }
    await this.#db.close();
    await this.#writer.close();
    await this.#lock.release();
    if (failure !== null) throw failure.error;
  }
}

/** No state record decodes from it: a database that is open has one. */
const NO_STATE = new Uint8Array(0);

function closedError(): SstError {
  return new SstError(SstErrorCode.Closed, 'the database is closed');
}
