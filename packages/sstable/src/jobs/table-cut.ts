import { compareRanges } from '../encoding/key-order.js';
import type { KeyRange } from './version-retention.js';

/** A table of the level below the one that is written. */
export interface SizedRange extends KeyRange {
  readonly sizeBytes: number;
}

/**
 * Where a compaction ends a table, besides its size: before the table would lie over too much of the level
 * below. Otherwise one table could force the next compaction to rewrite all of that level at once.
 * It is asked for each user key, ascending.
 */
export class TableCut {
  readonly #below: readonly SizedRange[];
  readonly #maxOverlapBytes: number;
  #at = 0;
  #overlapBytes = 0;

  /** @param below - sorted, without overlaps */
  constructor(below: readonly SizedRange[], maxOverlapBytes: number) {
    this.#below = below;
    this.#maxOverlapBytes = maxOverlapBytes;
  }

  /** True if the table that is open should end before this key. */
  isDue(keyBytes: Uint8Array, keyStart: number, keyEnd: number, isTableOpen: boolean): boolean {
    if (!isTableOpen) this.#overlapBytes = 0;
    for (let table = this.#below[this.#at]; table !== undefined; table = this.#below[this.#at]) {
      const { largest } = table;
      if (compareRanges(largest, 0, largest.length, keyBytes, keyStart, keyEnd) >= 0) break;
      // What lies wholly before the first key of the open table does not count.
      if (isTableOpen) this.#overlapBytes += table.sizeBytes;
      this.#at++;
    }
    return this.#overlapBytes > this.#maxOverlapBytes;
  }

  /** The open table was ended, for whatever reason. */
  restart(): void {
    this.#overlapBytes = 0;
  }
}
