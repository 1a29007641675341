import { type Entry, EntryType } from '../entry.js';
import type { LogIndex } from '../ids.js';

/** Where configuration changes stand in the part of the log that is not applied. Ascending; nearly always empty. */
export class ConfIndexes {
  #indexes: LogIndex[] = [];
  /** Those whose entry could not be read: changes only perhaps. */
  readonly #unknown = new Set<LogIndex>();

  append(entry: Entry): void {
    if (entry.type !== EntryType.EntryNormal) this.#indexes.push(entry.index);
  }

  /** An entry that cannot be read may be one. */
  appendUnknown(index: LogIndex): void {
    this.#indexes.push(index);
    this.#unknown.add(index);
  }

  /** Entries that were read at last. */
  resolve(entries: readonly Entry[]): void {
    if (this.#unknown.size === 0) return;
    for (const { index, type } of entries) {
      if (!this.#unknown.delete(index) || type !== EntryType.EntryNormal) continue;
      this.#indexes = this.#indexes.filter((at) => at !== index);
    }
  }

  /** The first one that is not applied, or 0. */
  get first(): LogIndex {
    return this.#indexes[0] ?? 0;
  }

  /** The first one above `index`, or 0. */
  firstAfter(index: LogIndex): LogIndex {
    for (const at of this.#indexes) if (at > index) return at;
    return 0;
  }

  /** How many stand below `index`. */
  countBelow(index: LogIndex): number {
    let count = 0;
    while (count < this.#indexes.length && this.#indexes[count]! < index) count++;
    return count;
  }

  /** As {@link firstAfter}, of those that are changes for certain. */
  firstKnownAfter(index: LogIndex): LogIndex {
    for (const at of this.#indexes) if (at > index && !this.#unknown.has(at)) return at;
    return 0;
  }

  /** The last one, or 0. */
  get last(): LogIndex {
    return this.#indexes[this.#indexes.length - 1] ?? 0;
  }

  truncateFrom(index: LogIndex): void {
    while (this.#indexes.length > 0 && this.last >= index) this.#drop(this.#indexes.pop());
  }

  appliedTo(index: LogIndex): void {
    while (this.#indexes.length > 0 && this.first <= index) this.#drop(this.#indexes.shift());
  }

  #drop(index: LogIndex | undefined): void {
    if (index !== undefined) this.#unknown.delete(index);
  }
}
