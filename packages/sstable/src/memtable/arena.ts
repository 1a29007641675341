import { copyBytes } from '../encoding/copy-bytes.js';
import { trailerHigh, trailerLow } from '../encoding/internal-key.js';
import type { SlabPool } from './slab-pool.js';

const FIRST_SLAB_BYTES = 16 * 1024;
const LARGEST_SLAB_BYTES = 1024 * 1024;
const HEADER_BYTES = 16;
const ALIGN_BITS = 3;
/** Offset of an entry in its slab in units of 8 bytes: 17 bits reach over the largest slab. */
const OFFSET_BITS = 17;
const OFFSET_MASK = (1 << OFFSET_BITS) - 1;

export interface Slab {
  readonly buffer: SharedArrayBuffer;
  readonly bytes: Uint8Array;
  /** The same memory as 32-bit words. */
  readonly words: Uint32Array;
}

/**
 * Append-only memory of a memtable: entries one behind the other in slabs, the first of 16 KiB (an idle
 * database is small), each next one twice as large up to 1 MiB. An entry that is larger gets a slab of
 * its own. An entry is named by a reference of 32 bits (slab, offset / 8). Slabs are shared memory: a flush
 * in another thread reads them where they are.
 *
 * Entry, 8-aligned: key length u32 | value length u32 | trailer low u32 | trailer high u32 | key | value.
 */
export class Arena {
  readonly #slabs: Slab[] = [];
  readonly #pool: SlabPool | null;
  #nextSlabBytes = FIRST_SLAB_BYTES;
  #freeAt = 0;
  #freeEnd = 0;
  #usedBytes = 0;
  #reservedBytes = 0;

  /** @param pool - null: nothing is added */
  constructor(pool: SlabPool | null) {
    this.#pool = pool;
  }

  /** The arena over slabs of another one, to be read. */
  static over(slabs: readonly SharedArrayBuffer[]): Arena {
    const arena = new Arena(null);
    for (const buffer of slabs) arena.#pushSlab(buffer);
    return arena;
  }

  /** The memory of all slabs. */
  get slabs(): SharedArrayBuffer[] {
    return this.#slabs.map(({ buffer }) => buffer);
  }

  /** Bytes of entries (not of slabs). */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Bytes of slabs. */
  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  slab(reference: number): Slab {
    const slab = this.#slabs[reference >>> OFFSET_BITS];
    if (slab === undefined) throw new RangeError('a reference outside of the arena');
    return slab;
  }

  /** Copies an entry in; answers its reference. */
  add(sequence: number, kind: number, key: Uint8Array, value: Uint8Array): number {
    const exactBytes = HEADER_BYTES + key.length + value.length;
    const sizeBytes = (exactBytes + 7) & ~7;
    if (this.#freeAt + sizeBytes > this.#freeEnd) this.#addSlab(sizeBytes);
    const index = this.#slabs.length - 1;
    const at = this.#freeAt;
    const reference = ((index << OFFSET_BITS) | (at >>> ALIGN_BITS)) >>> 0;
    const { bytes, words } = this.slab(reference);
    const word = at >>> 2;
    words[word] = key.length;
    words[word + 1] = value.length;
    words[word + 2] = trailerLow(sequence, kind);
    words[word + 3] = trailerHigh(sequence);
    copyBytes(bytes, at + HEADER_BYTES, key, 0, key.length);
    copyBytes(bytes, at + HEADER_BYTES + key.length, value, 0, value.length);
    this.#freeAt = at + sizeBytes;
    this.#usedBytes += sizeBytes;
    return reference;
  }

  #addSlab(neededBytes: number): void {
    const pool = this.#pool;
    if (pool === null) throw new RangeError('this arena is only read');
    const buffer = pool.take(Math.max(neededBytes, this.#nextSlabBytes));
    this.#pushSlab(buffer);
    this.#nextSlabBytes = Math.min(this.#nextSlabBytes * 2, LARGEST_SLAB_BYTES);
    this.#freeAt = 0;
    // No reference reaches further; a larger entry has its slab for itself.
    this.#freeEnd = Math.min(buffer.byteLength, LARGEST_SLAB_BYTES);
  }

  /** Gives the memory back. Nothing can be read here any more. */
  free(): void {
    for (const { buffer } of this.#slabs.splice(0)) this.#pool?.give(buffer);
    this.#freeAt = 0;
    this.#freeEnd = 0;
    this.#reservedBytes = 0;
  }

  #pushSlab(buffer: SharedArrayBuffer): void {
    this.#slabs.push({ buffer, bytes: new Uint8Array(buffer), words: new Uint32Array(buffer) });
    this.#reservedBytes += buffer.byteLength;
  }
}

/** Offset of an entry's header in its slab, in 32-bit words. */
export function headerWord(reference: number): number {
  return (reference & OFFSET_MASK) << 1;
}

/** Offset of an entry's key in its slab. */
export function keyOffset(reference: number): number {
  return ((reference & OFFSET_MASK) << ALIGN_BITS) + HEADER_BYTES;
}
