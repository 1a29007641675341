import { LEVELS } from '../manifest/version-edit.js';
import type { Version } from '../version/version.js';
import { bytesOf } from './compaction-pick.js';
import { type CompactionLimits, shapeOf } from './compaction-picker.js';
import { LEVEL_RATIO } from './level-shape.js';

/**
 * Bytes that compactions would have to write until all levels are in shape: an estimate. What is too much
 * in a level is merged with its share of the next one, and may make that one too large in turn.
 */
export function compactionDebt(version: Version, limits: CompactionLimits): number {
  const { base, maxBytes } = shapeOf(version, limits);
  const bytes = version.levels.map(bytesOf);
  const level0 = bytes[0] ?? 0;
  const isLevel0Due = (version.levels[0]?.length ?? 0) >= limits.level0Tables;
  let carried = isLevel0Due ? level0 : 0;
  let debt = carried > 0 ? carried + (bytes[base] ?? 0) : 0;
  for (let level = base; level < LEVELS - 1; level++) {
    const size = (bytes[level] ?? 0) + carried;
    carried = Math.max(0, size - (maxBytes[level] ?? Number.POSITIVE_INFINITY));
    if (carried === 0) break;
    const ratio = size === 0 ? 0 : (bytes[level + 1] ?? 0) / size;
    debt += carried * (1 + Math.min(LEVEL_RATIO, ratio));
  }
  return debt;
}
