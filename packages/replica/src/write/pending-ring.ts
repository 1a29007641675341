import { broken } from '../replica-error.js';
import type { PendingEntry } from './pending-entry.js';

const FIRST_SLOTS = 64;

/** Entries that were proposed here and are not answered, by log index: a ring, no map. */
export class PendingRing {
  #slots: (PendingEntry | null)[] = new Array<PendingEntry | null>(FIRST_SLOTS).fill(null);
  #size = 0;
  #commandBytes = 0;

  get size(): number {
    return this.#size;
  }

  /** Bytes of the commands of all entries here. */
  get commandBytes(): number {
    return this.#commandBytes;
  }

  put(entry: PendingEntry): void {
    for (;;) {
      const at = this.#at(entry.index);
      const there = this.#slots[at];
      if (there === null || there === undefined) {
        this.#slots[at] = entry;
        this.#size++;
        this.#commandBytes += entry.commandBytes;
        return;
      }
      if (there.index === entry.index) broken('pending-by-index', `two at index ${entry.index}`);
      this.#grow();
    }
  }

  /** The entry proposed at this index, left where it is. */
  get(index: number): PendingEntry | null {
    const entry = this.#slots[this.#at(index)] ?? null;
    return entry !== null && entry.index === index ? entry : null;
  }

  /** The entry proposed at this index, which leaves the ring; null if nobody waits. */
  take(index: number): PendingEntry | null {
    const entry = this.get(index);
    if (entry === null) return null;
    this.#slots[this.#at(index)] = null;
    this.#size--;
    this.#commandBytes -= entry.commandBytes;
    return entry;
  }

  /** Takes everything, in the order of the log. */
  takeAll(): PendingEntry[] {
    const all = this.#all();
    for (const entry of all) this.take(entry.index);
    return all;
  }

  /** Visits everything; the visitor must not change the ring. */
  forEach(visit: (entry: PendingEntry) => void): void {
    if (this.#size === 0) return;
    for (const entry of this.#slots) if (entry !== null) visit(entry);
  }

  #all(): PendingEntry[] {
    const all: PendingEntry[] = [];
    this.forEach((entry) => {
      all.push(entry);
    });
    return all.sort((a, b) => a.index - b.index);
  }

  #at(index: number): number {
    return index & (this.#slots.length - 1);
  }

  #grow(): void {
    const all = this.#all();
    this.#slots = new Array<PendingEntry | null>(this.#slots.length * 2).fill(null);
    for (const entry of all) this.#slots[this.#at(entry.index)] = entry;
  }
}
