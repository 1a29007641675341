import { compareKeys } from '../state/key-range.js';
import type { EventChunk } from './event-chunk.js';

/** A range of keys: [start, end); an empty end: to the last key. */
export interface Ranged {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
}

/**
 * Ranges that may overlap, asked for those that hold a key: in logarithmic time for each that does. They
 * lie sorted by their starts; read as a balanced tree, each node knows the last end of its subtree.
 */
export class RangeIndex<T extends Ranged> {
  readonly #sorted: T[] = [];
  /** Of the subtree whose root stands here; empty: one of its ranges has no end. */
  #lastEnds: Uint8Array[] = [];
  #isStale = false;

  get size(): number {
    return this.#sorted.length;
  }

  /** All ranges, in no order that means anything. */
  all(): readonly T[] {
    return this.#sorted;
  }

  add(range: T): void {
    this.#sorted.splice(this.#firstFrom(range.start), 0, range);
    this.#isStale = true;
  }

  remove(range: T): void {
    let at = this.#firstFrom(range.start);
    while (at < this.#sorted.length && this.#sorted[at] !== range) at++;
    if (at === this.#sorted.length) return;
    this.#sorted.splice(at, 1);
    this.#isStale = true;
  }

  /** Visits each range that holds the key. They must not be changed meanwhile. */
  holding(key: Uint8Array, visit: (range: T) => void): void {
    if (this.#isStale) this.#findLastEnds();
    this.#visit(0, this.#sorted.length, key, visit);
  }

  #visit(low: number, high: number, key: Uint8Array, visit: (range: T) => void): void {
    let from = low;
    while (from < high) {
      const middle = (from + high) >>> 1;
      if (!endsBehind(this.#lastEnds[middle] as Uint8Array, key)) return;
      this.#visit(from, middle, key, visit);
      const range = this.#sorted[middle] as T;
      if (compareKeys(range.start, key) > 0) return;
      if (endsBehind(range.end, key)) visit(range);
      from = middle + 1;
    }
  }

  #findLastEnds(): void {
    this.#lastEnds = new Array(this.#sorted.length);
    this.#lastEnd(0, this.#sorted.length);
    this.#isStale = false;
  }

  #lastEnd(low: number, high: number): Uint8Array | null {
    if (low >= high) return null;
    const middle = (low + high) >>> 1;
    const ends = [
      (this.#sorted[middle] as T).end,
      this.#lastEnd(low, middle),
      this.#lastEnd(middle + 1, high),
    ];
    const last = ends.reduce(later) as Uint8Array;
    this.#lastEnds[middle] = last;
    return last;
  }

  /** Where the ranges begin that do not start before this key. */
  #firstFrom(start: Uint8Array): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys((this.#sorted[middle] as T).start, start) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Whether the range holds the key of an event. */
export function holds({ start, end }: Ranged, chunk: EventChunk, index: number): boolean {
  if (chunk.compareKey(index, start) < 0) return false;
  return end.length === 0 || chunk.compareKey(index, end) < 0;
}

function endsBehind(end: Uint8Array, key: Uint8Array): boolean {
  return end.length === 0 || compareKeys(end, key) > 0;
}

/** The later of two ends; null is none. */
function later(a: Uint8Array | null, b: Uint8Array | null): Uint8Array | null {
  if (a === null || b === null) return a ?? b;
  if (a.length === 0 || b.length === 0) return a.length === 0 ? a : b;
  return compareKeys(a, b) > 0 ? a : b;
}
