import type { Store } from './store.js';

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
  /** Bytes of tables that flushes wrote since the open. */
  readonly flushedBytes: number;
  /** Bytes of tables that compactions merged and wrote since the open; moves count nothing. */
  readonly compactionReadBytes: number;
  readonly compactionWrittenBytes: number;
  /** Bytes that compactions would have to write until all levels are in shape: an estimate. */
  readonly compactionDebtBytes: number;
}

export function statsOf(store: Store): DbStats {
  const { version, frozen, mutable, flushes, compactions } = store;
  const { flushedBytes, compactionReadBytes, compactionWrittenBytes, compactionDebtBytes } = store;
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
    flushedBytes,
    compactionReadBytes,
    compactionWrittenBytes,
    compactionDebtBytes,
  };
}
