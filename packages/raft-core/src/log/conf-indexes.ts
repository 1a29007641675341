import { type Entry, EntryType } from '../entry.js';
import type { LogIndex } from '../ids.js';

/** Where configuration changes stand in the part of the log that is not applied. Ascending; nearly always empty. */
export class ConfIndexes {
  #indexes: LogIndex[] = [];

  append(entry: Entry): void {
    if (entry.type !== EntryType.EntryNormal) this.#indexes.push(entry.index);
  }

  /** An entry that cannot be read may be one. */
  appendUnknown(index: LogIndex): void {
    this.#indexes.push(index);
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

  /** The last one, or 0. */
  get last(): LogIndex {
    return this.#indexes[this.#indexes.length - 1] ?? 0;
  }

  truncateFrom(index: LogIndex): void {
    while (this.#indexes.length > 0 && this.last >= index) this.#indexes.pop();
  }

  appliedTo(index: LogIndex): void {
    while (this.#indexes.length > 0 && this.first <= index) this.#indexes.shift();
  }
}
