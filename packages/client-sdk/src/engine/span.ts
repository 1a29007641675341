import { compareKeys, isBelowEnd, type KeySpan, rangesOverlap } from '@dougdb/facade';

/** Keys that an operation touches. */
export type Span = KeySpan;

/** Whether a key lies in a span. */
export function spanHas({ start, end }: Span, key: Uint8Array): boolean {
  if (end === null) return compareKeys(start, key) === 0;
  return compareKeys(start, key) <= 0 && isBelowEnd(key, end);
}

/** Whether two spans may have a key in common. */
export function spansMeet(a: Span, b: Span): boolean {
  if (a.end === null) return spanHas(b, a.start);
  if (b.end === null) return spanHas(a, b.start);
  return rangesOverlap(a.start, a.end, b.start, b.end);
}
