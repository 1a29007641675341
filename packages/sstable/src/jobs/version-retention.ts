import { copyBytes, grown } from '../encoding/copy-bytes.js';
import { Kind } from '../encoding/internal-key.js';
import { compareRanges } from '../encoding/key-order.js';
import type { Cursor } from '../read/cursor.js';

/** First and last user key of a table. */
export interface KeyRange {
  readonly smallest: Uint8Array;
  readonly largest: Uint8Array;
}

/**
 * Decides which versions a compaction keeps. It is asked for each entry in internal order.
 *
 * No reader asks for a state before `floor`. A version is needed as long as it may be the newest at or
 * below a sequence >= floor; so it may go once a newer version of its key lies at or below the floor. A
 * tombstone at or below the floor may go too where nothing older of its key lies in a deeper level:
 * absent and deleted look the same.
 */
export class VersionRetention {
  readonly #floor: number;
  /** Tables of each deeper level, sorted. Keys come ascending, so each level is walked once. */
  readonly #below: readonly (readonly KeyRange[])[];
  readonly #belowAt: number[];
  #key: Uint8Array = new Uint8Array(64);
  #keyLength = -1;
  #newerSequence = Number.POSITIVE_INFINITY;
  #isNewKey = true;

  constructor(floor: number, below: readonly (readonly KeyRange[])[]) {
    this.#floor = floor;
    this.#below = below;
    this.#belowAt = below.map(() => 0);
  }

  /** True if the entry of the last keeps() was the first of its user key. */
  get isNewKey(): boolean {
    return this.#isNewKey;
  }

  keeps(entry: Cursor): boolean {
    this.#isNewKey = !this.#isSameKey(entry);
    if (this.#isNewKey) {
      this.#newerSequence = Number.POSITIVE_INFINITY;
      this.#remember(entry);
    }
    const newerSequence = this.#newerSequence;
    this.#newerSequence = entry.sequence;
    if (newerSequence <= this.#floor) return false;
    const isOldTombstone = entry.kind === Kind.Delete && entry.sequence <= this.#floor;
    return !isOldTombstone || this.#mayLieBelow(entry);
  }

  #mayLieBelow(entry: Cursor): boolean {
    const { keyBytes, keyStart, keyEnd } = entry;
    for (const [level, tables] of this.#below.entries()) {
      let at = this.#belowAt[level] ?? 0;
      for (; at < tables.length; at++) {
        const largest = tables[at]?.largest;
        if (largest && compareRanges(largest, 0, largest.length, keyBytes, keyStart, keyEnd) >= 0) {
          break;
        }
      }
      this.#belowAt[level] = at;
      const smallest = tables[at]?.smallest;
      if (
        smallest &&
        compareRanges(smallest, 0, smallest.length, keyBytes, keyStart, keyEnd) <= 0
      ) {
        return true;
      }
    }
    return false;
  }

  #isSameKey({ keyBytes, keyStart, keyEnd }: Cursor): boolean {
    const length = this.#keyLength;
    return (
      length === keyEnd - keyStart &&
      compareRanges(keyBytes, keyStart, keyEnd, this.#key, 0, length) === 0
    );
  }

  #remember({ keyBytes, keyStart, keyEnd }: Cursor): void {
    this.#keyLength = keyEnd - keyStart;
    this.#key = grown(this.#key, 0, this.#keyLength);
    copyBytes(this.#key, 0, keyBytes, keyStart, keyEnd);
  }
}
