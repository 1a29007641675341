/**
 * Integers in byte arrays. Fixed ones are little-endian; a uvarint is LEB128: seven bits a byte, lowest
 * first, the high bit says that another byte follows. Values are safe integers >= 0 (below 2^53), so a
 * u64 is two halves and a uvarint at most {@link MAX_UVARINT_BYTES} long. No bigint anywhere.
 */

/** Longest uvarint of a value below 2^53. */
export const MAX_UVARINT_BYTES = 8;

const TWO_32 = 0x1_0000_0000;
const MAX_HIGH_HALF = 0x1f_ffff;

export function putU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

export function getU16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

export function getU32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  );
}

/** @throws RangeError if the value is not a safe integer >= 0: it must never reach the disk */
export function putU64(bytes: Uint8Array, at: number, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`${value} does not fit a u64`);
  putU32(bytes, at, value % TWO_32);
  putU32(bytes, at + 4, Math.floor(value / TWO_32));
}

/** The value, or -1 if it is 2^53 or more. */
export function getU64(bytes: Uint8Array, at: number): number {
  const high = getU32(bytes, at + 4);
  return high > MAX_HIGH_HALF ? -1 : high * TWO_32 + getU32(bytes, at);
}

/** Writes a uvarint; answers the position behind it. The value must be a safe integer >= 0. */
export function putUvarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  let end = at;
  while (rest >= 0x8000_0000) {
    bytes[end++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 128) {
    bytes[end++] = rest | 0x80;
    rest >>>= 7;
  }
  bytes[end++] = rest;
  return end;
}

export function uvarintBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) count++;
  return count;
}

/** Reads integers one after the other from bytes[at, end). After a failed read `ok` is false for good. */
export class IntegerCursor {
  readonly bytes: Uint8Array;
  readonly end: number;
  at: number;
  ok = true;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  u8(): number {
    if (this.at >= this.end) return this.#fail();
    return this.bytes[this.at++]!;
  }

  u32(): number {
    if (this.at + 4 > this.end) return this.#fail();
    this.at += 4;
    return getU32(this.bytes, this.at - 4);
  }

  /** Refuses what runs past the end, is longer than needed, or is 2^53 or more. */
  uvarint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < MAX_UVARINT_BYTES && this.at < this.end; count++) {
      const byte = this.bytes[this.at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        const canonical = byte !== 0 || count === 0;
        return canonical && value <= Number.MAX_SAFE_INTEGER ? value : this.#fail();
      }
      scale *= 128;
    }
    return this.#fail();
  }

  #fail(): number {
    this.ok = false;
    this.at = this.end;
    return 0;
  }
}
