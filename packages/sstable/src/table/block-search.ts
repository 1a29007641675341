/**
 * Point searches of a block without a cursor: no key is put together and nothing is copied, which makes
 * them about twice as fast (bench/put-get-scan.mjs, "get from tables").
 *
 * They never throw. Where a block is not what they expect, they say UNSURE, and the caller asks a
 * BlockCursor, which checks everything and says what is wrong.
 */
import { isKnownKind, readU32, sequenceOf, TRAILER_BYTES } from '../encoding/internal-key.js';
import { compareRanges } from '../encoding/key-order.js';
import type { PointResult } from '../read/cursor.js';
import { EntryReader } from './entry-reader.js';

export const Search = { Absent: 0, Found: 1, Unsure: 2 } as const;
export type Search = (typeof Search)[keyof typeof Search];

/** The functions here are synchronous and never nested. */
const entry = new EntryReader();

/** Restart points of the block whose contents are bytes[0, end); 0 if they cannot be right. */
export function restartsOf(bytes: Uint8Array, end: number): number {
  const count = end < 4 ? 0 : readU32(bytes, end - 4);
  return count > (end - 4) / 4 ? 0 : count;
}

/**
 * Sign of the entry at a restart point minus (key, atMost); NaN where it is not as it should be.
 */
export function compareAtRestart(
  bytes: Uint8Array,
  restartsAt: number,
  restart: number,
  key: Uint8Array,
  atMost: number,
): number {
  const at = readU32(bytes, restartsAt + 4 * restart);
  if (!entry.read(bytes, at, restartsAt) || entry.shared !== 0) return Number.NaN;
  const userEnd = entry.keyAt + entry.userLength;
  const order = compareRanges(bytes, entry.keyAt, userEnd, key, 0, key.length);
  if (order !== 0) return order;
  return atMost - sequenceOf(readU32(bytes, userEnd), readU32(bytes, userEnd + 4));
}

/** Where the user key of the entry at a restart point stands; null where it is not as it should be. */
export function entryAtRestart(
  bytes: Uint8Array,
  end: number,
  restart: number,
): { readonly start: number; readonly end: number } | null {
  const restartsAt = end - 4 - 4 * restartsOf(bytes, end);
  const at = readU32(bytes, restartsAt + 4 * restart);
  if (!entry.read(bytes, at, restartsAt) || entry.shared !== 0) return null;
  return { start: entry.keyAt, end: entry.keyAt + entry.userLength };
}

/**
 * In a block in which each entry is a restart point: the number of the first entry at or behind
 * (key, atMost); the number of entries if there is none; -1: unsure.
 */
export function lowerBound(
  bytes: Uint8Array,
  end: number,
  key: Uint8Array,
  atMost: number,
): number {
  const count = restartsOf(bytes, end);
  const restartsAt = end - 4 - 4 * count;
  if (count === 0) return -1;
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = compareAtRestart(bytes, restartsAt, middle, key, atMost);
    if (order < 0) low = middle + 1;
    else if (order >= 0) high = middle;
    else return -1;
  }
  return low;
}

/** Looks for the newest version of the key at or below `atMost`; fills in the result if it is there. */
export function searchBlock(
  bytes: Uint8Array,
  end: number,
  key: Uint8Array,
  atMost: number,
  result: PointResult,
): Search {
  const count = restartsOf(bytes, end);
  if (count === 0) return Search.Unsure;
  const limit = end - 4 - 4 * count;
  let low = 0;
  let high = count - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    const order = compareAtRestart(bytes, limit, middle, key, atMost);
    if (order < 0) low = middle;
    else if (order >= 0) high = middle - 1;
    else return Search.Unsure;
  }
  return scanFrom(bytes, readU32(bytes, limit + 4 * low), limit, key, atMost, result);
}

/**
 * Goes on from a restart point whose entry is before the target (or the first of the block). Of the entry
 * before the one it looks at it keeps only how far its user key agrees with the target: all that an entry
 * shares with it is then known to agree, or to be smaller, without a look at the bytes.
 */
function scanFrom(
  bytes: Uint8Array,
  start: number,
  limit: number,
  key: Uint8Array,
  atMost: number,
  result: PointResult,
): Search {
  const wanted = key.length;
  /** Bytes in which the user key before agrees with the target; at that byte it is smaller, or ends. */
  let agreed = 0;
  let lengthBefore = 0;
  let at = start;
  while (at < limit) {
    if (!entry.read(bytes, at, limit)) return Search.Unsure;
    const { shared, keyAt, userLength: length } = entry;
    at = entry.next;
    if (shared > agreed) {
      // It has the smaller byte, too; unless what it shares is the trailer of the key before.
      if (agreed >= lengthBefore || length <= agreed) return Search.Unsure;
      lengthBefore = length;
      continue;
    }
    const common = Math.min(length, wanted);
    const shift = keyAt - shared;
    let same = shared;
    while (same < common && bytes[shift + same] === key[same]) same++;
    if (same < common) {
      if (bytes[shift + same]! > key[same]!) return Search.Absent;
    } else if (length > wanted) {
      return Search.Absent;
    } else if (length === wanted) {
      return takeVersion(entry, bytes, atMost, result);
    }
    agreed = same;
    lengthBefore = length;
  }
  return Search.Absent;
}

/** The entry has the key: its newest version in the block. */
export function takeVersion(
  { unshared, valueAt, valueLength }: EntryReader,
  bytes: Uint8Array,
  atMost: number,
  result: PointResult,
): Search {
  // Shares bytes of the trailer before it, or is too new: the cursor goes through the older versions.
  if (unshared < TRAILER_BYTES) return Search.Unsure;
  const low = readU32(bytes, valueAt - TRAILER_BYTES);
  const sequence = sequenceOf(low, readU32(bytes, valueAt - 4));
  const kind = low & 0xff;
  if (sequence > atMost || !isKnownKind(kind)) return Search.Unsure;
  result.kind = kind;
  result.sequence = sequence;
  result.bytes = bytes;
  result.start = valueAt;
  result.end = valueAt + valueLength;
  return Search.Found;
}
