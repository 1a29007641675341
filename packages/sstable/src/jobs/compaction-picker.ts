import { compareKeys } from '../encoding/key-order.js';
import { LEVELS } from '../manifest/version-edit.js';
import type { TableMeta } from '../table/table-meta.js';
import type { TableHandle } from '../version/table-handle.js';
import { overlapping, type Version } from '../version/version.js';
import { bytesOf, type CompactionPick, makePick } from './compaction-pick.js';
import { type LevelShape, levelShape } from './level-shape.js';

/** From so many times its trigger on level 0 goes before everything else: writes are about to wait for it. */
const URGENT_LEVEL0_SCORE = 2;

export interface CompactionLimits {
  /** Tables in level 0 that start a compaction. */
  readonly level0Tables: number;
  /** Bytes that the level may hold into which level 0 is compacted. */
  readonly level1Bytes: number;
  /** Size at which a table is closed. */
  readonly tableBytes: number;
}

/** The most urgent compaction of a database. */
export interface ScoredPick extends CompactionPick {
  /** From 1 on the levels need it; below, it only gives space back. */
  readonly score: number;
}

/** Of a compaction that nothing waits for. */
const IDLE_SCORE = 0.5;

/**
 * The most urgent compaction, null if none is due.
 *
 * Level 0 counts tables (each is a stop for every read) and goes to the base level, all of it: each may hold
 * any key, and an older version must not stay above a newer one. Another level counts bytes, a tombstone as
 * the entry that it hides; from it goes the table that costs least: the fewest bytes below for each byte of
 * its own. When all levels are in shape, tables that are mostly tombstones are taken, once nobody can ask
 * for what they hide: they make scans slow and hold up space in other tables.
 *
 * @param floor - no reader asks for a state before this sequence
 */
export function pickCompaction(
  version: Version,
  limits: CompactionLimits,
  floor: number,
): ScoredPick | null {
  const { level, score, shape } = mostUrgentLevel(version, limits);
  if (score < 1) return pickTombstones(version, limits, floor);
  const upper = level === 0 ? tablesOf(version, 0) : cheapest(version, level);
  const to = level === 0 ? shape.base : level + 1;
  const { tableBytes } = limits;
  const reason = level === 0 ? 'level 0' : 'size';
  const pick = makePick(version, reason, { level, upper, to }, { mayMove: true, tableBytes });
  return pick === null ? null : { ...pick, score };
}

/** How urgent the most urgent compaction is: from 1 on the levels need it. */
export function compactionScore(version: Version, limits: CompactionLimits): number {
  return mostUrgentLevel(version, limits).score;
}

export function shapeOf(version: Version, limits: CompactionLimits): LevelShape {
  return levelShape(version.levels.map(bytesOf), limits.level1Bytes);
}

function mostUrgentLevel(
  version: Version,
  limits: CompactionLimits,
): { readonly level: number; readonly score: number; readonly shape: LevelShape } {
  const shape = shapeOf(version, limits);
  let level = 0;
  let score = tablesOf(version, 0).length / limits.level0Tables;
  if (score >= URGENT_LEVEL0_SCORE) return { level, score, shape };
  const entryBytes = averageEntryBytes(version);
  for (let candidate = shape.base; candidate < LEVELS - 1; candidate++) {
    const bytes = tablesOf(version, candidate).reduce(
      (sum, { meta }) => sum + weightOf(meta, entryBytes),
      0,
    );
    const candidateScore = bytes / (shape.maxBytes[candidate] ?? Number.POSITIVE_INFINITY);
    if (candidateScore <= score) continue;
    level = candidate;
    score = candidateScore;
  }
  return { level, score, shape };
}

/** Bytes of a table and of what its tombstones may hide. */
function weightOf(meta: TableMeta, entryBytes: number): number {
  return meta.sizeBytes + meta.deletions * entryBytes;
}

function averageEntryBytes(version: Version): number {
  let bytes = 0;
  let entries = 0;
  for (const tables of version.levels) {
    for (const { meta } of tables) {
      bytes += meta.sizeBytes;
      entries += meta.entries;
    }
  }
  return entries === 0 ? 0 : bytes / entries;
}

/** The table of a level whose compaction rewrites the fewest bytes below for each byte that it moves. */
function cheapest(version: Version, level: number): TableHandle[] {
  const below = tablesOf(version, level + 1);
  const entryBytes = averageEntryBytes(version);
  let best: TableHandle | null = null;
  let bestCost = Number.POSITIVE_INFINITY;
  let at = 0;
  for (const table of tablesOf(version, level)) {
    const { smallest, largest } = table.meta;
    while (isBefore(below[at], smallest)) at++;
    let overlapBytes = 0;
    for (let next = at; next < below.length; next++) {
      const other = below[next];
      if (other === undefined || compareKeys(other.meta.smallest, largest) > 0) break;
      overlapBytes += other.meta.sizeBytes;
    }
    const cost = overlapBytes / weightOf(table.meta, entryBytes);
    if (cost >= bestCost) continue;
    best = table;
    bestCost = cost;
  }
  return best === null ? [] : [best];
}

function isBefore(table: TableHandle | undefined, key: Uint8Array): boolean {
  return table !== undefined && compareKeys(table.meta.largest, key) < 0;
}

/**
 * A table that is mostly tombstones which nobody needs to see any more. It is written anew: where something
 * below may hold older versions, together with that; else in its own level. So each such compaction takes
 * tombstones away or moves them down, and there is an end to them.
 */
function pickTombstones(
  version: Version,
  { tableBytes }: CompactionLimits,
  floor: number,
): ScoredPick | null {
  for (let level = LEVELS - 1; level > 0; level--) {
    for (const table of tablesOf(version, level)) {
      if (!isDense(table.meta) || table.meta.largestSequence > floor) continue;
      const to = hasBelow(version, level, table.meta) ? level + 1 : level;
      const from = { level, upper: [table], to };
      const pick = makePick(version, 'tombstones', from, { mayMove: false, tableBytes });
      if (pick !== null) return { ...pick, score: IDLE_SCORE };
    }
  }
  return null;
}

/**
 * The lowest history floor at which a compaction for the sake of tombstones becomes due; infinite if none
 * will: so that a floor that moves with every write costs a comparison.
 */
export function nextTombstoneFloor(version: Version): number {
  let floor = Number.POSITIVE_INFINITY;
  for (const [level, tables] of version.levels.entries()) {
    if (level === 0) continue;
    for (const { meta } of tables) if (isDense(meta)) floor = Math.min(floor, meta.largestSequence);
  }
  return floor;
}

function isDense({ deletions, entries }: TableMeta): boolean {
  return deletions > 0 && deletions * 2 >= entries;
}

function hasBelow(version: Version, level: number, { smallest, largest }: TableMeta): boolean {
  return version.levels
    .slice(level + 1)
    .some((tables) => overlapping(tables, smallest, largest).length > 0);
}

function tablesOf(version: Version, level: number): readonly TableHandle[] {
  return version.levels[level] ?? [];
}
