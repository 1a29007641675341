import { readU32 } from './internal-key.js';

const TWO_POW_32 = 2 ** 32;

/** What a ByteReader throws on bytes that do not fit: its user adds file and offset. */
export class DecodeError extends Error {
  readonly code = 'DECODE';

  constructor(message: string) {
    super(message);
    this.name = 'DecodeError';
  }
}

/** Reads what ByteWriter wrote; every read is checked against the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  get offset(): number {
    return this.#at;
  }

  /** @throws DecodeError */
  u8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  /** @throws DecodeError */
  u32(): number {
    return readU32(this.#bytes, this.#take(4));
  }

  /** @throws DecodeError also if the number is not below 2^53 */
  u64(): number {
    const low = this.u32();
    return this.#exact(this.u32() * TWO_POW_32 + low);
  }

  /** @throws DecodeError also if the number is not below 2^53 */
  uvarint(): number {
    let value = 0;
    let unit = 1;
    for (let count = 0; count < 8; count++) {
      const byte = this.u8();
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return this.#exact(value);
      unit *= 0x80;
    }
    throw new DecodeError('a number is too long');
  }

  /** A view of the next `count` bytes. @throws DecodeError */
  raw(count: number): Uint8Array {
    const start = this.#take(count);
    return this.#bytes.subarray(start, start + count);
  }

  /** A view of bytes behind their length. @throws DecodeError */
  prefixed(): Uint8Array {
    return this.raw(this.uvarint());
  }

  #take(count: number): number {
    const start = this.#at;
    if (count > this.#end - start) throw new DecodeError('the bytes end too early');
    this.#at = start + count;
    return start;
  }

  #exact(value: number): number {
    if (value > Number.MAX_SAFE_INTEGER) throw new DecodeError('a number is not below 2^53');
    return value;
  }
}
