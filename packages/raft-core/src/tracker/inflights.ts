import type { LogIndex } from '../ids.js';

/**
 * Sliding window of MsgApp messages that a follower has not acknowledged yet, bounded in count and in
 * bytes (etcd tracker/inflights.go). A ring that grows on demand: most groups are idle.
 */
export class Inflights {
  readonly #maxCount: number;
  readonly #maxBytes: number;
  #lastIndexes: number[] = [];
  #sizes: number[] = [];
  #start = 0;
  #count = 0;
  #bytes = 0;

  constructor(maxCount: number, maxBytes: number) {
    this.#maxCount = maxCount;
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The message that overflows the bytes is let through: a window must never block for good. */
  get full(): boolean {
    return this.#count >= this.#maxCount || this.#bytes >= this.#maxBytes;
  }

  /** A message whose last entry is `lastIndex` has left. Indexes must ascend. */
  add(lastIndex: LogIndex, sizeBytes: number): void {
    if (this.#count === this.#lastIndexes.length) this.#grow();
    const at = (this.#start + this.#count) % this.#lastIndexes.length;
    this.#lastIndexes[at] = lastIndex;
    this.#sizes[at] = sizeBytes;
    this.#count++;
    this.#bytes += sizeBytes;
  }

  /** Frees every message whose entries are all at or below `index`. */
  freeLE(index: LogIndex): void {
    while (this.#count > 0 && this.#lastIndexes[this.#start]! <= index) {
      this.#bytes -= this.#sizes[this.#start]!;
      this.#start = (this.#start + 1) % this.#lastIndexes.length;
      this.#count--;
    }
  }

  reset(): void {
    this.#start = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  #grow(): void {
    const capacity = Math.min(this.#maxCount, Math.max(4, this.#lastIndexes.length * 2));
    const indexes = new Array<number>(capacity).fill(0);
    const sizes = new Array<number>(capacity).fill(0);
    for (let i = 0; i < this.#count; i++) {
      const from = (this.#start + i) % this.#lastIndexes.length;
      indexes[i] = this.#lastIndexes[from]!;
      sizes[i] = this.#sizes[from]!;
    }
    this.#lastIndexes = indexes;
    this.#sizes = sizes;
    this.#start = 0;
  }
}
