import { crc32 } from '@dougdb/ports';

/**
 * Tries to explain a wrong CRC-32 by one flipped bit, as failing memory leaves it (idea: Pebble's
 * internal/bitflip). A CRC is linear: a flip at a fixed place changes it by a fixed pattern, whatever
 * the data. The pattern of a flip in the last byte is a table entry; each byte further from the end
 * sends it through one more zero byte.
 *
 * @param covered bytes[0, covered) are checksummed; the 4 bytes behind them are the stored CRC
 * @param difference computed CRC xor stored CRC
 * @param baseOffset offset of `bytes` in its file
 * @returns ' (...)' for the end of a message; empty if no single flip explains it
 */
export function describeBitFlip(
  bytes: Uint8Array,
  covered: number,
  difference: number,
  baseOffset: number,
): string {
  const pattern = difference >>> 0;
  if (pattern !== 0 && (pattern & (pattern - 1)) === 0) {
    const bit = 31 - Math.clz32(pattern);
    return hint(baseOffset + covered + (bit >>> 3), bit & 7);
  }
  const patterns = new Uint32Array(8);
  const zero = crc32(Uint8Array.of(0));
  for (let bit = 0; bit < 8; bit++) patterns[bit] = (crc32(Uint8Array.of(1 << bit)) ^ zero) >>> 0;
  const step = stepTable();
  for (let at = covered - 1; at >= 0; at--) {
    for (let bit = 0; bit < 8; bit++) {
      const effect = patterns[bit]!;
      if (effect === pattern && at < bytes.length) return hint(baseOffset + at, bit);
      patterns[bit] = (effect >>> 8) ^ step[effect & 0xff]!;
    }
  }
  return '';
}

function hint(offset: number, bit: number): string {
  return ` (bit ${bit} of the byte at ${offset} may have flipped)`;
}

/** What one zero byte does to the low byte of a CRC register. */
function stepTable(): Uint32Array {
  const table = new Uint32Array(256);
  const zero = crc32(Uint8Array.of(0));
  for (let n = 0; n < 256; n++) table[n] = (crc32(Uint8Array.of(n)) ^ zero) >>> 0;
  return table;
}
