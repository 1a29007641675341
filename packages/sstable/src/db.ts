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
import { type DbStats, statsOf } from './engine/db-stats.js';
import { FlushWaiters } from './engine/flush-waiters.js';
import { Flusher } from './engine/flusher.js';
import { openIterator } from './engine/open-iterator.js';
import { openStore } from './engine/open-store.js';
import { quarantineTables } from './engine/quarantine.js';
import { MAX_HOST_STATE_BYTES } from './engine/settings.js';
import type { Store } from './engine/store.js';
import {
  isStalled,
  type PressureState,
  type WritePressure,
  writePressure,
} from './engine/write-pressure.js';
import type { CompactionRange } from './jobs/manual-compaction.js';
import { Memtable } from './memtable/memtable.js';
import { NOTHING } from './read/cursor.js';
import { lookUp, lookUpOffLoop } from './read/point-lookup.js';
import type { Scrubbed } from './scrubber.js';
import { LogEvent } from './telemetry.js';

/**
 * An LSM database hosted by something that has its own log: it keeps no WAL. Writes go to a memtable
 * at sequences of the host; a freeze ties the memtable to the host's state record; the flush's manifest
 * edit makes both durable at once (INVARIANT(frontier-atomic)).
 *
 * After a background error 'stopped' or 'fatal' reads go on, writes throw that error.
 */
export class Db implements Scrubbed {
  readonly #store: Store;
  readonly #background: Background;
  readonly #flusher: Flusher;
  readonly #compactor: Compactor;
  #freezes = 0;
  #pressureState: PressureState = 'free';
  readonly #flushWaiters = new FlushWaiters();
  #closing: Promise<void> | null = null;

  private constructor(store: Store) {
    this.#store = store;
    this.#background = new Background(store, (error) => {
      store.share.leave();
      this.#rejectWaiters(error);
    });
    this.#compactor = new Compactor(this.#background, () => this.#watchPressure());
    this.#flusher = new Flusher(this.#background, () => this.#afterInstall());
  }

  /**
   * Opens or creates. Writes a new manifest (an existing database on a full disk does without), then
   * removes unreferenced files that an unclean stop left.
   * @throws SstError SST_CORRUPT (with file and offset), SST_FOREIGN, SST_NEWER_FORMAT, SST_IO,
   * SST_NO_SPACE (a new database on a full disk), SST_USAGE (an option that makes no sense)
   */
  static async open(options: DbOptions): Promise<Db> {
    const store = await openStore(options);
    const db = new Db(store);
    db.#compactor.kick();
    store.settings.scrubber?.add(db);
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
    return isStalled(this.#store);
  }

  /** How far flushes and compactions are behind, and what to pause between writes so that they can follow. */
  get pressure(): WritePressure {
    return writePressure(this.#store);
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
      store.mutable = new Memtable(store.settings.budget.slabs);
      store.share.froze();
      store.minimumSequence = lastSequence + 1;
    }
    this.#watchPressure();
    this.#flusher.kick();
  }

  /**
   * Versions superseded at or below this sequence may be dropped by compaction. Never goes back, is not
   * kept over a restart: the host sets it again.
   */
  setHistoryFloor(sequence: Sequence): void {
    const store = this.#store;
    const before = store.historyFloor;
    store.historyFloor = Math.max(before, sequence);
    // Tombstones that nobody has to see any more.
    if (before < store.tombstoneFloor && sequence >= store.tombstoneFloor) this.#compactor.kick();
  }

  /** Resolves when everything frozen so far is installed. @throws the background error; SST_CLOSED */
  async flushed(): Promise<void> {
    const { failure } = this.#background;
    if (this.#closing !== null) throw closedError();
    if (failure !== null) throw failure;
    if (this.#store.flushes < this.#freezes) await this.#flushWaiters.wait(this.#freezes);
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

  /**
   * Compacts what a range of keys holds now down to the deepest level, in small steps: other compactions
   * take their turn in between, and writes go on. @throws the background error; SST_CLOSED
   */
  async compactRange(range: CompactionRange = {}): Promise<void> {
    this.#checkWritable();
    await this.#compactor.compactRange(range);
  }

  /** Reads every block of every table, in turn. @throws SstError SST_CORRUPT, SST_IO, SST_CLOSED */
  async verifyChecksums(): Promise<void> {
    this.#store.checkOpen();
    const version = this.#store.version.acquire();
    try {
      for (const { meta } of version.levels.flat()) await this.#background.check(meta);
    } finally {
      version.release();
    }
  }

  /** Numbers of the tables of this moment. */
  tableNumbers(): readonly number[] {
    return this.#store.version.levels.flat().map(({ meta }) => meta.number);
  }

  /**
   * Reads every byte of a table; damage goes to `onCorruption`. Answers the bytes that were read: 0 if there
   * is no such table any more. @throws SstError SST_IO, SST_CLOSED
   */
  async checkTable(table: number): Promise<number> {
    this.#store.checkOpen();
    const version = this.#store.version.acquire();
    try {
      const handle = version.levels.flat().find(({ meta }) => meta.number === table);
      if (handle === undefined) return 0;
      await this.#background.check(handle.meta).catch((error: unknown) => {
        if (!this.#store.damage.has(table)) throw error;
      });
      return handle.meta.sizeBytes;
    } finally {
      version.release();
    }
  }

  /** Tables that failed a check since the open, with what was found. */
  get damagedTables(): ReadonlyMap<number, SstError> {
    return this.#store.damage;
  }

  /**
   * Closes the database and moves tables to `quarantineDir`, where nothing removes them: for people to look
   * at. The database cannot be opened again: it would say which table is missing rather than answer without
   * it. Answers the new paths.
   * @param tables - default: those that failed a check
   * @throws SstError SST_USAGE for a table that it does not have; SST_IO
   */
  async quarantine(tables: readonly number[] = [...this.damagedTables.keys()]): Promise<string[]> {
    this.#store.checkOpen();
    const own = new Set(this.tableNumbers());
    const stranger = tables.find((table) => !own.has(table));
    if (stranger !== undefined) throw usage(`there is no table ${stranger}`);
    const { fs, dir, quarantineDir, logger } = this.#store.settings;
    await this.close();
    const paths = await quarantineTables(fs, dir, quarantineDir, tables);
    logger.warn(LogEvent.Quarantined, { dir, tables: tables.join(' ') });
    return paths;
  }

  stats(): DbStats {
    return statsOf(this.#store);
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
    this.#store.settings.scrubber?.remove(this);
    this.#background.cancel();
    this.#background.cancelReaders();
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
    this.#flushWaiters.settle(this.#store.flushes);
    this.#watchPressure();
    this.#compactor.kick();
  }

  #watchPressure(): void {
    const { state } = this.pressure;
    if (state === this.#pressureState) return;
    this.#pressureState = state;
    this.#store.settings.events.pressureChanged?.(state);
  }

  #rejectWaiters(error: SstError): void {
    this.#flushWaiters.rejectAll(error);
    this.#compactor.refuseManual(error);
  }
}

function usage(message: string): SstError {
  return new SstError(SstErrorCode.Usage, message);
}

function closedError(): SstError {
  return new SstError(SstErrorCode.Closed, 'the database is closed');
}
