import { type Entry, entrySizeBytes } from '../entry.js';
import type { LogIndex } from '../ids.js';

/** Empty entries are free: the one that opens a term must never be refused. */
export function uncommittedSizeOf(entry: Entry): number {
  return entry.data.length === 0 ? 0 : entrySizeBytes(entry);
}

/** Room for this many sizes is kept when nothing is uncommitted. */
const KEPT_ROOM = 1024;

/**
 * Bytes of the entries above the commit index, counted in every role, so that a limit on them
 * survives changes of leader and term (etcd-io/raft#11 forgets them).
 */
export class UncommittedBytes {
  /** Size of the entry at #base + i at [#head + i], up to #end. The room is used again when all are gone. */
  #sizes: number[] = [];
  #head = 0;
  #end = 0;
  #base: LogIndex;
  #total = 0;

  constructor(commit: LogIndex) {
    this.#base = commit + 1;
  }

  get total(): number {
    return this.#total;
  }

  append(sizeBytes: number): void {
    this.#sizes[this.#end++] = sizeBytes;
    this.#total += sizeBytes;
  }

  /** Entries at and above `index` are gone; index > commit. */
  truncateFrom(index: LogIndex): void {
    const keep = this.#head + (index - this.#base);
    while (this.#end > keep) this.#total -= this.#sizes[--this.#end] ?? 0;
  }

  /** A snapshot replaced the log: nothing stands above `commit`. */
  restart(commit: LogIndex): void {
    this.#clear();
    this.#base = commit + 1;
    this.#total = 0;
  }

  commitTo(commit: LogIndex): void {
    for (; this.#base <= commit; this.#base++) {
      if (this.#head < this.#end) this.#total -= this.#sizes[this.#head++] ?? 0;
    }
    if (this.#head === this.#end) {
      this.#clear();
    } else if (this.#head > KEPT_ROOM && this.#head * 2 > this.#end) {
      this.#sizes = this.#sizes.slice(this.#head, this.#end);
      this.#end -= this.#head;
      this.#head = 0;
    }
  }

  #clear(): void {
    if (this.#sizes.length > KEPT_ROOM) this.#sizes = [];
    this.#head = 0;
    this.#end = 0;
  }
}
