import { compareRanges } from '../encoding/key-order.js';
import { type Cursor, NOTHING } from './cursor.js';

/**
 * Merges cursors into one order by a binary heap of their numbers. Goes on in the direction of its last
 * positioning: next() after first() or seek(), prev() after last() or seekBefore(); nothing in this
 * package turns round half-way. Owns the cursors.
 */
export class MergingCursor implements Cursor {
  valid = false;
  keyBytes: Uint8Array = NOTHING;
  keyStart = 0;
  keyEnd = 0;
  sequence = 0;
  kind = 0;
  valueBytes: Uint8Array = NOTHING;
  valueStart = 0;
  valueEnd = 0;

  readonly #children: readonly Cursor[];
  /** Valid children; the one to take first stands at 0. */
  readonly #heap: Cursor[] = [];
  /** 1: smallest first, -1: largest first. */
  #direction: 1 | -1 = 1;

  constructor(children: readonly Cursor[]) {
    this.#children = children;
  }

  first(): void {
    for (const child of this.#children) child.first();
    this.#build(1);
  }

  last(): void {
    for (const child of this.#children) child.last();
    this.#build(-1);
  }

  seek(key: Uint8Array, keyStart: number, keyEnd: number, sequence: number): void {
    for (const child of this.#children) child.seek(key, keyStart, keyEnd, sequence);
    this.#build(1);
  }

  seekBefore(key: Uint8Array, keyStart: number, keyEnd: number, sequence: number): void {
    for (const child of this.#children) child.seekBefore(key, keyStart, keyEnd, sequence);
    this.#build(-1);
  }

  next(): void {
    const top = this.#top(1);
    top.next();
    this.#replaceTop(top);
  }

  prev(): void {
    const top = this.#top(-1);
    top.prev();
    this.#replaceTop(top);
  }

  close(): void {
    this.valid = false;
    this.#heap.length = 0;
    for (const child of this.#children) child.close();
  }

  #top(direction: 1 | -1): Cursor {
    const top = this.#heap[0];
    if (top === undefined || this.#direction !== direction) {
      throw new RangeError('a merging cursor was moved against its direction or past its end');
    }
    return top;
  }

  #build(direction: 1 | -1): void {
    this.#direction = direction;
    const heap = this.#heap;
    heap.length = 0;
    for (const child of this.#children) if (child.valid) heap.push(child);
    for (let at = (heap.length >>> 1) - 1; at >= 0; at--) this.#siftDown(at);
    this.#take();
  }

  #replaceTop(top: Cursor): void {
    const heap = this.#heap;
    if (!top.valid) {
      const last = heap.pop();
      if (last !== undefined && heap.length > 0) heap[0] = last;
    }
    if (heap.length > 1) this.#siftDown(0);
    this.#take();
  }

  #siftDown(start: number): void {
    const heap = this.#heap;
    const count = heap.length;
    let at = start;
    const item = heap[at];
    if (item === undefined) return;
    for (;;) {
      let childAt = 2 * at + 1;
      let child = heap[childAt];
      if (child === undefined) break;
      const other = childAt + 1 < count ? heap[childAt + 1] : undefined;
      if (other !== undefined && this.#comesBefore(other, child)) {
        child = other;
        childAt++;
      }
      if (!this.#comesBefore(child, item)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = item;
  }

  #comesBefore(a: Cursor, b: Cursor): boolean {
    const order =
      compareRanges(a.keyBytes, a.keyStart, a.keyEnd, b.keyBytes, b.keyStart, b.keyEnd) ||
      b.sequence - a.sequence;
    return this.#direction === 1 ? order < 0 : order > 0;
  }

  #take(): void {
    const top = this.#heap[0];
    this.valid = top !== undefined;
    if (top === undefined) return;
    this.keyBytes = top.keyBytes;
    this.keyStart = top.keyStart;
    this.keyEnd = top.keyEnd;
    this.sequence = top.sequence;
    this.kind = top.kind;
    this.valueBytes = top.valueBytes;
    this.valueStart = top.valueStart;
    this.valueEnd = top.valueEnd;
  }
}
