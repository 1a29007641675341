import { copyBytes, grown } from '../encoding/copy-bytes.js';
import { readU32, writeU32 } from '../encoding/internal-key.js';
import { keyPrefix } from '../encoding/key-order.js';
import type { PointResult } from '../read/cursor.js';
import { Search, searchBlock, takeVersion } from './block-search.js';
import { EntryReader } from './entry-reader.js';

/**
 * A data block in memory that a get has read: its contents and behind them a column with four bytes of each user
 * key that tell most keys apart, and where its entry begins. The next get looks at the column and at one entry,
 * not at some ten entries on the way to it (bench/get.mjs).
 *
 * ```
 * contents | (prefix u32 | entry u32) ... | length of the beginning that all user keys share u32
 *          | length of the contents u32, plus 2^31
 * ```
 * A block without a column is its contents alone. Those end with a number of restart points, which is never so
 * large: that tells the two apart.
 */
const ROW_BYTES = 8;
const TAIL_BYTES = 8;
const MARK = 2 ** 31;

/** A block of more entries has many of a few bytes each, and its column would be as large. */
const MAX_ROWS = 1024;

/** Keys with one prefix that are looked at, one after the other. */
const MAX_ALIKE = 4;

const entry = new EntryReader();
/** The internal key that a walk has come to; functions here are synchronous and never nested. */
let walked: Uint8Array = new Uint8Array(256);
/** Its length with the trailer, whose bytes the next key may share. */
let walkedEnd = 0;
const rows = new Uint32Array(MAX_ROWS);

/** True if these contents could be taken for a block with a column: no writer makes such. */
export function isMisleading(contents: Uint8Array): boolean {
  return contents.length < 4 || readU32(contents, contents.length - 4) >= MARK;
}

/** Bytes of a data block in memory that are its contents. */
export function dataEnd(block: Uint8Array): number {
  const tail = readU32(block, block.length - 4);
  return tail >= MARK ? tail - MARK : block.length;
}

/** Puts the column behind the contents of a data block; answers them as they are where that is of no use. */
export function withColumn(contents: Uint8Array): Uint8Array {
  const end = contents.length;
  const limit = end - 4 - 4 * readU32(contents, end - 4);
  let count = 0;
  let common = 0;
  let first: Uint8Array | null = null;
  walkedEnd = 0;
  for (let at = 0; at < limit; at = entry.next) {
    if (count === MAX_ROWS || !walk(contents, at, limit)) return contents;
    const length = entry.userLength;
    if (first === null) {
      first = walked.slice(0, length);
      common = length;
    }
    if (length < common) common = length;
    for (let i = 0; i < common; i++) if (walked[i] !== first[i]) common = i;
    rows[count++] = at;
  }
  if (count === 0) return contents;
  const block = new Uint8Array(end + ROW_BYTES * count + TAIL_BYTES);
  block.set(contents);
  walkedEnd = 0;
  for (let row = 0; row < count; row++) {
    walk(contents, rows[row]!, limit);
    writeU32(block, end + ROW_BYTES * row, keyPrefix(walked, common, entry.userLength));
    writeU32(block, end + ROW_BYTES * row + 4, rows[row]!);
  }
  writeU32(block, block.length - 8, common);
  writeU32(block, block.length - 4, end + MARK);
  return block;
}

/** Decodes an entry on top of the key before it, which is in `walked`; false where it is not as it should be. */
function walk(contents: Uint8Array, at: number, limit: number): boolean {
  if (!entry.read(contents, at, limit) || entry.shared > walkedEnd) return false;
  const { shared, unshared, keyAt } = entry;
  walkedEnd = shared + unshared;
  walked = grown(walked, shared, walkedEnd);
  copyBytes(walked, shared, contents, keyAt, keyAt + unshared);
  return true;
}

/** Looks for the newest version of the key at or below `atMost`, as searchBlock does. */
export function searchData(
  block: Uint8Array,
  key: Uint8Array,
  atMost: number,
  result: PointResult,
): Search {
  const end = dataEnd(block);
  if (end === block.length) return searchBlock(block, end, key, atMost, result);
  const common = readU32(block, block.length - 8);
  const limit = end - 4 - 4 * readU32(block, end - 4);
  if (!entry.read(block, 0, limit)) return Search.Unsure;
  if (key.length < common) return Search.Absent;
  for (let i = 0, at = entry.keyAt; i < common; i++, at++) {
    if (block[at] !== key[i]) return Search.Absent;
  }
  const count = (block.length - TAIL_BYTES - end) / ROW_BYTES;
  const wanted = keyPrefix(key, common, key.length);
  let row = firstRow(block, end, count, wanted);
  for (let alike = 0; row < count; row++, alike++) {
    if (readU32(block, end + ROW_BYTES * row) !== wanted) return Search.Absent;
    if (alike === MAX_ALIKE) return searchBlock(block, end, key, atMost, result);
    if (!entry.read(block, readU32(block, end + ROW_BYTES * row + 4), limit)) return Search.Unsure;
    if (entry.userLength !== key.length) continue;
    // What is shared beyond the prefix is not known to agree.
    if (entry.shared > common + 4) return searchBlock(block, end, key, atMost, result);
    if (agrees(block, key)) return takeVersion(entry, block, atMost, result);
  }
  return Search.Absent;
}

/** Number of the first row with this prefix or a higher one. */
function firstRow(block: Uint8Array, end: number, count: number, wanted: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (readU32(block, end + ROW_BYTES * middle) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether what the entry does not share with the one before it is the rest of the key. */
function agrees(block: Uint8Array, key: Uint8Array): boolean {
  const { shared, keyAt } = entry;
  for (let i = shared; i < key.length; i++) {
    if (block[keyAt + i - shared] !== key[i]) return false;
  }
  return true;
}
