import type { CodeName } from '../codes.js';
import { DougError } from '../doug-error.js';

/** Wire types of the protobuf encoding. */
export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

const TWO_POW_28 = 268_435_456;

/**
 * Walks over protobuf bytes with offsets and makes no object. Strict: it never reads at or beyond
 * `end`, refuses integers of 2^53 and more, field 0, groups and varints of more than ten bytes.
 * One instance may be set again and again; it holds on to the last bytes until then.
 */
export class WireReader {
  bytes: Uint8Array = empty;
  /** Where the next read begins. */
  pos = 0;
  /** First offset that must not be read. */
  end = 0;
  /** After `range()`: where the length-delimited value begins. It ends at `pos`. */
  start = 0;
  readonly #reason: CodeName;

  /** @param reason - the code of what is thrown: INVALID_ARGUMENT for requests, INTERNAL for answers */
  constructor(reason: CodeName) {
    this.#reason = reason;
  }

  /** Begins at `start`; `end` is exclusive. @throws when the range does not lie in the bytes */
  set(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.pos = start;
    this.end = end;
    if (!(start >= 0 && start <= end && end <= bytes.length)) this.fail('range outside the buffer');
  }

  /** Reads an unsigned integer below 2^53. */
  varint(): number {
    const bytes = this.bytes;
    const end = this.end;
    let pos = this.pos;
    if (pos >= end) this.fail('truncated');
    let byte = bytes[pos++]!;
    if (byte < 0x80) {
      this.pos = pos;
      return byte;
    }
    // The low 28 bits with shifts, the rest in floating point: exact below 2^53, and no bigint.
    let low = byte & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      if (pos >= end) this.fail('truncated');
      byte = bytes[pos++]!;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.pos = pos;
        return low;
      }
    }
    let high = 0;
    let scale = 1;
    for (let count = 4; count < 10; count++) {
      if (pos >= end) this.fail('truncated');
      byte = bytes[pos++]!;
      high += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) {
        this.pos = pos;
        // 2^53 / 2^28 = 2^25
        if (high >= 33_554_432) this.fail('integer of 2^53 or more');
        return high * TWO_POW_28 + low;
      }
    }
    return this.fail('varint too long');
  }

  /** Reads a tag: field number * 8 + wire type. */
  tag(): number {
    const tag = this.varint();
    if (tag < 8) this.fail('field number 0');
    if (tag > 0xffff_ffff) this.fail('field number too large');
    return tag;
  }

  /** Reads a length and steps over as many bytes: they are [start, pos). */
  range(): void {
    const size = this.varint();
    const start = this.pos;
    if (size > this.end - start) this.fail('truncated');
    this.start = start;
    this.pos = start + size;
  }

  /** Steps over the value of a field that is of no interest. */
  skip(tag: number): void {
    switch (tag & 7) {
      case VARINT:
        this.skipVarint();
        return;
      case FIXED64:
        this.#step(8);
        return;
      case BYTES:
        this.range();
        return;
      case FIXED32:
        this.#step(4);
        return;
      default:
        this.fail('group or unknown wire type');
    }
  }

  /** Steps over a varint of any value (an unknown field may be a negative number). */
  skipVarint(): void {
    for (let count = 0; count < 10; count++) {
      if (this.pos >= this.end) this.fail('truncated');
      if (this.bytes[this.pos++]! < 0x80) return;
    }
    this.fail('varint too long');
  }

  /** Throws the error of this reader. */
  fail(what: string): never {
    throw new DougError(this.#reason, `malformed message: ${what}`);
  }

  #step(size: number): void {
    if (size > this.end - this.pos) this.fail('truncated');
    this.pos += size;
  }
}

const empty = new Uint8Array(0);
