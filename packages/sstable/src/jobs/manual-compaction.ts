import type { KeyBounds } from '../contract.js';
import { compareKeys } from '../encoding/key-order.js';
import { LEVELS } from '../manifest/version-edit.js';
import { isInBounds, touches } from '../read/bounds.js';
import type { TableHandle } from '../version/table-handle.js';
import type { Version } from '../version/version.js';
import { type CompactionPick, makePick } from './compaction-pick.js';
import { type CompactionLimits, shapeOf } from './compaction-picker.js';

/** What decides whether something may go: see VersionRetention, and the durable bounds of the database. */
export interface RetentionLimits {
  readonly floor: number;
  readonly bounds: KeyBounds | null;
}

/**
 * Moves all that a range holds at the beginning down to the deepest level that has tables, one small
 * compaction after the other: between any two the ordinary ones take their turn, so that writes are not
 * held up. In the deepest level tables are written anew whose tombstones or old versions may be of no more
 * use. A level is left behind when its turn is over, so there is an end, whatever is written meanwhile.
 */
export class ManualCompaction {
  readonly #range: KeyBounds;
  readonly #limits: CompactionLimits;
  readonly #retention: () => RetentionLimits;
  /** What was there when the compaction was asked for: newer tables are none of its business. */
  readonly #maxNumber: number;
  #level = 0;
  /** First key of the last table that was taken from this level. */
  #after: Uint8Array | null = null;

  /** @param nextNumber - the next table will have this number */
  constructor(
    range: KeyBounds,
    limits: CompactionLimits,
    retention: () => RetentionLimits,
    nextNumber: number,
  ) {
    this.#range = range;
    this.#limits = limits;
    this.#retention = retention;
    this.#maxNumber = nextNumber - 1;
  }

  /** The next step, null when nothing is left to do. The same again until it is told to be finished. */
  next(version: Version): CompactionPick | null {
    const { tableBytes } = this.#limits;
    while (this.#level < LEVELS) {
      const level = this.#level;
      const upper = level === 0 ? this.#level0(version) : this.#nextTable(version, level);
      const isDeepest = level > 0 && !hasTablesBelow(version, level);
      if (upper === null) {
        this.#level++;
        this.#after = null;
      } else if (isDeepest && !this.#isWorthwhile(upper)) {
        this.#pass(level, upper);
      } else {
        const below = level === 0 ? shapeOf(version, this.#limits).base : level + 1;
        const from = { level, upper, to: isDeepest ? level : below };
        return makePick(version, 'manual', from, { mayMove: !isDeepest, tableBytes });
      }
    }
    return null;
  }

  finished({ level, upper }: CompactionPick): void {
    this.#pass(level, upper);
  }

  #pass(level: number, upper: readonly TableHandle[]): void {
    if (level === 0) this.#level = 1;
    else this.#after = upper[0]?.meta.smallest ?? null;
  }

  #level0(version: Version): readonly TableHandle[] | null {
    const tables = version.levels[0] ?? [];
    // All of it, or an older version could come to stand above a newer one.
    return tables.some((table) => this.#isWanted(table)) ? tables : null;
  }

  #nextTable(version: Version, level: number): readonly TableHandle[] | null {
    const after = this.#after;
    const table = (version.levels[level] ?? []).find(
      (candidate) =>
        this.#isInRange(candidate) &&
        (after === null || compareKeys(candidate.meta.smallest, after) > 0),
    );
    return table === undefined ? null : [table];
  }

  #isWanted(table: TableHandle): boolean {
    return table.meta.number <= this.#maxNumber && this.#isInRange(table);
  }

  #isInRange({ meta }: TableHandle): boolean {
    return touches(this.#range, meta.smallest, meta.largest);
  }

  /** Something in these tables may go. Not known is how many of the entries are old versions. */
  #isWorthwhile(tables: readonly TableHandle[]): boolean {
    const { floor, bounds } = this.#retention();
    return tables.some(({ meta }) => {
      if (meta.deletions > 0 && meta.smallestSequence <= floor) return true;
      if (bounds === null) return false;
      return !isInBounds(bounds, meta.smallest) || !isInBounds(bounds, meta.largest);
    });
  }
}

function hasTablesBelow(version: Version, level: number): boolean {
  return version.levels.slice(level + 1).some((tables) => tables.length > 0);
}
