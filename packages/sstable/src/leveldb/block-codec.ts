import { SstError, SstErrorCode } from '../contract.js';
import { codeOf } from '../encoding/error-code.js';
import { MAX_VALUE_BYTES, readU32 } from '../encoding/internal-key.js';
import type { BlockCodec } from '../table/block-codec.js';
import { BLOCK_TRAILER_BYTES, hex } from '../table/format.js';
import { crc32c, masked } from './crc32c.js';
import { snappyDecode } from './snappy.js';
import { LEVELDB_FOOTER_BYTES } from './table-format.js';

const Compression = { None: 0, Snappy: 1, Zstd: 2 } as const;

/** Longest block that is believed: LevelDB knows no bound, we keep to that of our own values. */
const MAX_CONTENTS_BYTES = 2 * MAX_VALUE_BYTES;

/** The blocks of LevelDB's tables: uncompressed or Snappy. */
export const levelDbCodec: BlockCodec = {
  footerBytes: LEVELDB_FOOTER_BYTES,
  unpack(block, offset, file) {
    const crcAt = block.length - 4;
    const expected = readU32(block, crcAt);
    const actual = masked(crc32c(block, 0, crcAt));
    if (actual !== expected) {
      throw new SstError(
        SstErrorCode.Corrupt,
        `block of ${crcAt - 1} bytes at ${offset} of ${file}: checksum is ${hex(actual)}, should be ${hex(expected)}`,
        { file, offset },
      );
    }
    const end = block.length - BLOCK_TRAILER_BYTES;
    const compression = block[end];
    if (compression === Compression.None) return block.subarray(0, end);
    if (compression === Compression.Snappy) return unsnap(block, end, offset, file);
    throw new SstError(
      SstErrorCode.Newer,
      `block at ${offset} of ${file} has compression ${compression}${compression === Compression.Zstd ? ' (zstd)' : ''}, this program knows 0 (none) and 1 (snappy)`,
      { file, offset },
    );
  },
};

function unsnap(block: Uint8Array, end: number, offset: number, file: string): Uint8Array {
  try {
    return snappyDecode(block, 0, end, MAX_CONTENTS_BYTES);
  } catch (error) {
    if (codeOf(error) !== 'DECODE') throw error;
    throw new SstError(
      SstErrorCode.Corrupt,
      `block at ${offset} of ${file} cannot be unpacked, although its checksum is right`,
      { file, offset, cause: error },
    );
  }
}
