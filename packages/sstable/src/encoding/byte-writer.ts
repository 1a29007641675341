import { copyBytes, grown } from './copy-bytes.js';
import { writeU32 } from './internal-key.js';

const TWO_POW_32 = 2 ** 32;

/** Longest uvarint of a number below 2^53. */
export const MAX_UVARINT_BYTES = 8;

/** Writes a uvarint (7 bits a byte, low first) of an integer below 2^53; answers the offset after it. */
export function writeUvarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  while (rest >= 0x80) {
    bytes[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[at++] = rest;
  return at;
}

/** Bytes that writeUvarint takes. */
export function uvarintBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) count++;
  return count;
}

/** A growing buffer with the fields of our formats. */
export class ByteWriter {
  #bytes: Uint8Array = new Uint8Array(128);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    writeU32(this.#bytes, this.#length, value);
    this.#length += 4;
    return this;
  }

  /** u64 LE of an integer below 2^53. */
  u64(value: number): this {
    return this.u32(value % TWO_POW_32).u32(Math.floor(value / TWO_POW_32));
  }

  uvarint(value: number): this {
    this.#reserve(MAX_UVARINT_BYTES);
    this.#length = writeUvarint(this.#bytes, this.#length, value);
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    copyBytes(this.#bytes, this.#length, bytes, 0, bytes.length);
    this.#length += bytes.length;
    return this;
  }

  /** A uvarint of the length, then the bytes. */
  prefixed(bytes: Uint8Array): this {
    return this.uvarint(bytes.length).raw(bytes);
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(count: number): void {
    this.#bytes = grown(this.#bytes, this.#length, this.#length + count);
  }
}
