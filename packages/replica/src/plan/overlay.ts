import { compareKeys } from '../state/key-range.js';
import type { Effect } from './plan.js';

/** What the steps of a transaction have done so far: of each key the last, by key (S5). */
export class Overlay {
  readonly #effects: Effect[] = [];

  /** In the order of the keys. */
  get effects(): readonly Effect[] {
    return this.#effects;
  }

  /** What was done to the key; null: nothing. */
  find(key: Uint8Array): Effect | null {
    const effect = this.#effects[this.#place(key)];
    return effect !== undefined && compareKeys(effect.key, key) === 0 ? effect : null;
  }

  /** The newest word on its key. */
  add(effect: Effect): void {
    const at = this.#place(effect.key);
    const there = this.#effects[at];
    const isKnown = there !== undefined && compareKeys(there.key, effect.key) === 0;
    this.#effects.splice(at, isKnown ? 1 : 0, effect);
  }

  /** What was done to keys of [start, end), in their order; an empty end: to the last key. */
  within(start: Uint8Array, end: Uint8Array): Effect[] {
    const to = end.length === 0 ? this.#effects.length : this.#place(end);
    return this.#effects.slice(this.#place(start), to);
  }

  /** Of the first effect at or behind the key. */
  #place(key: Uint8Array): number {
    let low = 0;
    let high = this.#effects.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys((this.#effects[middle] as Effect).key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
