/**
 * LevelDB's filter block under the policy `leveldb.BuiltinBloomFilter2`: a bloom filter for each 2 KiB of
 * the file, of the keys in the data blocks that begin there.
 *
 * ```
 * filter ... | offset of each filter u32 ... | offset of the first of these u32 | 11 (2 KiB = 2^11) u8
 * filter     bits | number of probes u8; empty for a range in which no block begins
 * ```
 */

import { ByteWriter } from '../encoding/byte-writer.js';
import { readU32 } from '../encoding/internal-key.js';

/** Name of this filter in the metaindex. */
export const LEVELDB_FILTER_NAME = 'filter.leveldb.BuiltinBloomFilter2';

const RANGE_BITS = 11;
const BITS_PER_KEY = 10;
const PROBES = 6;
const HASH_SEED = 0xbc9f1d34;
const FACTOR = 0xc6a4a793;

/** LevelDB's hash of a user key for its filters. On disk: must not change. */
export function levelDbFilterHash(key: Uint8Array, start: number, end: number): number {
  let hash = HASH_SEED ^ Math.imul(end - start, FACTOR);
  let at = start;
  for (; at + 4 <= end; at += 4) {
    hash = Math.imul((hash + readU32(key, at)) | 0, FACTOR);
    hash ^= hash >>> 16;
  }
  if (at < end) {
    for (let i = end - at - 1; i >= 0; i--) hash = (hash + (key[at + i]! << (8 * i))) | 0;
    hash = Math.imul(hash, FACTOR);
    hash ^= hash >>> 24;
  }
  return hash >>> 0;
}

/** Collects the keys of a table's data blocks in their order and makes the filter block. */
export class LevelDbFilterBuilder {
  readonly #filters = new ByteWriter();
  readonly #offsets: number[] = [];
  #hashes: number[] = [];

  /** The data block that follows begins at this offset. */
  startBlock(offset: number): void {
    const range = Math.floor(offset / 2 ** RANGE_BITS);
    while (this.#offsets.length < range) this.#finishFilter();
  }

  add(hash: number): void {
    this.#hashes.push(hash);
  }

  finish(): Uint8Array {
    if (this.#hashes.length > 0) this.#finishFilter();
    const block = this.#filters;
    const arrayAt = block.length;
    for (const offset of this.#offsets) block.u32(offset);
    return block.u32(arrayAt).u8(RANGE_BITS).finish();
  }

  #finishFilter(): void {
    this.#offsets.push(this.#filters.length);
    const hashes = this.#hashes;
    if (hashes.length === 0) return;
    this.#hashes = [];
    // A very small filter would say yes far too often.
    const bytes = Math.ceil(Math.max(64, hashes.length * BITS_PER_KEY) / 8);
    const bits = new Uint8Array(bytes);
    for (const hash of hashes) {
      for (const bit of probesOf(hash, bytes * 8, PROBES)) bits[bit >>> 3]! |= 1 << (bit & 7);
    }
    this.#filters.raw(bits).u8(PROBES);
  }
}

/**
 * False only if the filter block, as it should be, says that no block at this offset has a key with the
 * hash. Where the block is not as it should be: true, for a filter only ever saves work.
 */
export function levelDbFilterMayContain(
  block: Uint8Array,
  blockOffset: number,
  hash: number,
): boolean {
  const arrayEnd = block.length - 5;
  if (arrayEnd < 0) return true;
  const arrayAt = readU32(block, arrayEnd);
  const rangeBits = block[arrayEnd + 4]!;
  if (arrayAt > arrayEnd || rangeBits > 30) return true;
  const range = Math.floor(blockOffset / 2 ** rangeBits);
  const at = arrayAt + 4 * range;
  if (at + 4 > arrayEnd) return true;
  const start = readU32(block, at);
  const end = readU32(block, at + 4);
  if (start === end) return false;
  if (start > end || end > arrayAt) return true;
  const probes = block[end - 1]!;
  // More than 30 are reserved for another kind of filter.
  if (probes > 30 || end - start < 2) return true;
  const bits = (end - start - 1) * 8;
  return probesOf(hash, bits, probes).every(
    (bit) => (block[start + (bit >>> 3)]! & (1 << (bit & 7))) !== 0,
  );
}

function probesOf(hash: number, bits: number, probes: number): number[] {
  const step = ((hash >>> 17) | (hash << 15)) >>> 0;
  let at = hash;
  return Array.from({ length: probes }, () => {
    const bit = at % bits;
    at = (at + step) >>> 0;
    return bit;
  });
}
