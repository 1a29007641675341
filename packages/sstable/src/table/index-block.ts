import { readU32, writeU32 } from '../encoding/internal-key.js';
import { keyPrefix } from '../encoding/key-order.js';
import { compareAtRestart, entryAtRestart, lowerBound, restartsOf } from './block-search.js';

/**
 * An index block in memory: its contents and behind them a column of numbers, four bytes of each key that tell
 * most keys apart. A search of a thousand entries then reads a few lines of the column, not the keys of ten
 * entries all over the block: half the cache misses of a get (bench/get.mjs).
 *
 * ```
 * contents | prefix u32 ... | length of the beginning that all keys share u32 | length of the contents u32
 * ```
 */
const TAIL_BYTES = 8;

/** Puts the column behind the contents of an index block; none where the block is not as it should be. */
export function withPrefixes(contents: Uint8Array): Uint8Array {
  const end = contents.length;
  const count = restartsOf(contents, end);
  const common = commonLength(contents, count);
  const rows = common < 0 ? 0 : count;
  const block = new Uint8Array(end + 4 * rows + TAIL_BYTES);
  block.set(contents);
  for (let row = 0; row < rows; row++) {
    const entry = entryAtRestart(contents, end, row);
    if (entry === null) return withoutPrefixes(contents);
    const prefix = keyPrefix(contents, entry.start + common, entry.end);
    writeU32(block, end + 4 * row, prefix);
  }
  writeU32(block, block.length - 8, Math.max(0, common));
  writeU32(block, block.length - 4, end);
  return block;
}

function withoutPrefixes(contents: Uint8Array): Uint8Array {
  const block = new Uint8Array(contents.length + TAIL_BYTES);
  block.set(contents);
  writeU32(block, block.length - 4, contents.length);
  return block;
}

/** Bytes of an index block in memory that are its contents. */
export function contentsEnd(block: Uint8Array): number {
  return readU32(block, block.length - 4);
}

/**
 * Number of the first entry at or behind (key, atMost); the number of entries if there is none; -1: unsure, a cursor
 * has to look.
 */
export function searchIndex(block: Uint8Array, key: Uint8Array, atMost: number): number {
  const end = contentsEnd(block);
  const count = restartsOf(block, end);
  if (count === 0 || 4 * count !== block.length - TAIL_BYTES - end) {
    return lowerBound(block, end, key, atMost);
  }
  const common = readU32(block, block.length - 8);
  if (common > 0) {
    const order = compareCommon(block, end, common, key);
    if (order !== 0) return order < 0 ? 0 : count;
  }
  const wanted = keyPrefix(key, common, key.length);
  const restartsAt = end - 4 - 4 * count;
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const prefix = readU32(block, end + 4 * middle);
    if (prefix < wanted) low = middle + 1;
    else if (prefix > wanted) high = middle;
    else {
      const order = compareAtRestart(block, restartsAt, middle, key, atMost);
      if (order < 0) low = middle + 1;
      else if (order >= 0) high = middle;
      else return -1;
    }
  }
  return low;
}

/** Sign of the key minus what all keys of the block begin with; 0 if it begins so, too. */
function compareCommon(block: Uint8Array, end: number, common: number, key: Uint8Array): number {
  const first = entryAtRestart(block, end, 0);
  if (first === null) return 0;
  for (let i = 0; i < common; i++) {
    // Shorter than what all begin with: before all.
    if (i >= key.length) return -1;
    const difference = key[i]! - block[first.start + i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Bytes that the first and the last user key begin with, and so all; -1 where the block is not as it should be. */
function commonLength(contents: Uint8Array, count: number): number {
  const end = contents.length;
  const first = count === 0 ? null : entryAtRestart(contents, end, 0);
  const last = count === 0 ? null : entryAtRestart(contents, end, count - 1);
  if (first === null || last === null) return -1;
  const limit = Math.min(first.end - first.start, last.end - last.start);
  let common = 0;
  while (common < limit && contents[first.start + common] === contents[last.start + common]) {
    common++;
  }
  return common;
}
