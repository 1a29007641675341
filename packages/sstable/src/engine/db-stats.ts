import type { KeyBounds, Sequence } from '../contract.js';
import type { Store } from './store.js';

/** What one level holds. */
export interface LevelStats {
  readonly tables: number;
  readonly bytes: number;
  /** Versions, deletions included. */
  readonly entries: number;
  readonly deletions: number;
}

/** What a database is made of at this moment. */
export interface DbStats {
  readonly levels: readonly LevelStats[];
  /** The mutable one and those that wait for their flush. */
  readonly memtables: number;
  /** Bytes of their entries. */
  readonly memtableBytes: number;
  /** Memory that they hold. */
  readonly reservedBytes: number;
  readonly flushes: number;
  readonly compactions: number;
  /** Bytes of tables that flushes wrote since the open. */
  readonly flushedBytes: number;
  /** Bytes of tables that compactions merged and wrote since the open; moves count nothing. */
  readonly compactionReadBytes: number;
  readonly compactionWrittenBytes: number;
  /** Bytes that compactions would have to write until all levels are in shape: an estimate. */
  readonly compactionDebtBytes: number;
  readonly lastSequence: Sequence;
  /** What compaction may drop the superseded versions of: the host's floor, held down by snapshots. */
  readonly historyFloor: Sequence;
  /** Snapshots that are not released, and the lowest sequence that they show. */
  readonly snapshots: { readonly count: number; readonly oldest: Sequence | null };
  /** Iterators that are not closed. */
  readonly iterators: number;
  readonly bounds: KeyBounds;
  /** Number of the manifest that counts; null before the first one. */
  readonly manifest: number | null;
}

export function statsOf(store: Store): DbStats {
  const { version, frozen, mutable, snapshots, manifest } = store;
  const memtables = [mutable, ...frozen.flatMap(({ memtable }) => memtable ?? [])];
  const sum = <T>(items: readonly T[], size: (item: T) => number): number =>
    items.reduce((total, item) => total + size(item), 0);
  return {
    levels: version.levels.map((tables) => ({
      tables: tables.length,
      bytes: sum(tables, ({ meta }) => meta.sizeBytes),
      entries: sum(tables, ({ meta }) => meta.entries),
      deletions: sum(tables, ({ meta }) => meta.deletions),
    })),
    memtables: memtables.length,
    memtableBytes: sum(memtables, ({ sizeBytes }) => sizeBytes),
    reservedBytes: sum(memtables, ({ reservedBytes }) => reservedBytes),
    flushes: store.flushes,
    compactions: store.compactions,
    flushedBytes: store.flushedBytes,
    compactionReadBytes: store.compactionReadBytes,
    compactionWrittenBytes: store.compactionWrittenBytes,
    compactionDebtBytes: store.compactionDebtBytes,
    lastSequence: store.lastSequence,
    historyFloor: store.historyFloor,
    snapshots: { count: snapshots.count, oldest: snapshots.oldest },
    iterators: store.iterators,
    bounds: store.bounds,
    manifest: manifest.current?.number ?? null,
  };
}
