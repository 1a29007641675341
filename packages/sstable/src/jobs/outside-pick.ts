import type { KeyBounds } from '../contract.js';
import { touches } from '../read/bounds.js';
import type { Version } from '../version/version.js';
import type { CompactionPick } from './compaction-pick.js';

/**
 * The tables of a level that hold no key of the bounds at all; null if no level has one. Compacted in their
 * place they leave nothing, at the cost of a look at where they begin.
 */
export function pickOutside({ levels }: Version, bounds: KeyBounds): CompactionPick | null {
  for (const [level, tables] of levels.entries()) {
    const upper = tables.filter(({ meta }) => !touches(bounds, meta.smallest, meta.largest));
    if (upper.length === 0) continue;
    const rest = { lower: [], grandparents: [], isMove: false };
    return { reason: 'bounds', level, upper, outputLevel: level, ...rest };
  }
  return null;
}
