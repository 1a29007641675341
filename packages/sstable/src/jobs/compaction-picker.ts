import { compareKeys } from '../encoding/key-order.js';
import { LEVELS } from '../manifest/version-edit.js';
import type { TableHandle } from '../version/table-handle.js';
import { overlapping, type Version } from '../version/version.js';

/** Each level may hold so many times the bytes of the one above it. */
const LEVEL_RATIO = 10;

export interface CompactionLimits {
  /** Tables in level 0 that start a compaction. */
  readonly level0Tables: number;
  /** Bytes that level 1 may hold. */
  readonly level1Bytes: number;
}

export interface CompactionPick {
  readonly level: number;
  /** Tables of `level`; for level 0 newest first. */
  readonly upper: readonly TableHandle[];
  /** Tables of level + 1 that overlap them, in key order. */
  readonly lower: readonly TableHandle[];
}

/**
 * For each level the largest key of the table that was compacted last, so that all of it takes its turn.
 * In memory only.
 */
export type CompactionPointers = Map<number, Uint8Array>;

/**
 * The most urgent compaction, null if none is due. Level 0 counts tables (each is a stop for every
 * read), the others bytes. From level 0 all tables are taken: each may hold any key, and an older
 * version must not stay above a newer one. From another level one table is taken, in turn by key.
 */
export function pickCompaction(
  version: Version,
  limits: CompactionLimits,
  pointers: ReadonlyMap<number, Uint8Array>,
): CompactionPick | null {
  let level = -1;
  let best = 1;
  for (let candidate = 0; candidate < LEVELS - 1; candidate++) {
    const score = scoreOf(version, candidate, limits);
    if (score < best || (score === best && level >= 0)) continue;
    level = candidate;
    best = score;
  }
  if (level < 0) return null;
  const upper = level === 0 ? tablesOf(version, 0) : nextInTurn(version, level, pointers);
  const range = rangeOf(upper);
  if (range === null) return null;
  const lower = overlapping(tablesOf(version, level + 1), range.smallest, range.largest);
  return { level, upper, lower };
}

/** How urgent a level is: from 1 on it is due. */
function scoreOf(version: Version, level: number, limits: CompactionLimits): number {
  const tables = tablesOf(version, level);
  if (level === 0) return tables.length / limits.level0Tables;
  const bytes = tables.reduce((sum, { meta }) => sum + meta.sizeBytes, 0);
  return bytes / (limits.level1Bytes * LEVEL_RATIO ** (level - 1));
}

function nextInTurn(
  version: Version,
  level: number,
  pointers: ReadonlyMap<number, Uint8Array>,
): readonly TableHandle[] {
  const tables = tablesOf(version, level);
  const pointer = pointers.get(level);
  const next =
    pointer === undefined
      ? undefined
      : tables.find(({ meta }) => compareKeys(meta.smallest, pointer) > 0);
  const table = next ?? tables[0];
  return table === undefined ? [] : [table];
}

function tablesOf(version: Version, level: number): readonly TableHandle[] {
  return version.levels[level] ?? [];
}

function rangeOf(
  tables: readonly TableHandle[],
): { readonly smallest: Uint8Array; readonly largest: Uint8Array } | null {
  const [first] = tables;
  if (first === undefined) return null;
  let { smallest, largest } = first.meta;
  for (const { meta } of tables) {
    if (compareKeys(meta.smallest, smallest) < 0) smallest = meta.smallest;
    if (compareKeys(meta.largest, largest) > 0) largest = meta.largest;
  }
  return { smallest, largest };
}
