import type {
  DbIterator,
  DbOptions,
  Found,
  IteratorOptions,
  MaybePromise,
  Sequence,
} from './contract.js';

/**
 * An LSM database hosted by something that has its own log: it keeps no WAL. Writes go to a memtable
 * at sequences of the host; a freeze ties the memtable to the host's state record; the flush's manifest
 * edit makes both durable at once (INVARIANT(frontier-atomic)).
 */
export class Db {
  /**
   * Opens or creates. Removes unreferenced files that an unclean stop left.
   * @throws SstError SST_CORRUPT (with file and offset), SST_FOREIGN, SST_NEWER_FORMAT, SST_IO
   */
  static open(_options: DbOptions): Promise<Db> {
    throw new Error('being written');
  }

  /** The host state named by the newest manifest edit; null in a new database. */
  get hostState(): Uint8Array | null {
    throw new Error('being written');
  }

  /** Highest sequence applied (memtable included). */
  get lastSequence(): Sequence {
    throw new Error('being written');
  }

  /** Bytes in the mutable memtable. */
  get memtableBytes(): number {
    throw new Error('being written');
  }

  /** True when the host should freeze at its next entry boundary. */
  get wantsFreeze(): boolean {
    throw new Error('being written');
  }

  /** True while flushes and compactions are so far behind that growth should be refused (BUSY). */
  get stalled(): boolean {
    throw new Error('being written');
  }

  /** Synchronous, memory only. Copies key and value. @throws SstError SST_USAGE if the sequence goes back */
  put(_sequence: Sequence, _key: Uint8Array, _value: Uint8Array): void {
    throw new Error('being written');
  }

  /** Writes a tombstone. As put. */
  delete(_sequence: Sequence, _key: Uint8Array): void {
    throw new Error('being written');
  }

  /** Newest version at or below `atMost` (default: newest). null if absent or deleted. @throws SstError SST_CORRUPT */
  get(_key: Uint8Array, _atMost?: Sequence): MaybePromise<Found | null> {
    throw new Error('being written');
  }

  iterator(_options: IteratorOptions): DbIterator {
    throw new Error('being written');
  }

  /**
   * Ends the mutable memtable, also an empty one, ties it to hostState (copied) and queues its flush.
   * Flushes install in order of the freezes. Never waits.
   */
  freeze(_hostState: Uint8Array): void {
    throw new Error('being written');
  }

  /** Versions superseded at or below this sequence may be dropped by compaction. Never goes back. */
  setHistoryFloor(_sequence: Sequence): void {
    throw new Error('being written');
  }

  /** Resolves when everything frozen so far is installed. @throws the background error */
  flushed(): Promise<void> {
    throw new Error('being written');
  }

  /** Runs compactions until none is due: for tests and maintenance. */
  compact(): Promise<void> {
    throw new Error('being written');
  }

  /** Reads every block of every table. @throws SstError SST_CORRUPT */
  verifyChecksums(): Promise<void> {
    throw new Error('being written');
  }

  stats(): DbStats {
    throw new Error('being written');
  }

  /** Waits for the running job, drops what is not flushed, closes files. */
  close(): Promise<void> {
    throw new Error('being written');
  }
}

export interface DbStats {
  readonly levels: readonly { readonly tables: number; readonly bytes: number }[];
  readonly memtables: number;
  readonly memtableBytes: number;
  readonly flushes: number;
  readonly compactions: number;
}
