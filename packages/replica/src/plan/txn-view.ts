import type { KeyValue } from '@dougdb/rpc-proto';
import { compareKeys } from '../state/key-range.js';
import { Overlay } from './overlay.js';
import type { Place } from './place.js';
import type { Effect } from './plan.js';
import type { Planning } from './planning.js';
import type { PlaceRange } from './range-walk.js';
import type { WorkBound } from './work-bound.js';

/** The first keys of a range. */
export interface FoundRange {
  readonly pairs: KeyValue[];
  /** There is one more, at least. */
  readonly more: boolean;
}

/** What a step of a transaction sees: the place of the transaction, and what the steps before it did. */
export class TxnView {
  readonly #place: Place;
  readonly #work: WorkBound;
  readonly #overlay = new Overlay();

  constructor(place: Place, work: WorkBound) {
    this.#place = place;
    this.#work = work;
  }

  /** What all steps so far do together. */
  get effects(): readonly Effect[] {
    return this.#overlay.effects;
  }

  /** Every step behind this one sees it. */
  write(effect: Effect): void {
    this.#overlay.add(effect);
  }

  /** Null: the key is not there. Counts neither as touched nor as answered. */
  *get(key: Uint8Array, keysOnly: boolean): Planning<KeyValue | null> {
    const effect = this.#overlay.find(key);
    if (effect !== null) return this.#pairOf(effect, keysOnly);
    const found = yield* this.#place.get(key, keysOnly);
    return found === null ? null : { key, ...found };
  }

  /** As many keys as `limit` says, each touched and answered. */
  *range(range: PlaceRange, limit: number): Planning<FoundRange> {
    const { start, end, reverse, keysOnly } = range;
    const effects = this.#overlay.within(start, end);
    if (reverse) effects.reverse();
    const pairs: KeyValue[] = [];
    let more = false;
    let next = 0;

    const take = (key: Uint8Array, found: Omit<KeyValue, 'key'>): void => {
      if (pairs.length === limit) {
        more = true;
        return;
      }
      this.#work.touch();
      this.#work.answer(key.length + found.value.length);
      // Here alone are large values copied: what is too much is not gathered first.
      pairs.push({ ...found, key: key.slice(), value: found.value.slice() });
    };
    const takeEffects = (before: Uint8Array | null): void => {
      for (; next < effects.length && !more; next++) {
        const effect = effects[next] as Effect;
        if (before !== null && !isBefore(effect.key, before, reverse)) return;
        const pair = this.#pairOf(effect, keysOnly);
        if (pair !== null) take(pair.key, pair);
      }
    };

    yield* this.#place.walk(range, (key, found) => {
      takeEffects(key);
      const effect = effects[next];
      // A step has the last word on this key.
      if (!more && (effect === undefined || compareKeys(effect.key, key) !== 0)) take(key, found);
      return !more;
    });
    takeEffects(null);
    return { pairs, more };
  }

  /** What an earlier step wrote has the revision that the transaction will have. */
  #pairOf({ key, value, expiresAt }: Effect, keysOnly: boolean): KeyValue | null {
    if (value === null) return null;
    return {
      key,
      value: keysOnly ? NO_BYTES : value,
      revision: this.#place.revision + 1,
      expiresAt,
    };
  }
}

function isBefore(key: Uint8Array, other: Uint8Array, reverse: boolean): boolean {
  const order = compareKeys(key, other);
  return reverse ? order > 0 : order < 0;
}

const NO_BYTES = new Uint8Array(0);
