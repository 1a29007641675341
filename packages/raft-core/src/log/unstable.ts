import type { Entry } from '../entry.js';
import type { LogIndex } from '../ids.js';

const NO_ENTRIES: readonly Entry[] = Object.freeze([]) as readonly Entry[];

/**
 * The tail of the log that is not known to be durable (etcd log_unstable.go): entries
 * [offset, handed] are on their way in open tickets, (handed, last] wait for the next ready().
 */
export class Unstable {
  #entries: Entry[] = [];
  #offset: LogIndex;
  #handed: LogIndex;

  constructor(offset: LogIndex) {
    this.#offset = offset;
    this.#handed = offset - 1;
  }

  /** Index of the first entry here. */
  get offset(): LogIndex {
    return this.#offset;
  }

  get lastIndex(): LogIndex {
    return this.#offset + this.#entries.length - 1;
  }

  get hasUnhanded(): boolean {
    return this.lastIndex > this.#handed;
  }

  /** Entries whose indexes follow the last one. */
  append(entries: readonly Entry[]): void {
    // Mostly nothing waits here, and a copy is smaller than what push() makes room for.
    if (this.#entries.length === 0) this.#entries = entries.slice();
    else for (const entry of entries) this.#entries.push(entry);
  }

  /** Removes `index` and everything above it, which may reach below what is held here. */
  truncateFrom(index: LogIndex): void {
    if (index <= this.#offset) {
      this.#entries = [];
      this.#offset = index;
    } else {
      this.#entries.length = index - this.#offset;
    }
    this.#handed = Math.min(this.#handed, index - 1);
  }

  /** A snapshot replaces everything; entries may follow from `offset` on. */
  restore(offset: LogIndex): void {
    this.#entries = [];
    this.#offset = offset;
    this.#handed = offset - 1;
  }

  /** What no ticket has carried yet; the caller opens a ticket for it. */
  takeUnhanded(): readonly Entry[] {
    if (!this.hasUnhanded) return NO_ENTRIES;
    const taken = this.slice(this.#handed + 1, this.lastIndex + 1);
    this.#handed = this.lastIndex;
    return taken;
  }

  /** Everything up to `durable` can be read from the storage now. */
  stabilizeTo(durable: LogIndex): void {
    if (durable < this.#offset) return;
    this.#entries =
      durable >= this.lastIndex ? [] : this.#entries.slice(durable + 1 - this.#offset);
    this.#offset = durable + 1;
  }

  entryAt(index: LogIndex): Entry | undefined {
    return this.#entries[index - this.#offset];
  }

  /** Entries [low, high) with offset <= low. */
  slice(low: LogIndex, high: LogIndex): readonly Entry[] {
    return this.#entries.slice(low - this.#offset, high - this.#offset);
  }
}
