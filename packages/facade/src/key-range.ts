/**
 * Order of keys: bytewise, a prefix before what it begins.
 * @returns negative, 0 or positive
 */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** {@link compareKeys} of bytes[start, end) and another key: for walks over messages, without a view. */
export function compareKeyAt(
  bytes: Uint8Array,
  start: number,
  end: number,
  other: Uint8Array,
): number {
  const length = Math.min(end - start, other.length);
  for (let i = 0; i < length; i++) {
    const difference = bytes[start + i]! - other[i]!;
    if (difference !== 0) return difference;
  }
  return end - start - other.length;
}

/**
 * Order of the exclusive ends of ranges: as keys, but the empty one means "to the last key" and comes
 * last.
 */
export function compareEnds(a: Uint8Array, b: Uint8Array): number {
  if (a.length === 0 || b.length === 0) return b.length - a.length;
  return compareKeys(a, b);
}

/** Whether a key lies below an exclusive end; the empty end is above every key. */
export function isBelowEnd(key: Uint8Array, end: Uint8Array): boolean {
  return end.length === 0 || compareKeys(key, end) < 0;
}

/** Whether [aStart, aEnd) and [bStart, bEnd) have a key in common. Empty ends: to the last key. */
export function rangesOverlap(
  aStart: Uint8Array,
  aEnd: Uint8Array,
  bStart: Uint8Array,
  bEnd: Uint8Array,
): boolean {
  return isBelowEnd(aStart, bEnd) && isBelowEnd(bStart, aEnd);
}

/**
 * The first key behind all keys with this prefix, as the exclusive end of their range; empty (to the
 * last key) when there is none: for the empty prefix and for one of 0xff bytes only.
 */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  // A copy: slice() of a Buffer would be a view.
  const end = new Uint8Array(prefix.subarray(0, length));
  if (length > 0) end[length - 1]!++;
  return end;
}

/**
 * A key shortly below an exclusive end: one that a walk backwards meets early. (There is no greatest
 * key below another one unless that ends with a zero byte.)
 */
export function keyBelow(end: Uint8Array): Uint8Array {
  const last = end.length - 1;
  if (end[last] === 0) return new Uint8Array(end.subarray(0, last));
  const key = new Uint8Array(end.length + tailBytes).fill(0xff);
  key.set(end);
  if (last >= 0) key[last]!--;
  return key;
}

const tailBytes = 16;
