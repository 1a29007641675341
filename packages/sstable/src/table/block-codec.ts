import { SstError, SstErrorCode } from '../contract.js';
import { Compression, decompress } from './compression.js';
import { BLOCK_TRAILER_BYTES, checkBlock, FOOTER_BYTES, type Footer } from './format.js';

/** How the blocks of a table are checked and unpacked: what tells our format from LevelDB's. */
export interface BlockCodec {
  /** Size of what stands behind the last block. */
  readonly footerBytes: number;
  /**
   * Contents of a block as read from the file, trailer included; may be a view of it.
   * @throws SstError SST_CORRUPT, or SST_NEWER_FORMAT for an unknown compression
   */
  unpack(block: Uint8Array, offset: number, file: string): Uint8Array;
}

/** The blocks of a table with this footer. */
export function codecOf({ seed, isCompressed }: Footer): BlockCodec {
  return {
    footerBytes: FOOTER_BYTES,
    unpack(block, offset, file) {
      const compression = checkBlock(block, offset, seed, file);
      const packed = block.subarray(0, block.length - BLOCK_TRAILER_BYTES);
      if (compression === Compression.None) return packed;
      if (compression === Compression.DeflateRaw && isCompressed) {
        return decompress(packed, file, offset);
      }
      throw new SstError(
        SstErrorCode.Newer,
        `block at ${offset} of ${file} has compression ${compression}, this program knows ${isCompressed ? '0 and 2' : '0 in this table'}`,
        { file, offset },
      );
    },
  };
}
