import type { SimRandom } from '../random.js';

/**
 * The smallest things that a power loss keeps or loses.
 * 'sector': one sector of one write, `index` of `count` in it. 'size': the new size of a file that a
 * write or a truncation gave it. 'name': one change of a directory (a rename inside one directory
 * is one change).
 */
export interface UnsyncedPart {
  readonly kind: 'sector' | 'size' | 'name';
  /** The file, or the name in its directory. */
  readonly path: string;
  /** The operation that made the change: {@link Operation.ordinal}; 0 for a write still in flight. */
  readonly ordinal: number;
  readonly index: number;
  readonly count: number;
}

/** Decides for each part, in the order of the operations within one file or directory. */
export type KeepPart = (part: UnsyncedPart) => boolean;

/**
 * Each part is kept with this chance. What happens to the sectors of one write is drawn once a
 * write, since each way finds other bugs: every sector by itself, a first part of the write only,
 * or all or nothing.
 */
export function randomKeep(random: SimRandom, percent: number): KeepPart {
  if (!(percent >= 0 && percent <= 100)) throw new RangeError(`${percent} is no percentage`);
  if (percent === 0) return () => false;
  if (percent === 100) return () => true;
  const probability = percent / 100;
  let tearing = 0;
  let alive = false;
  return (part) => {
    if (part.kind !== 'sector') return random.chance(probability);
    if (part.index === 0) {
      tearing = random.int(3);
      alive = random.chance(probability);
    } else if (tearing === 1) {
      // The longer the write, the smaller the chance that all of it arrived.
      alive = alive && random.chance(probability);
    } else if (tearing === 2) {
      alive = random.chance(probability);
    }
    return alive;
  };
}
