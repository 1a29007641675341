/**
 * Search in the nodes of a tree: columns of numbers, ascending, that are the beginnings of keys. What it costs is not
 * the steps but a processor that waits: for memory, and after each branch that it guessed wrong, which in a
 * binary search is every second one (bench/get.mjs).
 */
import { keyPrefix } from '../encoding/key-order.js';

/** Words of a cache line. */
const LINE_WORDS = 16;

/** The first 31 bits of a key: the difference of two of them fits into 32 bits with a sign. */
export function nodePrefix(bytes: Uint8Array, start: number, end: number): number {
  return keyPrefix(bytes, start, end) >>> 1;
}

/** How many of the `count` prefixes of a column are below this one. What they are decides no branch. */
export function prefixesBelow(
  words: Uint32Array,
  column: number,
  count: number,
  prefix: number,
): number {
  let low = column;
  let left = count;
  while (left > 0) {
    const half = (left + 1) >>> 1;
    // All ones if the last one of this half is below the prefix: then the half is passed.
    low += half & ((words[low + half - 1]! - prefix) >> 31);
    left -= half;
  }
  return low - column;
}

/**
 * Reads a word of each cache line of words[from, from + count), count not 0. A search would ask for the lines one after
 * the other, each when it has seen the one before; so they come from memory side by side. The answer
 * means nothing, and must be kept somewhere.
 */
export function touchWords(words: Uint32Array, from: number, count: number): number {
  let mixed = words[from + count - 1]!;
  for (let at = from; at < from + count; at += LINE_WORDS) mixed ^= words[at]!;
  return mixed;
}
