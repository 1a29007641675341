import { compareKeys } from '../encoding/key-order.js';
import type { TableMeta } from '../table/table-meta.js';
import type { TableHandle } from '../version/table-handle.js';
import { overlapping, type Version } from '../version/version.js';

/** A table may lie over so many full tables of the level below the one it is in. */
const MAX_GRANDPARENT_TABLES = 10;

/** Why a compaction is done. */
export type CompactionReason = 'level 0' | 'size' | 'tombstones' | 'manual' | 'bounds';

/** What a compaction reads and where it writes. */
export interface CompactionPick {
  readonly reason: CompactionReason;
  readonly level: number;
  /** Tables of `level`; for level 0 newest first. */
  readonly upper: readonly TableHandle[];
  /** Below `level`, or the same: then the tables are only rid of what nobody can ask for. */
  readonly outputLevel: number;
  /** Tables of the output level that overlap them, in key order. */
  readonly lower: readonly TableHandle[];
  /** Tables of the level below the output level that overlap them, in key order. */
  readonly grandparents: readonly TableHandle[];
  /** The tables only change their level: nothing is read or written. */
  readonly isMove: boolean;
}

export interface KeySpan {
  readonly smallest: Uint8Array;
  readonly largest: Uint8Array;
}

/** @param mayMove false where the point is to write the tables anew */
export function makePick(
  version: Version,
  reason: CompactionReason,
  from: { readonly level: number; readonly upper: readonly TableHandle[]; readonly to: number },
  options: { readonly mayMove: boolean; readonly tableBytes: number },
): CompactionPick | null {
  const { level, upper, to } = from;
  const span = spanOf(upper);
  if (span === null) return null;
  const at = (which: number): TableHandle[] =>
    overlapping(version.levels[which] ?? [], span.smallest, span.largest);
  const lower = to === level ? [] : at(to);
  const grandparents = at(to + 1);
  const isLight = bytesOf(grandparents) <= maxGrandparentBytes(options.tableBytes) * upper.length;
  const isMove = options.mayMove && lower.length === 0 && isLight && areDisjoint(upper);
  return { reason, level, upper, outputLevel: to, lower, grandparents, isMove };
}

export function maxGrandparentBytes(tableBytes: number): number {
  return MAX_GRANDPARENT_TABLES * tableBytes;
}

export function bytesOf(tables: readonly { readonly meta: TableMeta }[]): number {
  return tables.reduce((sum, { meta }) => sum + meta.sizeBytes, 0);
}

export function spanOf(tables: readonly { readonly meta: TableMeta }[]): KeySpan | null {
  const [first] = tables;
  if (first === undefined) return null;
  let { smallest, largest } = first.meta;
  for (const { meta } of tables) {
    if (compareKeys(meta.smallest, smallest) < 0) smallest = meta.smallest;
    if (compareKeys(meta.largest, largest) > 0) largest = meta.largest;
  }
  return { smallest, largest };
}

/** True for the tables of keys that were written in order, also while they lie in level 0. */
function areDisjoint(tables: readonly TableHandle[]): boolean {
  const sorted = [...tables].sort((a, b) => compareKeys(a.meta.smallest, b.meta.smallest));
  return sorted.every((table, i) => {
    const before = sorted[i - 1];
    return before === undefined || compareKeys(before.meta.largest, table.meta.smallest) < 0;
  });
}
