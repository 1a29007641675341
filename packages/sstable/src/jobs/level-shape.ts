import { LEVELS } from '../manifest/version-edit.js';

/** Each level may hold so many times the bytes of the one above it. */
export const LEVEL_RATIO = 10;
const LAST_LEVEL = LEVELS - 1;

/** How bytes should be spread over the levels of a database of this size. */
export interface LevelShape {
  /** Level that level 0 is compacted into: 1 to 6. The levels between are empty. */
  readonly base: number;
  /** Bytes that each level may hold, by level; what is not bounded is infinite. */
  readonly maxBytes: readonly number[];
}

/**
 * The shape follows the data from below: the last level takes what is there, each level above a tenth of
 * the one below, and the first of them that would be larger than `baseBytes` moves the base a level up. So
 * at any size nine tenths of the data lie in the last level, and what is superseded is about a tenth. With
 * fixed sizes from the top the last level would fill up slowly, and up to half of the disk would hold what
 * is superseded. A small database has one level.
 *
 * A database whose levels were filled from the top (or that has shrunk) is brought into shape by ordinary
 * compactions: its upper levels may hold `baseBytes` and flow down.
 *
 * @param levelBytes - of each level, 0 to 6
 */
export function levelShape(levelBytes: readonly number[], baseBytes: number): LevelShape {
  const sizes = levelBytes.slice(1);
  const largest = Math.max(...sizes);
  const firstUsed = sizes.findIndex((bytes) => bytes > 0) + 1 || LAST_LEVEL;
  let base = firstUsed;
  let idealBytes = largest / LEVEL_RATIO ** (LAST_LEVEL - firstUsed);
  while (base > 1 && idealBytes > baseBytes) {
    base--;
    idealBytes /= LEVEL_RATIO;
  }
  const ofBase = Math.max(idealBytes, baseBytes / LEVEL_RATIO);
  const maxBytes = Array.from({ length: LEVELS }, (_, level) => {
    if (level < base || level === LAST_LEVEL) return Number.POSITIVE_INFINITY;
    // Never less than the base may: a level in the middle that is smaller than the one above is of no use.
    return Math.max(baseBytes, ofBase * LEVEL_RATIO ** (level - base));
  });
  return { base, maxBytes };
}
