/**
 * CRC-32C (Castagnoli, as in iSCSI), the checksum of LevelDB's files: a table per byte of four, in JavaScript.
 * Only tables and logs of LevelDB's format use it; our own files have CRC-32, which Node has natively.
 */
const POLYNOMIAL = 0x82f63b78;
const SLICES = 4;
const tables = buildTables();

/** LevelDB stores checksums rotated and shifted: a checksum of bytes that hold checksums is then no worse. */
const MASK_DELTA = 0xa282ead8;

/** CRC-32C of bytes[start, end), continued from `seed`. */
export function crc32c(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  const [t0, t1, t2, t3] = tables;
  let crc = ~seed;
  let at = start;
  for (; at + SLICES <= end; at += SLICES) {
    const word =
      crc ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
    crc =
      t3[word & 0xff]! ^ t2[(word >>> 8) & 0xff]! ^ t1[(word >>> 16) & 0xff]! ^ t0[word >>> 24]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}

/** A checksum as it is stored. */
export function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}

function buildTables(): readonly [Uint32Array, Uint32Array, Uint32Array, Uint32Array] {
  const first = new Uint32Array(256);
  for (let n = 0; n < 256; n++) {
    let crc = n;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    first[n] = crc;
  }
  const behind = (table: Uint32Array): Uint32Array =>
    table.map((crc) => (crc >>> 8) ^ first[crc & 0xff]!);
  const second = behind(first);
  const third = behind(second);
  return [first, second, third, behind(third)];
}
