import type {
  DbIterator,
  DbOptions,
  Found,
  IteratorOptions,
  LookOptions,
  MaybePromise,
  Sequence,
} from './contract.js';
import { SstError, SstErrorCode } from './contract.js';
import { Kind, MAX_KEY_BYTES, MAX_SEQUENCE, MAX_VALUE_BYTES } from './encoding/internal-key.js';
import { Background } from './engine/background.js';
import { Compactor } from './engine/compactor.js';
import { Flusher } from './engine/flusher.js';
import { openIterator } from './engine/open-iterator.js';
import { recover } from './engine/recovery.js';
import {
  MAX_HOST_STATE_BYTES,
  resolveSettings,
  STALL_FREEZES,
  STALL_LEVEL0_TABLES,
  STALL_MEMTABLES,
} from './engine/settings.js';
import { startStore } from './engine/start-store.js';
import type { Store } from './engine/store.js';
import { verifyTable } from './inspect/verify-table.js';
import { Memtable } from './memtable/memtable.js';
import { NOTHING } from './read/cursor.js';
import { lookUp, lookUpOffLoop } from './read/point-lookup.js';
import { LogEvent } from './telemetry.js';

interface FlushWaiter {
  /** Freezes that must be installed. */
  readonly freezes: number;
  readonly resolve: () => void;
  readonly reject: (error: SstError) => void;
}

/**
 * An LSM database hosted by something that has its own log: it keeps no WAL. Writes go to a memtable
 * at sequences of the host; a freeze ties the memtable to the host's state record; the flush's manifest
 * edit makes both durable at once (INVARIANT(frontier-atomic)).
 *
 * After a background error 'stopped' or 'fatal' reads go on, writes throw that error.
 */
export class Db {
  readonly #store: Store;
  readonly #background: Background;
  readonly #flusher: Flusher;
  readonly #compactor: Compactor;
  #freezes = 0;
  #flushWaiters: FlushWaiter[] = [];
  #closing: Promise<void> | null = null;

