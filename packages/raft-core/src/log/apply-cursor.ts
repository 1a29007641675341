import { type Entry, entrySizeBytes } from '../entry.js';
import type { LogIndex } from '../ids.js';
import { RaftInvariantError } from '../invariant.js';

/** How far committed entries have been handed out and applied, and how many bytes lie between. */
export class ApplyCursor {
  readonly #maxBytes: number;
  #applied: LogIndex;
  #handed: LogIndex;
  #outstandingBytes = 0;
  /** Batches handed out and not wholly applied, oldest first. */
  #batches: (readonly Entry[])[] = [];
  /** Index of the last snapshot installed; 0 if there was none. */
  #installed: LogIndex = 0;
  /** Entries of the oldest batch that are applied already. */
  #appliedOfFirst = 0;

  constructor(applied: LogIndex, maxBytes: number) {
    this.#applied = applied;
    this.#handed = applied;
    this.#maxBytes = maxBytes;
  }

  get applied(): LogIndex {
    return this.#applied;
  }

  get handed(): LogIndex {
    return this.#handed;
  }

  /** Bytes that may still be handed out; nothing may if it is not positive. */
  get roomBytes(): number {
    return this.#maxBytes - this.#outstandingBytes;
  }

  handOut(entries: readonly Entry[]): void {
    for (const entry of entries) this.#outstandingBytes += entrySizeBytes(entry);
    this.#handed += entries.length;
    this.#batches.push(entries);
  }

  /** A snapshot of everything up to `index` was installed; what was handed out before is void. */
  restart(index: LogIndex): void {
    this.#applied = index;
    this.#handed = index;
    this.#installed = index;
    this.#outstandingBytes = 0;
    this.#batches = [];
    this.#appliedOfFirst = 0;
  }

  appliedTo(index: LogIndex): void {
    // The end of work that a snapshot has overtaken may be reported late.
    if (index < this.#applied && index <= this.#installed) return;
    // INVARIANT(applied-in-order): what is reported as applied was handed out before, and never unapplied.
    if (!(index >= this.#applied && index <= this.#handed)) {
      throw new RaftInvariantError(
        'applied-in-order',
        `applied(${index}) is outside [${this.#applied}, ${this.#handed}]`,
      );
    }
    for (; this.#applied < index; this.#applied++) {
      const batch = this.#batches[0]!;
      this.#outstandingBytes -= entrySizeBytes(batch[this.#appliedOfFirst++]!);
      if (this.#appliedOfFirst === batch.length) {
        this.#batches.shift();
        this.#appliedOfFirst = 0;
      }
    }
  }
}
