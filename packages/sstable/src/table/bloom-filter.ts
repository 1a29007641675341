/**
 * A bloom filter in which all probes of a key fall into one line of 64 bytes, so that a lookup costs
 * one cache miss (as RocksDB's FastLocalBloom). 10 bits a key and 6 probes: about 1.2 % false positives.
 *
 * Filter block: lines of 64 bytes | line count u32 | probes u8 | hash u8 (1: murmur3 32) | u16 (0).
 */
import { SstError, SstErrorCode } from '../contract.js';
import { readU32, writeU32 } from '../encoding/internal-key.js';

const LINE_BYTES = 64;
const TAIL_BYTES = 8;
const BITS_PER_KEY = 10;
const PROBES = 6;
const HASH_MURMUR3 = 1;
const GOLDEN = 0x9e3779b9;

/** Name of this filter in the metaindex. */
export const FILTER_NAME = 'filter.bloom-lines';

/** Hash of a user key for the filter: MurmurHash3 x86 32 with seed 0 (Appleby). On disk: must not change. */
export function filterHash(bytes: Uint8Array, start: number, end: number): number {
  const C1 = 0xcc9e2d51;
  const C2 = 0x1b873593;
  let hash = 0;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    let k = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    k = Math.imul(k, C1);
    k = (k << 15) | (k >>> 17);
    hash ^= Math.imul(k, C2);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  if (at < end) {
    let k = bytes[at]!;
    if (at + 1 < end) k |= bytes[at + 1]! << 8;
    if (at + 2 < end) k |= bytes[at + 2]! << 16;
    k = Math.imul(k, C1);
    k = (k << 15) | (k >>> 17);
    hash ^= Math.imul(k, C2);
  }
  hash ^= end - start;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Collects the hashes of a table's user keys and makes its filter block. */
export class BloomBuilder {
  #hashes: Uint32Array = new Uint32Array(256);
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  add(hash: number): void {
    if (this.#count === this.#hashes.length) {
      const larger = new Uint32Array(this.#count * 2);
      larger.set(this.#hashes);
      this.#hashes = larger;
    }
    this.#hashes[this.#count++] = hash;
  }

  /** The hashes of another one, from a place on. */
  addAll(other: BloomBuilder, from: number): void {
    for (let at = from; at < other.#count; at++) this.add(other.#hashes[at]!);
  }

  finish(): Uint8Array {
    const lines = Math.max(1, Math.ceil((this.#count * BITS_PER_KEY) / (LINE_BYTES * 8)));
    const block = new Uint8Array(lines * LINE_BYTES + TAIL_BYTES);
    for (let i = 0; i < this.#count; i++) setBits(block, lines, this.#hashes[i]!);
    const tail = lines * LINE_BYTES;
    writeU32(block, tail, lines);
    block[tail + 4] = PROBES;
    block[tail + 5] = HASH_MURMUR3;
    return block;
  }
}

function setBits(block: Uint8Array, lines: number, hash: number): void {
  const base = lineOf(hash, lines) * LINE_BYTES;
  let probe = Math.imul(hash, GOLDEN);
  for (let i = 0; i < PROBES; i++) {
    const bit = probe >>> 23;
    block[base + (bit >>> 3)]! |= 1 << (bit & 7);
    probe = Math.imul(probe, GOLDEN);
  }
}

/**
 * Whether the block is a filter that this program can ask.
 * @throws SstError SST_CORRUPT, SST_NEWER_FORMAT for an unknown hash
 */
export function checkFilter(block: Uint8Array, file: string, offset: number): void {
  const tail = block.length - TAIL_BYTES;
  const lines = tail < 0 ? 0 : readU32(block, tail);
  if (lines === 0 || lines * LINE_BYTES !== tail) {
    throw new SstError(SstErrorCode.Corrupt, `filter of ${file} has a wrong size`, {
      file,
      offset,
    });
  }
  if (block[tail + 5] !== HASH_MURMUR3) {
    throw new SstError(SstErrorCode.Newer, `filter of ${file} has an unknown hash`, {
      file,
      offset,
    });
  }
}

/** False only if no key with this hash was added to a filter that was checked. */
export function filterMayContain(block: Uint8Array, hash: number): boolean {
  const tail = block.length - TAIL_BYTES;
  const lines = readU32(block, tail);
  const probes = block[tail + 4]!;
  const base = lineOf(hash, lines) * LINE_BYTES;
  let probe = Math.imul(hash, GOLDEN);
  for (let i = 0; i < probes; i++) {
    const bit = probe >>> 23;
    if ((block[base + (bit >>> 3)]! & (1 << (bit & 7))) === 0) return false;
    probe = Math.imul(probe, GOLDEN);
  }
  return true;
}

/** The filter of a whole table as read from its block. */
export class BloomFilter {
  readonly #block: Uint8Array;

  /** @throws SstError as checkFilter */
  constructor(block: Uint8Array, file: string, offset: number) {
    checkFilter(block, file, offset);
    this.#block = block;
  }

  get sizeBytes(): number {
    return this.#block.length;
  }

  /** False only if no key with this hash was added. */
  mayContain(hash: number): boolean {
    return filterMayContain(this.#block, hash);
  }
}

/** Spreads 32 bits over the lines without a division by them. */
function lineOf(hash: number, lines: number): number {
  return Math.floor((hash * lines) / 2 ** 32);
}
