/**
 * The bytes of LevelDB's tables, as far as they differ from ours: the footer and the trailer of a block.
 *
 * ```
 * block    packed contents | compression u8 | masked CRC-32C of contents and compression, u32
 * footer, 48 bytes
 *   0      handle of the metaindex block | handle of the index block | zeros
 *  40      magic, 8 bytes
 * ```
 * Nothing covers the footer but the checks of what it names. There is no seed: a block in a wrong place
 * passes. That is why our own databases do not use this format.
 */
import { SstError, SstErrorCode } from '../contract.js';
import { ByteReader } from '../encoding/byte-reader.js';
import { ByteWriter } from '../encoding/byte-writer.js';
import { codeOf } from '../encoding/error-code.js';
import type { BlockHandle } from '../table/format.js';

export const LEVELDB_FOOTER_BYTES = 48;

const MAGIC_BYTES = 8;
/** 0xdb4775248b80fb57 as u64. */
const MAGIC: Uint8Array = Uint8Array.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);

export interface LevelDbFooter {
  readonly metaindex: BlockHandle;
  readonly index: BlockHandle;
}

/** Whether the last bytes of a file are the end of a table of this format. */
export function isLevelDbFooter(tail: Uint8Array): boolean {
  const at = tail.length - MAGIC_BYTES;
  return at >= 0 && MAGIC.every((byte, i) => tail[at + i] === byte);
}

export function encodeLevelDbFooter({ metaindex, index }: LevelDbFooter): Uint8Array {
  const handles = new ByteWriter()
    .uvarint(metaindex.offset)
    .uvarint(metaindex.sizeBytes)
    .uvarint(index.offset)
    .uvarint(index.sizeBytes)
    .finish();
  const footer = new Uint8Array(LEVELDB_FOOTER_BYTES);
  footer.set(handles);
  footer.set(MAGIC, LEVELDB_FOOTER_BYTES - MAGIC_BYTES);
  return footer;
}

/** @throws SstError SST_CORRUPT */
export function decodeLevelDbFooter(
  footer: Uint8Array,
  offset: number,
  file: string,
): LevelDbFooter {
  const reader = new ByteReader(footer, 0, LEVELDB_FOOTER_BYTES - MAGIC_BYTES);
  try {
    const metaindex = { offset: reader.uvarint(), sizeBytes: reader.uvarint() };
    const index = { offset: reader.uvarint(), sizeBytes: reader.uvarint() };
    // There is one way to write them, and zeros behind: the only check that the footer itself allows.
    const written = encodeLevelDbFooter({ metaindex, index });
    if (written.some((byte, i) => byte !== footer[i])) throw damaged(file, offset);
    return { metaindex, index };
  } catch (error) {
    if (codeOf(error) === 'DECODE') throw damaged(file, offset);
    throw error;
  }
}

function damaged(file: string, offset: number): SstError {
  return new SstError(SstErrorCode.Corrupt, `footer of ${file} is damaged`, { file, offset });
}
