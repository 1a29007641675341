import type { KeyBounds, RangeOptions } from '../contract.js';
import { compareKeys } from '../encoding/key-order.js';

export const ALL_KEYS: KeyBounds = { start: null, end: null };

/** What the options of a range mean, as copies: the narrowest of what they say. */
export function boundsOf(range: RangeOptions): KeyBounds {
  const { start, end, gte, gt, lte, lt } = range;
  return {
    start: later(later(copyOf(start), copyOf(gte)), behind(gt)),
    end: earlier(earlier(copyOf(end), copyOf(lt)), behind(lte)),
  };
}

export function copyBounds({ start, end }: KeyBounds): KeyBounds {
  return { start: start?.slice() ?? null, end: end?.slice() ?? null };
}

/** The keys that are in both. */
export function intersection(a: KeyBounds, b: KeyBounds): KeyBounds {
  return { start: later(a.start, b.start), end: earlier(a.end, b.end) };
}

export function isInBounds({ start, end }: KeyBounds, key: Uint8Array): boolean {
  return (
    (start === null || compareKeys(key, start) >= 0) && (end === null || compareKeys(key, end) < 0)
  );
}

/** True if some key of [smallest, largest] may be in the bounds. */
export function touches(
  { start, end }: KeyBounds,
  smallest: Uint8Array,
  largest: Uint8Array,
): boolean {
  return (
    (start === null || compareKeys(largest, start) >= 0) &&
    (end === null || compareKeys(smallest, end) < 0)
  );
}

/** True if every key of `inner` is in `outer`. */
export function isWithin(inner: KeyBounds, outer: KeyBounds): boolean {
  if (isEmpty(inner)) return true;
  const startsInside =
    outer.start === null || (inner.start !== null && compareKeys(inner.start, outer.start) >= 0);
  const endsInside =
    outer.end === null || (inner.end !== null && compareKeys(inner.end, outer.end) <= 0);
  return startsInside && endsInside;
}

export function isEmpty({ start, end }: KeyBounds): boolean {
  return end !== null && compareKeys(start ?? NO_BYTES, end) >= 0;
}

/** The first key behind `key`: the key and a zero byte. */
export function keyBehind(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

const NO_BYTES = new Uint8Array(0);

function copyOf(key: Uint8Array | undefined): Uint8Array | null {
  return key?.slice() ?? null;
}

function behind(key: Uint8Array | undefined): Uint8Array | null {
  return key === undefined ? null : keyBehind(key);
}

function later(a: Uint8Array | null, b: Uint8Array | null): Uint8Array | null {
  if (a === null || b === null) return a ?? b;
  return compareKeys(a, b) >= 0 ? a : b;
}

function earlier(a: Uint8Array | null, b: Uint8Array | null): Uint8Array | null {
  if (a === null || b === null) return a ?? b;
  return compareKeys(a, b) <= 0 ? a : b;
}
