import { type CommandView, forEachRange, type PartitionDescriptor } from '@dougdb/rpc-proto';

/** Whether the key bytes[start, end) lies in the range [descriptor.start, descriptor.end). */
export function isInRange(
  descriptor: PartitionDescriptor,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  const { start: low, end: high } = descriptor;
  if (low.length > 0 && compareKeyBytes(bytes, start, end, low) < 0) return false;
  return high.length === 0 || compareKeyBytes(bytes, start, end, high) < 0;
}

/** Whether all keys and ranges of the command lie in the range; one that names no key does. The view lies on `bytes`. */
export function isCommandInRange(
  descriptor: PartitionDescriptor,
  bytes: Uint8Array,
  view: CommandView,
): boolean {
  const { body, keyStart, keyEnd } = view;
  if (body === null) return isInRange(descriptor, bytes, keyStart, keyEnd);
  let isInside = true;
  forEachRange(body, (start, end) => {
    isInside &&= isInRange(descriptor, start, 0, start.length) && endsInRange(descriptor, end);
  });
  return isInside;
}

/** Whether a range that begins in the descriptor's range ends in it; null: it is a single key. */
function endsInRange({ end: high }: PartitionDescriptor, end: Uint8Array | null): boolean {
  if (end === null || high.length === 0) return true;
  return end.length > 0 && compareKeys(end, high) <= 0;
}

/** The part of [start, end) that lies in the descriptor's range; null if there is none. Empty: unbounded. */
export function clipRange(
  descriptor: PartitionDescriptor,
  start: Uint8Array,
  end: Uint8Array,
): { readonly start: Uint8Array; readonly end: Uint8Array } | null {
  const low = compareKeys(start, descriptor.start) > 0 ? start : descriptor.start;
  const isWithin =
    descriptor.end.length === 0 || (end.length > 0 && compareKeys(end, descriptor.end) < 0);
  const high = isWithin ? end : descriptor.end;
  return high.length > 0 && compareKeys(low, high) >= 0 ? null : { start: low, end: high };
}

/** Order of unsigned bytes, a prefix first. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  return compareKeyBytes(a, 0, a.length, b);
}

/** Order of the key bytes[start, end) against another one. */
export function compareKeyBytes(
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
