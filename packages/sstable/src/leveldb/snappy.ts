import { DecodeError } from '../encoding/byte-reader.js';

/**
 * Decodes a block of Snappy's format, LevelDB's default compression: reading is enough, we never write it.
 *
 * ```
 * block    length of the contents uvarint | element ...
 * element  tag u8: the low two bits are its kind
 *   00     literal: length - 1 in the high six bits (60 to 63: in 1 to 4 bytes behind), then the bytes
 *   01     copy: length 4 + bits 2 to 4, offset of 11 bits: bits 5 to 7, then one byte
 *   10     copy: length 1 + high six bits, offset u16
 *   11     copy: length 1 + high six bits, offset u32
 * ```
 * @param limitBytes longest contents that are believed
 * @throws DecodeError
 */
export function snappyDecode(
  bytes: Uint8Array,
  start: number,
  end: number,
  limitBytes: number,
): Uint8Array {
  let at = start;
  let length = 0;
  for (let shift = 1; ; shift *= 0x80) {
    if (at >= end || shift > 0x80 ** 4)
      throw new DecodeError('a snappy block does not say its length');
    const byte = bytes[at++]!;
    length += (byte & 0x7f) * shift;
    if (byte < 0x80) break;
  }
  // An element of three bytes makes at most 64: no more memory than that is taken on a block's word.
  if (length > limitBytes || length > (end - at) * 32) {
    throw new DecodeError(`a snappy block says that it holds ${length} bytes, which it cannot`);
  }
  const contents = new Uint8Array(length);
  let filled = 0;
  while (at < end) {
    const tag = bytes[at++]!;
    if ((tag & 3) === 0) {
      let count = (tag >>> 2) + 1;
      if (count > 60) {
        const extra = count - 60;
        if (at + extra > end) throw new DecodeError('a snappy literal is cut off');
        count = 1 + littleEndian(bytes, at, extra);
        at += extra;
      }
      if (at + count > end || filled + count > length) {
        throw new DecodeError('a snappy literal is too long');
      }
      contents.set(bytes.subarray(at, at + count), filled);
      at += count;
      filled += count;
      continue;
    }
    const width = (tag & 3) === 3 ? 4 : tag & 3;
    if (at + width > end) throw new DecodeError('a snappy copy is cut off');
    const low = littleEndian(bytes, at, width);
    at += width;
    const isShort = (tag & 3) === 1;
    const count = isShort ? 4 + ((tag >>> 2) & 7) : 1 + (tag >>> 2);
    const offset = isShort ? ((tag >>> 5) << 8) | low : low;
    if (offset === 0 || offset > filled || filled + count > length) {
      throw new DecodeError('a snappy copy reaches outside');
    }
    // Byte by byte: where source and target overlap, what was just written is copied again.
    for (let i = 0; i < count; i++, filled++) contents[filled] = contents[filled - offset]!;
  }
  if (filled !== length) throw new DecodeError('a snappy block is shorter than it says');
  return contents;
}

function littleEndian(bytes: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let i = width - 1; i >= 0; i--) value = value * 0x100 + bytes[at + i]!;
  return value;
}
