import type { WalEntry } from '../contract.js';

/** So many places at the front may be empty before the rest moves down. */
const SLACK = 1024;

/**
 * The entries of one log that are in memory: the newest ones in a row, and those that garbage collection or
 * repair takes to a new place far behind them. Costs nothing for entries that are not there.
 */
export class CachedEntries {
  #row: (WalEntry | undefined)[] = [];
  /** Index of row[0]. */
  #base = 0;
  /** Places of the row before this one are empty. */
  #head = 0;
  readonly #others = new Map<number, WalEntry>();

  get(index: number): WalEntry | undefined {
    const at = index - this.#base;
    if (at >= this.#head && at < this.#row.length && this.#row[at] !== undefined) {
      return this.#row[at];
    }
    return this.#others.size === 0 ? undefined : this.#others.get(index);
  }

  set(entry: WalEntry): void {
    const { index } = entry;
    if (this.#head === this.#row.length) this.#restart(index);
    const at = index - this.#base;
    if (at < this.#head || at > this.#row.length) {
      this.#others.set(index, entry);
      return;
    }
    if (at === this.#row.length) this.#row.push(entry);
    else this.#row[at] = entry;
    if (this.#others.size > 0) this.#others.delete(index);
  }

  delete(index: number): void {
    const at = index - this.#base;
    if (at >= this.#head && at < this.#row.length) this.#row[at] = undefined;
    if (this.#others.size > 0) this.#others.delete(index);
  }

  /** Takes this very entry out; another one at its index stays. */
  forget(entry: WalEntry): void {
    const { index } = entry;
    const at = index - this.#base;
    if (at >= this.#head && at < this.#row.length && this.#row[at] === entry) {
      this.#row[at] = undefined;
      if (at === this.#head) this.#advance(at + 1);
    } else if (this.#others.get(index) === entry) {
      this.#others.delete(index);
    }
  }

  cutFrom(index: number): void {
    const length = Math.max(index - this.#base, this.#head);
    if (length < this.#row.length) this.#row.length = length;
    for (const other of this.#others.keys()) if (other >= index) this.#others.delete(other);
  }

  cutThrough(index: number): void {
    const head = Math.min(index + 1 - this.#base, this.#row.length);
    if (head > this.#head) {
      this.#row.fill(undefined, this.#head, head);
      this.#advance(head);
    }
    for (const other of this.#others.keys()) if (other <= index) this.#others.delete(other);
  }

  /** The row is empty: the next one begins here. */
  #restart(index: number): void {
    this.#row = [];
    this.#head = 0;
    this.#base = index;
  }

  #advance(head: number): void {
    this.#head = head;
    while (this.#head < this.#row.length && this.#row[this.#head] === undefined) this.#head++;
    if (this.#head < SLACK || this.#head * 2 < this.#row.length) return;
    this.#row = this.#row.slice(this.#head);
    this.#base += this.#head;
    this.#head = 0;
  }
}
