/** Free bytes before everything that a sink hands out: a gRPC frame header (flag and length) fits. */
export const FRAME_HEADROOM_BYTES = 5;

const slabBytes = 65_536;
/** A slab with less room than this is left behind. */
const minimumRoomBytes = 1024;

/**
 * A growing buffer for one message at a time, cut from slabs so that a small message costs a small
 * piece and not a buffer of its own. What {@link ByteSink.take} handed out is never written again.
 */
export class ByteSink {
  #slab: Uint8Array = none;
  #start = FRAME_HEADROOM_BYTES;
  #pos = FRAME_HEADROOM_BYTES;

  /** Bytes of the message so far. */
  get size(): number {
    return this.#pos - this.#start;
  }

  /** Drops the message so far. */
  clear(): void {
    this.#pos = this.#start;
  }

  /** Makes sure that `count` more bytes can be written. Every put below relies on it. */
  reserve(count: number): void {
    if (this.#pos + count > this.#slab.length) this.#grow(count);
  }

  /** One byte. */
  byte(value: number): void {
    this.#slab[this.#pos++] = value;
  }

  /** An unsigned integer below 2^53: 1 to 8 bytes. */
  varint(value: number): void {
    this.#pos = writeVarint(this.#slab, this.#pos, value);
  }

  /** A copy of source[start, end). */
  copy(source: Uint8Array, start: number, end: number): void {
    copyBytes(source, start, end, this.#slab, this.#pos);
    this.#pos += end - start;
  }

  /**
   * The message, as a view with FRAME_HEADROOM_BYTES free bytes before it in the same buffer. The
   * receiver owns view and headroom; the sink begins the next message behind it.
   */
  take(): Uint8Array {
    const message = this.#slab.subarray(this.#start, this.#pos);
    if (this.#slab.length - this.#pos < minimumRoomBytes) this.#slab = none;
    this.#start = this.#slab === none ? FRAME_HEADROOM_BYTES : this.#pos + FRAME_HEADROOM_BYTES;
    this.#pos = this.#start;
    return message;
  }

  #grow(count: number): void {
    const size = this.size;
    const needed = FRAME_HEADROOM_BYTES + size + count;
    const slab = new Uint8Array(needed <= slabBytes / 2 ? slabBytes : needed * 2);
    slab.set(this.#slab.subarray(this.#start, this.#pos), FRAME_HEADROOM_BYTES);
    this.#slab = slab;
    this.#start = FRAME_HEADROOM_BYTES;
    this.#pos = FRAME_HEADROOM_BYTES + size;
  }
}

const none = new Uint8Array(0);

/** Length of a varint. @param value - a safe integer >= 0 */
export function varintSize(value: number): number {
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  if (value < 2_097_152) return 3;
  if (value < 268_435_456) return 4;
  if (value < 34_359_738_368) return 5;
  if (value < 4_398_046_511_104) return 6;
  if (value < 562_949_953_421_312) return 7;
  return 8;
}

/** Length of a length-delimited field with a one-byte tag. */
export function fieldSize(contentBytes: number): number {
  return 1 + varintSize(contentBytes) + contentBytes;
}

/** Length of a number field with a one-byte tag: nothing for 0, which proto3 leaves out. */
export function numberSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

/** Writes a varint and returns the offset behind it. @param value - a safe integer >= 0 */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let pos = at;
  let rest = value;
  if (!(value <= Number.MAX_SAFE_INTEGER)) throw new RangeError(`not a safe integer: ${value}`);
  // Division for what does not fit into 31 bits: shifts would cut it off.
  while (rest > 0x7fff_ffff) {
    bytes[pos++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest > 127) {
    bytes[pos++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[pos++] = rest;
  return pos;
}

/** Copies source[start, end) to target. A loop beats `set` with its subarray object for short runs. */
export function copyBytes(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): void {
  if (end - start > 32) {
    target.set(start === 0 && end === source.length ? source : source.subarray(start, end), at);
    return;
  }
  for (let from = start, to = at; from < end; from++, to++) target[to] = source[from]!;
}
