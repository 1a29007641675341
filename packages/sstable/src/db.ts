import type { WriteBatch } from './batch/write-batch.js';
import { makeCheckpoint } from './checkpoint/checkpoint.js';
import {
  type Checkpoint,
  type CheckpointOptions,
  type DbIterator,
  type DbOptions,
  type Found,
  type FreezeOptions,
  type IteratorOptions,
  type KeyBounds,
  type LookOptions,
  type MaybePromise,
  type RangeDeletion,
  type RangeOptions,
  type Sequence,
  SstError,
  SstErrorCode,
  type VersionIterator,
  type VersionsOptions,
  type WarmOptions,
} from './contract.js';
import { Kind } from './encoding/internal-key.js';
import { Background } from './engine/background.js';
import { Compactor } from './engine/compactor.js';
import { type DbStats, statsOf } from './engine/db-stats.js';
import { FlushWaiters } from './engine/flush-waiters.js';
import { Flusher } from './engine/flusher.js';
import { openIterator, openVersions } from './engine/open-iterator.js';
import { openStore } from './engine/open-store.js';
import { quarantineTables } from './engine/quarantine.js';
import { MAX_HOST_STATE_BYTES } from './engine/settings.js';
import type { Store } from './engine/store.js';
import {
  addBatch,
  addRangeDeletion,
  addVersion,
  MAX_RANGE_KEYS,
  resolveRanges,
} from './engine/write-path.js';
import {
  isStalled,
  type PressureState,
  type WritePressure,
  writePressure,
} from './engine/write-pressure.js';
import { Memtable } from './memtable/memtable.js';
import { boundsOf, copyBounds, intersection, isEmpty, isInBounds } from './read/bounds.js';
import { NOTHING } from './read/cursor.js';
import { lookUp, lookUpOffLoop } from './read/point-lookup.js';
import { checkFloor, readPoint } from './read/read-point.js';
import type { Snapshot } from './read/snapshot.js';
import { warmRange } from './read/warm-range.js';
import type { Scrubbed } from './scrubber.js';
import { LogEvent } from './telemetry.js';
import { approximateSize } from './version/approximate-size.js';

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
  readonly #flushWaiters = new FlushWaiters();
  /** Checkpoints that are being made, by directory. */
  readonly #checkpoints = new Map<string, Promise<Checkpoint>>();
  #freezes = 0;
  #pressureState: PressureState = 'free';
  #closing: Promise<void> | null = null;

  private constructor(store: Store) {
    this.#store = store;
    this.#background = new Background(store, (error) => {
      store.share.leave();
      this.#rejectWaiters(error);
    });
    this.#compactor = new Compactor(this.#background, () => this.#watchPressure());
    this.#flusher = new Flusher(this.#background, () => this.#afterInstall());
    // What only a snapshot showed may go.
    store.snapshots.onReleased = () => this.#kickCompactor();
  }

  /**
   * Opens or creates. Writes a new manifest (an existing database on a full disk does without), then
   * removes unreferenced files that an unclean stop left. With `readOnly` it does neither.
   * @throws SstError SST_CORRUPT (with file and offset), SST_FOREIGN, SST_NEWER_FORMAT, SST_IO,
   * SST_NO_SPACE (a new database on a full disk), SST_MISSING (nothing there to be read only), SST_USAGE
   * (an option that makes no sense)
   */
  static async open(options: DbOptions): Promise<Db> {
    const store = await openStore(options);
    const db = new Db(store);
    db.#kickCompactor();
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

  /** The keys that are part of the database. */
  get bounds(): KeyBounds {
    return this.#store.bounds;
  }

  /** The background error that ended writes; null while there is none. */
  get failure(): SstError | null {
    return this.#background.failure;
  }

  /** Bytes in the mutable memtable. */
  get memtableBytes(): number {
    return this.#store.mutable.sizeBytes;
  }

  /** @internal Bytes of entries until wantsFreeze, if no budget asks before. */
  get roomBytes(): number {
    return Math.max(0, this.#store.settings.memtableBytes - this.memtableBytes);
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
   * already; if the key is longer than 65,535 bytes, outside of the bounds, or the value longer than 64 MiB
   */
  put(sequence: Sequence, key: Uint8Array, value: Uint8Array): void {
    this.#checkWritable();
    addVersion(this.#store, sequence, Kind.Set, key, value);
  }

  /**
   * As put, with a mark on the version: one bit that belongs to the host (as: the value begins with something of
   * its own). Whoever reads the version is told, nothing here looks at it.
   */
  putMarked(sequence: Sequence, key: Uint8Array, value: Uint8Array): void {
    this.#checkWritable();
    addVersion(this.#store, sequence, Kind.SetMarked, key, value);
  }

  /** Writes a tombstone. As put. */
  delete(sequence: Sequence, key: Uint8Array): void {
    this.#checkWritable();
    addVersion(this.#store, sequence, Kind.Delete, key, NOTHING);
  }

  /**
   * Writes a batch, all of it or nothing, at one sequence above all that were written. Copies keys and
   * values. An empty batch takes no sequence. Its range deletions may find 1,024 keys in all, which become
   * tombstones one by one: whoever watches the versions sees each of them.
   * @throws SstError as put; SST_USAGE also if the ranges hold too many keys; SST_CORRUPT, SST_IO if it has
   * ranges and cannot look into them
   */
  write(sequence: Sequence, batch: WriteBatch): void {
    this.#checkWritable();
    addBatch(this.#store, sequence, batch);
  }

  /**
   * The batch as `write` would take it now: with deletions of keys in the place of its range deletions. For a
   * host whose log should not depend on what is there when it is read again.
   * @throws SstError as write
   */
  resolve(batch: WriteBatch): WriteBatch {
    this.#store.checkOpen();
    return resolveRanges(this.#store, batch);
  }

  /**
   * Deletes the first keys of a range, at one sequence above all that were written: up to `limit` of them
   * (1 to 1,024, the default). Call it again from `resumeKey` on, at another sequence, for the rest. Takes no
   * sequence if the range is empty.
   * @throws SstError as write
   */
  deleteRange(sequence: Sequence, range: RangeOptions, limit = MAX_RANGE_KEYS): RangeDeletion {
    this.#checkWritable();
    return addRangeDeletion(this.#store, sequence, boundsOf(range), limit);
  }

  /**
   * Newest version at or below `atMost` (default: newest), or as a snapshot shows it. null if absent or
   * deleted.
   * @throws SstError SST_CORRUPT, SST_IO; SST_USAGE if `atMost` lies below the history floor, or is a
   * snapshot that was released or is another database's
   */
  get(key: Uint8Array, atMost?: Sequence | Snapshot): MaybePromise<Found | null> {
    return this.getSync(key, atMost);
  }

  /** As get, and never a promise: a block that is not in memory is read on the loop. */
  getSync(key: Uint8Array, atMost?: Sequence | Snapshot): Found | null {
    const store = this.#store;
    store.checkOpen();
    const sequence = readPoint(store, atMost);
    if (store.isClipped && !isInBounds(store.bounds, key)) return null;
    return lookUp(store, key, sequence);
  }

  /**
   * As get, for a caller that can wait: a block that is not in memory is read through the thread pool,
   * and then the answer is a promise. It tells of the state at the call, whatever is written meanwhile.
   * The key must not change until it is there.
   * @throws SstError as get; a promise rejects with SST_CORRUPT, SST_IO, or SST_CLOSED if the database was
   * closed meanwhile
   */
  look(key: Uint8Array, options: LookOptions = {}): MaybePromise<Found | null> {
    const store = this.#store;
    store.checkOpen();
    const atMost = readPoint(store, options.snapshot ?? options.sequence);
    if (store.isClipped && !isInBounds(store.bounds, key)) return null;
    return lookUpOffLoop(store, key, atMost, options.keysOnly ? 'sequence' : 'value');
  }

  /**
   * A consistent view; see DbIterator. Between two writes at one sequence it would see both: make it
   * before or after them.
   * @throws SstError SST_USAGE as get
   */
  iterator(options: IteratorOptions = {}): DbIterator {
    this.#store.checkOpen();
    return openIterator(this.#store, {
      bounds: intersection(boundsOf(options), this.#store.bounds),
      isReverse: options.reverse ?? false,
      keysOnly: options.keysOnly ?? false,
      sequence: readPoint(this.#store, options.snapshot ?? options.sequence),
    });
  }

  /**
   * Reads the beginning of a range, in reverse its end, into the block cache through the thread pool: an iterator
   * that is made at once then need not wait for a disk on the loop. A promise where there is something to read.
   * Answers how far it comes so: up to this key, the key included; in reverse down to it, the key left out; null:
   * through the whole range. With a cache that keeps nothing there is no use in it.
   * @throws SstError SST_USAGE; SST_CORRUPT, SST_IO; a promise rejects with these, or with SST_CLOSED if the
   * database was closed meanwhile
   */
  warm(options: WarmOptions): MaybePromise<Uint8Array | null> {
    const store = this.#store;
    store.checkOpen();
    const { reverse: isReverse = false, blocks } = options;
    if (!(blocks >= 1)) throw usage(`${blocks} blocks are none to read`);
    const bounds = intersection(boundsOf(options), store.bounds);
    return isEmpty(bounds) ? null : warmRange(store.version, { bounds, isReverse, blocks });
  }

  /**
   * Every version above a sequence, see VersionIterator: what happened since then. Tables and memtables
   * whose sequences do not reach above it are not looked into.
   * @throws SstError SST_USAGE if `after` (`through`, where only the newest are shown) lies below the history
   * floor: compaction may have dropped some
   */
  versions(options: VersionsOptions): VersionIterator {
    const store = this.#store;
    store.checkOpen();
    const { after, through = store.lastSequence, shows = 'all' } = options;
    checkFloor(store, shows === 'all' ? after : Math.min(through, store.lastSequence));
    const bounds = intersection(boundsOf(options), store.bounds);
    return openVersions(store, {
      ...bounds,
      after,
      through: Math.min(through, store.lastSequence),
      shows,
    });
  }

  /** Keeps this moment readable until the snapshot is released, see Snapshot. */
  snapshot(): Snapshot {
    this.#store.checkOpen();
    return this.#store.snapshots.pin(this.#store.lastSequence);
  }

  /**
   * Bytes of tables that hold the keys of a range, to about a block at each end. What is in memory alone
   * does not count.
   * @throws SstError SST_CORRUPT, SST_IO from reading indexes
   */
  approximateSize(range: RangeOptions): number {
    this.#store.checkOpen();
    const { version, bounds } = this.#store;
    return approximateSize(version, intersection(boundsOf(range), bounds));
  }

  /**
   * Ends the mutable memtable, also an empty one, ties it to hostState (copied) and queues its flush.
   * Flushes install in order of the freezes. Never waits. Later writes need higher sequences.
   *
   * With `bounds` the database is narrowed at once, durably with this freeze: until then a crash brings
   * the wider bounds back together with the host state before, and nothing outside is dropped.
   * @throws SstError SST_USAGE for a state of more than 16 MiB, and for bounds that are empty or wider than
   * those that hold; the error that ended background work
   */
  freeze(hostState: Uint8Array, options: FreezeOptions = {}): void {
    this.#checkWritable();
    if (hostState.length > MAX_HOST_STATE_BYTES) {
      throw usage(`a host state of ${hostState.length} bytes is too long`);
    }
    const store = this.#store;
    const { mutable, lastSequence } = store;
    const bounds = options.bounds === undefined ? null : copyBounds(options.bounds);
    if (bounds !== null) store.narrow(bounds);
    const memtable = mutable.entries > 0 ? mutable : null;
    store.frozen.push({ memtable, hostState: hostState.slice(), lastSequence, bounds });
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
   * Versions superseded at or below this sequence may be dropped by compaction, as far as no snapshot shows
   * them. Never goes back, is not kept over a restart: the host sets it again.
   */
  setHistoryFloor(sequence: Sequence): void {
    const store = this.#store;
    const before = store.historyFloor;
    store.readFloor = Math.max(store.readFloor, sequence);
    // Tombstones that nobody has to see any more.
    if (before < store.tombstoneFloor && store.historyFloor >= store.tombstoneFloor) {
      this.#kickCompactor();
    }
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
      this.#checkCompactable();
      this.#compactor.kick();
      await this.#compactor.idle();
      this.#checkCompactable();
    } while (this.#compactor.isDue);
  }

  /**
   * Compacts what a range of keys holds now down to the deepest level, in small steps: other compactions
   * take their turn in between, and writes go on. What is in memory alone stays there: freeze before.
   * @throws the background error; SST_CLOSED, SST_USAGE
   */
  async compactRange(range: RangeOptions = {}): Promise<void> {
    this.#checkWritable();
    await this.#compactor.compactRange(boundsOf(range));
  }

  /**
   * Makes a copy of what the manifest names now, as a database of its own in `dir`, by hard links where the
   * file system can. What was not flushed is not in it. `dir` appears whole and durable, or not at all: it
   * is made as `dir`.tmp, which must not be used for anything else and is removed first.
   * @throws SstError SST_USAGE if `dir` is there already; SST_NO_SPACE, SST_IO, SST_CORRUPT (a table that had
   * to be copied); SST_CLOSED
   */
  async checkpoint(dir: string, options: CheckpointOptions = {}): Promise<Checkpoint> {
    this.#store.checkOpen();
    if (this.#closing !== null) throw closedError();
    if (this.#checkpoints.has(dir)) throw usage(`a checkpoint is being made in ${dir}`);
    const work = makeCheckpoint(this.#store, dir, options);
    this.#checkpoints.set(dir, work);
    try {
      return await work;
    } finally {
      this.#checkpoints.delete(dir);
    }
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
   * @throws SstError SST_USAGE for a table that it does not have, and for a read-only database; SST_IO
   */
  async quarantine(tables: readonly number[] = [...this.damagedTables.keys()]): Promise<string[]> {
    this.#store.checkOpen();
    if (this.#store.settings.readOnly) throw readOnlyError();
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
   * Ends the running job at its next step, waits for it and for checkpoints, drops what is not flushed,
   * closes files. Open iterators throw SST_CLOSED from then on. A second call answers as the first.
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
    await Promise.allSettled(this.#checkpoints.values());
    await this.#store.close();
    this.#rejectWaiters(closedError());
  }

  #checkWritable(): void {
    if (this.#closing !== null) throw closedError();
    if (this.#store.settings.readOnly) throw readOnlyError();
    const failure = this.#background.failure;
    if (failure === null) return;
    throw new SstError(failure.code, `the database takes no writes since: ${failure.message}`, {
      cause: failure,
    });
  }

  /** @throws the background error, SST_CLOSED, SST_USAGE */
  #checkCompactable(): void {
    if (this.#closing !== null) throw closedError();
    if (this.#store.settings.readOnly) throw readOnlyError();
    if (this.#background.failure !== null) throw this.#background.failure;
  }

  #afterInstall(): void {
    this.#flushWaiters.settle(this.#store.flushes);
    this.#watchPressure();
    this.#compactor.kick();
  }

  #kickCompactor(): void {
    if (!this.#store.settings.readOnly) this.#compactor.kick();
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

function readOnlyError(): SstError {
  return usage('the database was opened read-only');
}

function closedError(): SstError {
  return new SstError(SstErrorCode.Closed, 'the database is closed');
}
