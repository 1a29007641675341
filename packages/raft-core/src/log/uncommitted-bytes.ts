import { type Entry, entrySizeBytes } from '../entry.js';
import type { LogIndex } from '../ids.js';

/** Empty entries are free: the one that opens a term must never be refused. */
export function uncommittedSizeOf(entry: Entry): number {
  return entry.data.length === 0 ? 0 : entrySizeBytes(entry);
}

/**
 * Bytes of the entries above the commit index, counted in every role, so that a limit on them
 * survives changes of leader and term (etcd-io/raft#11 forgets them).
 */
export class UncommittedBytes {
  /** Size of the entry at #base + i. A queue with a moving head. */
  #sizes: number[] = [];
  #head = 0;
  #base: LogIndex;
  #total = 0;

  constructor(commit: LogIndex) {
    this.#base = commit + 1;
  }

  get total(): number {
    return this.#total;
  }

  append(sizeBytes: number): void {
    this.#sizes.push(sizeBytes);
    this.#total += sizeBytes;
  }

  /** Entries at and above `index` are gone; index > commit. */
  truncateFrom(index: LogIndex): void {
    const keep = this.#head + (index - this.#base);
    while (this.#sizes.length > keep) this.#total -= this.#sizes.pop() ?? 0;
  }

  /** A snapshot replaced the log: nothing stands above `commit`. */
  restart(commit: LogIndex): void {
    this.#sizes = [];
    this.#head = 0;
    this.#base = commit + 1;
    this.#total = 0;
  }

  commitTo(commit: LogIndex): void {
    for (; this.#base <= commit; this.#base++) this.#total -= this.#sizes[this.#head++] ?? 0;
    if (this.#head === this.#sizes.length) {
      this.#sizes = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#sizes.length) {
      this.#sizes = this.#sizes.slice(this.#head);
      this.#head = 0;
    }
  }
}