  private constructor(store: Store) {
    this.#store = store;
    this.#background = new Background(store, (error) => {
      store.share.leave();
      this.#rejectWaiters(error);
    });
    this.#compactor = new Compactor(this.#background);
    this.#flusher = new Flusher(this.#background, () => this.#afterInstall());
  }

  /**
   * Opens or creates. Writes a new manifest (an existing database on a full disk does without), then
   * removes unreferenced files that an unclean stop left.
   * @throws SstError SST_CORRUPT (with file and offset), SST_FOREIGN, SST_NEWER_FORMAT, SST_IO,
   * SST_NO_SPACE (a new database on a full disk), SST_USAGE (an option that makes no sense)
   */
  static async open(options: DbOptions): Promise<Db> {
    const settings = resolveSettings(options);
    const recovered = await recover(settings.fs, settings.dir, settings.identity);
    const store = await startStore(settings, recovered);
    settings.logger.info(LogEvent.Opened, {
      dir: settings.dir,
      tables: store.version.tableCount,
      lastSequence: store.lastSequence,
      isNew: recovered.current === null,
    });
    const db = new Db(store);
    db.#compactor.kick();
    return db;
  }

  /** The host state named by the newest manifest edit; null in a new database. A view: not to be changed. */
  get hostState(): Uint8Array | null {
    return this.#store.manifest.state.hostState;
  }

  /** Highest sequence applied (memtable included); 0 in a new database. */
  get lastSequence(): Sequence {
    return this.#store.lastSequence;
  }

  /** Bytes in the mutable memtable. */
  get memtableBytes(): number {
    return this.#store.mutable.sizeBytes;
  }

  /** True when the host should freeze at its next entry boundary. */
  get wantsFreeze(): boolean {
    const { settings, share } = this.#store;
    return share.isAsked || this.memtableBytes >= settings.memtableBytes;
  }

  /** True while flushes and compactions are so far behind that growth should be refused (BUSY). */
  get stalled(): boolean {
    const { frozen, version, settings } = this.#store;
    if (settings.budget.isFull) return true;
    if ((version.levels[0]?.length ?? 0) >= STALL_LEVEL0_TABLES) return true;
    // Each one holds a state record of the host, with or without a memtable.
    if (frozen.length > STALL_FREEZES) return true;
    return frozen.filter(({ memtable }) => memtable !== null).length > STALL_MEMTABLES;
  }

  /**
   * Synchronous, memory only. Copies key and value.
   * @throws SstError SST_USAGE if the sequence goes back, is not above the last freeze, or has this key
   * already; if the key is longer than 65,535 bytes or the value than 64 MiB
   */
  put(sequence: Sequence, key: Uint8Array, value: Uint8Array): void {
    if (value.length > MAX_VALUE_BYTES) throw usage(`a value of ${value.length} bytes is too long`);
    this.#add(sequence, Kind.Set, key, value);
  }

  /** Writes a tombstone. As put. */
  delete(sequence: Sequence, key: Uint8Array): void {
    this.#add(sequence, Kind.Delete, key, NOTHING);
  }

  /**
   * Newest version at or below `atMost` (default: newest). null if absent or deleted.
   * @throws SstError SST_CORRUPT, SST_IO; SST_USAGE if `atMost` lies below the history floor
   */
  get(key: Uint8Array, atMost?: Sequence): MaybePromise<Found | null> {
    this.#store.checkOpen();
    return lookUp(this.#store, key, this.#readSequence(atMost));
  }

  /**
   * As get, for a caller that can wait: a block that is not in memory is read through the thread pool,
   * and then the answer is a promise. It tells of the state at the call, whatever is written meanwhile.
   * The key must not change until it is there.
   * @throws SstError as get; a promise rejects with SST_CORRUPT, SST_IO, or SST_CLOSED if the database was
   * closed meanwhile
   */
  look(key: Uint8Array, options: LookOptions = {}): MaybePromise<Found | null> {
    this.#store.checkOpen();
    const atMost = this.#readSequence(options.sequence);
    return lookUpOffLoop(this.#store, key, atMost, options.keysOnly ? 'sequence' : 'value');
  }

  /**
   * A consistent view; see DbIterator. Between two writes at one sequence it would see both: make it
   * before or after them.
   * @throws SstError SST_USAGE if options.sequence lies below the history floor
   */
  iterator(options: IteratorOptions): DbIterator {
    this.#store.checkOpen();
    return openIterator(this.#store, options, this.#readSequence(options.sequence));
  }

  /**
   * Ends the mutable memtable, also an empty one, ties it to hostState (copied) and queues its flush.
   * Flushes install in order of the freezes. Never waits. Later writes need higher sequences.
   * @throws SstError SST_USAGE for a state of more than 16 MiB; the error that ended background work
   */
  freeze(hostState: Uint8Array): void {
    this.#checkWritable();
    if (hostState.length > MAX_HOST_STATE_BYTES) {
      throw usage(`a host state of ${hostState.length} bytes is too long`);
    }
    const store = this.#store;
    const { mutable, lastSequence } = store;
    const memtable = mutable.entries > 0 ? mutable : null;
    store.frozen.push({ memtable, hostState: hostState.slice(), lastSequence });
    this.#freezes++;
    if (memtable !== null) {
      store.mutable = new Memtable();
      store.share.froze();
      store.minimumSequence = lastSequence + 1;
    }
    this.#flusher.kick();
  }

  /**
   * Versions superseded at or below this sequence may be dropped by compaction. Never goes back, is not
   * kept over a restart: the host sets it again.
   */
  setHistoryFloor(sequence: Sequence): void {
    const store = this.#store;
    store.historyFloor = Math.max(store.historyFloor, sequence);
  }

  /** Resolves when everything frozen so far is installed. @throws the background error */
  flushed(): Promise<void> {
    return new Promise((resolve, reject) => {
      const failure = this.#background.failure;
      if (this.#closing !== null) reject(closedError());
      else if (failure !== null) reject(failure);
      else {
        this.#flushWaiters.push({ freezes: this.#freezes, resolve, reject });
        this.#settleWaiters();
      }
    });
  }

  /** Runs compactions until none is due: for tests and maintenance. @throws the background error */
  async compact(): Promise<void> {
    do {
      this.#store.checkOpen();
      this.#compactor.kick();
      await this.#compactor.idle();
      if (this.#background.failure !== null) throw this.#background.failure;
      if (this.#closing !== null) throw closedError();
    } while (this.#compactor.isDue);
  }

  /** Reads every block of every table, in slices. @throws SstError SST_CORRUPT, SST_IO, SST_CLOSED */
  async verifyChecksums(): Promise<void> {
    this.#store.checkOpen();
    const version = this.#store.version.acquire();
    try {
      for (const { reader, meta } of version.levels.flat()) {
        await this.#background.runReader(verifyTable(reader, meta));
      }
    } finally {
      version.release();
    }
  }

  stats(): DbStats {
    const { version, frozen, mutable, flushes, compactions } = this.#store;
    const memtables = [mutable, ...frozen.flatMap(({ memtable }) => memtable ?? [])];
    return {
      levels: version.levels.map((tables) => ({
        tables: tables.length,
        bytes: tables.reduce((sum, { meta }) => sum + meta.sizeBytes, 0),
      })),
      memtables: memtables.length,
      memtableBytes: memtables.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      reservedBytes: memtables.reduce((sum, { reservedBytes }) => sum + reservedBytes, 0),
      flushes,
      compactions,
    };
  }

  /**
   * Ends the running job at its next step, waits for it, drops what is not flushed, closes files. Open
   * iterators throw SST_CLOSED from then on. A second call answers as the first.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#background.cancel();
    await this.#flusher.idle();
    await this.#compactor.idle();
    await this.#store.close();
    this.#rejectWaiters(closedError());
  }

  #add(sequence: Sequence, kind: Kind, key: Uint8Array, value: Uint8Array): void {
    const store = this.#store;
    this.#checkWritable();
    if (key.length > MAX_KEY_BYTES) throw usage(`a key of ${key.length} bytes is too long`);
    if (
      !Number.isInteger(sequence) ||
      sequence < store.minimumSequence ||
      sequence < store.lastSequence
    ) {
      const last = Math.max(store.lastSequence, store.minimumSequence - 1);
      throw usage(`sequence ${sequence} goes back: ${last} was written or frozen`);
    }
    if (sequence > MAX_SEQUENCE) throw usage(`sequence ${sequence} is not below 2^48`);
    const { mutable, share } = store;
    const before = mutable.reservedBytes;
    if (!mutable.add(sequence, kind, key, value)) {
      throw usage(`sequence ${sequence} has a write of this key already`);
    }
    store.lastSequence = sequence;
    share.grew(mutable.reservedBytes - before);
  }

  #readSequence(wanted: Sequence | undefined): Sequence {
    const { lastSequence, historyFloor } = this.#store;
    if (wanted === undefined || wanted >= lastSequence) return lastSequence;
    if (wanted < historyFloor) {
      throw usage(`sequence ${wanted} lies below the history floor ${historyFloor}`);
    }
    return wanted;
  }

  #checkWritable(): void {
    if (this.#closing !== null) throw closedError();
    const failure = this.#background.failure;
    if (failure === null) return;
    throw new SstError(failure.code, `the database takes no writes since: ${failure.message}`, {
      cause: failure,
    });
  }

  #afterInstall(): void {
    this.#settleWaiters();
    this.#compactor.kick();
  }

  #settleWaiters(): void {
    const installed = this.#store.flushes;
    const ready = this.#flushWaiters.filter(({ freezes }) => freezes <= installed);
    this.#flushWaiters = this.#flushWaiters.filter(({ freezes }) => freezes > installed);
    for (const { resolve } of ready) resolve();
  }

  #rejectWaiters(error: SstError): void {
    const waiters = this.#flushWaiters;
    this.#flushWaiters = [];
    for (const { reject } of waiters) reject(error);
  }
}

export interface DbStats {
  readonly levels: readonly { readonly tables: number; readonly bytes: number }[];
  /** The mutable one and those that wait for their flush. */
  readonly memtables: number;
  /** Bytes of their entries. */
  readonly memtableBytes: number;
  /** Memory that they hold. */
  readonly reservedBytes: number;
  readonly flushes: number;
  readonly compactions: number;
}

function usage(message: string): SstError {
  return new SstError(SstErrorCode.Usage, message);
}

function closedError(): SstError {
  return new SstError(SstErrorCode.Closed, 'the database is closed');
}
