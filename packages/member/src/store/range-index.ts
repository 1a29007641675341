import { compareEnds, compareKeys, isBelowEnd } from '@dougdb/facade';

/** A range of keys; an empty end means: to the last key. */
export interface KeyRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
}

/** Disjoint ranges, found by a key in logarithmic time. */
export class RangeIndex<T> {
  readonly #ranges: readonly KeyRange[];
  readonly #values: readonly T[];

  /** @param rangeOf - must not change while the index is used */
  constructor(values: readonly T[], rangeOf: (value: T) => KeyRange) {
    const sorted = values
      .map((value) => ({ value, range: rangeOf(value) }))
      .sort((a, b) => compareEnds(a.range.end, b.range.end));
    this.#ranges = sorted.map(({ range }) => range);
    this.#values = sorted.map(({ value }) => value);
  }

  /** The value whose range holds the key. */
  find(key: Uint8Array): T | undefined {
    const at = this.#first((end) => isBelowEnd(key, end));
    const range = this.#ranges[at];
    return range !== undefined && compareKeys(range.start, key) <= 0 ? this.#values[at] : undefined;
  }

  /** The value whose range holds the greatest keys below an exclusive end (empty: behind the last key). */
  findBelow(end: Uint8Array): T | undefined {
    const at = this.#first((other) => compareEnds(other, end) >= 0);
    const range = this.#ranges[at];
    return range !== undefined && isBelowEnd(range.start, end) ? this.#values[at] : undefined;
  }

  /** The first range whose end is high enough. */
  #first(isHighEnough: (end: Uint8Array) => boolean): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isHighEnough((this.#ranges[middle] as KeyRange).end)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
