/**
 * The bytes of a table file, version 1. FORMAT.md is the full specification; this file holds what
 * writer and reader share.
 *
 * ```
 * data block ... | filter block | properties block | metaindex block | index block | footer
 *
 * two levels: data block ... | (filter partition | index partition) ... | properties block
 *             | metaindex block | top index block | footer
 *
 * block    packed contents | trailer
 * trailer  compression u8 | crc u32
 * crc      CRC-32 of: table seed u32 | offset of the block u64 | packed contents | compression
 * handle   offset uvarint | size uvarint (of the packed contents, without the trailer)
 *
 * footer, 64 bytes
 *   0  metaindex offset u64, size u32
 *  12  index offset u64, size u32
 *  24  table id, 16 bytes
 *  40  checksum type u8 (1: CRC-32) | flags u8 (1: two levels, 2: may hold compressed blocks) | u16 (0)
 *  44  table seed u32
 *  48  footer crc u32: CRC-32 of bytes [0, 48) and [52, 64)
 *  52  format version u32
 *  56  magic, 8 bytes
 * ```
 * Little-endian. The seed and the offset in each checksum tell a block that belongs elsewhere from a
 * right one (a misdirected write, a swapped file). A later version keeps the footer's size, magic,
 * version and crc where they are, so that an older program can say that the file is newer.
 */
import { crc32 } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import { ByteReader } from '../encoding/byte-reader.js';
import { ByteWriter } from '../encoding/byte-writer.js';
import { readU32, writeU32 } from '../encoding/internal-key.js';
import { describeBitFlip } from './bit-flip.js';

export const TABLE_FORMAT_VERSION = 1;
export const FOOTER_BYTES = 64;
export const BLOCK_TRAILER_BYTES = 5;
export const TABLE_ID_BYTES = 16;

/** Bits of the footer's flags. A program that does not know a bit cannot read the table. */
const Flag = { TwoLevels: 1, Compressed: 2 } as const;
const KNOWN_FLAGS = Flag.TwoLevels | Flag.Compressed;

const CHECKSUM_CRC32 = 1;
const FOOTER_CRC_AT = 48;
const FOOTER_VERSION_AT = 52;
const FOOTER_MAGIC_AT = 56;
/** 'DOUGSST' and a newline that a text-mode transfer would damage. */
const MAGIC: Uint8Array = Uint8Array.of(0x44, 0x4f, 0x55, 0x47, 0x53, 0x53, 0x54, 0x0a);

/** Where a block stands: offset in the file, size of its contents without the trailer. */
export interface BlockHandle {
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface Footer {
  readonly metaindex: BlockHandle;
  /** The index block, or with two levels the index of the index partitions. */
  readonly index: BlockHandle;
  readonly tableId: Uint8Array;
  readonly seed: number;
  readonly levels: 1 | 2;
  /** Blocks may be compressed. */
  readonly isCompressed: boolean;
}

const seedPrefix = new Uint8Array(12);

/** Checksum of block[start, end), whose last byte is the compression type, at `offset` of a table. */
export function blockChecksum(
  seed: number,
  offset: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  return crc32(bytes, checksumStart(seed, offset), start, end);
}

function checksumStart(seed: number, offset: number): number {
  writeU32(seedPrefix, 0, seed);
  writeU32(seedPrefix, 4, offset % 2 ** 32);
  writeU32(seedPrefix, 8, Math.floor(offset / 2 ** 32));
  return crc32(seedPrefix);
}

/**
 * Checks a block as read from a file, trailer included; answers its compression byte.
 * @throws SstError SST_CORRUPT
 */
export function checkBlock(block: Uint8Array, offset: number, seed: number, file: string): number {
  const crcAt = block.length - 4;
  const expected = readU32(block, crcAt);
  const actual = blockChecksum(seed, offset, block, 0, crcAt);
  if (actual !== expected) {
    const hint = describeBitFlip(block, crcAt, actual ^ expected, offset);
    throw new SstError(
      SstErrorCode.Corrupt,
      `block of ${crcAt - 1} bytes at ${offset} of ${file}: checksum is ${hex(actual)}, should be ${hex(expected)}${hint}`,
      { file, offset },
    );
  }
  return block[crcAt - 1]!;
}

export function encodeFooter(footer: Footer): Uint8Array {
  const bytes = new ByteWriter()
    .u64(footer.metaindex.offset)
    .u32(footer.metaindex.sizeBytes)
    .u64(footer.index.offset)
    .u32(footer.index.sizeBytes)
    .raw(footer.tableId)
    .u8(CHECKSUM_CRC32)
    .u8((footer.levels === 2 ? Flag.TwoLevels : 0) | (footer.isCompressed ? Flag.Compressed : 0))
    .u8(0)
    .u8(0)
    .u32(footer.seed)
    .u32(0)
    .u32(TABLE_FORMAT_VERSION)
    .raw(MAGIC)
    .finish();
  writeU32(bytes, FOOTER_CRC_AT, footerChecksum(bytes));
  return bytes;
}

/**
 * @param bytes the last 64 bytes of the file
 * @param offset where they stand
 * @throws SstError SST_CORRUPT, SST_NEWER_FORMAT
 */
export function decodeFooter(bytes: Uint8Array, offset: number, file: string): Footer {
  if (MAGIC.some((byte, i) => bytes[FOOTER_MAGIC_AT + i] !== byte)) {
    throw new SstError(SstErrorCode.Corrupt, `${file} does not end as a table does`, {
      file,
      offset: offset + FOOTER_MAGIC_AT,
    });
  }
  const expected = readU32(bytes, FOOTER_CRC_AT);
  const actual = footerChecksum(bytes);
  if (actual !== expected) {
    throw new SstError(
      SstErrorCode.Corrupt,
      `footer of ${file}: checksum is ${hex(actual)}, should be ${hex(expected)}`,
      { file, offset },
    );
  }
  const version = readU32(bytes, FOOTER_VERSION_AT);
  const reader = new ByteReader(bytes);
  const metaindex = { offset: reader.u64(), sizeBytes: reader.u32() };
  const index = { offset: reader.u64(), sizeBytes: reader.u32() };
  const tableId = reader.raw(TABLE_ID_BYTES).slice();
  const checksumType = reader.u8();
  const flags = reader.u8();
  if (
    version !== TABLE_FORMAT_VERSION ||
    checksumType !== CHECKSUM_CRC32 ||
    (flags & ~KNOWN_FLAGS) !== 0
  ) {
    throw new SstError(
      SstErrorCode.Newer,
      `${file} has format version ${version}, checksum type ${checksumType}, flags ${flags}; this program knows ${TABLE_FORMAT_VERSION}, ${CHECKSUM_CRC32}, 0 to ${KNOWN_FLAGS}`,
      { file, offset },
    );
  }
  return {
    metaindex,
    index,
    tableId,
    seed: readU32(bytes, 44),
    levels: (flags & Flag.TwoLevels) === 0 ? 1 : 2,
    isCompressed: (flags & Flag.Compressed) !== 0,
  };
}

function footerChecksum(bytes: Uint8Array): number {
  const first = crc32(bytes, 0, 0, FOOTER_CRC_AT);
  return crc32(bytes, first, FOOTER_VERSION_AT, FOOTER_BYTES);
}

export function encodeHandle(handle: BlockHandle): Uint8Array {
  return new ByteWriter().uvarint(handle.offset).uvarint(handle.sizeBytes).finish();
}

/** @throws DecodeError */
export function decodeHandle(bytes: Uint8Array, start = 0, end = bytes.length): BlockHandle {
  const reader = new ByteReader(bytes, start, end);
  return { offset: reader.uvarint(), sizeBytes: reader.uvarint() };
}

/** What the index of a two-level table says of one of its partitions. */
export interface PartitionEntry {
  readonly index: BlockHandle;
  readonly filter: BlockHandle;
  /** Data blocks that the partition names. */
  readonly blocks: number;
}

/** handle of the index partition | handle of the filter partition | number of data blocks uvarint */
export function encodePartition({ index, filter, blocks }: PartitionEntry): Uint8Array {
  return new ByteWriter()
    .uvarint(index.offset)
    .uvarint(index.sizeBytes)
    .uvarint(filter.offset)
    .uvarint(filter.sizeBytes)
    .uvarint(blocks)
    .finish();
}

/** @throws DecodeError */
export function decodePartition(bytes: Uint8Array, start: number, end: number): PartitionEntry {
  const reader = new ByteReader(bytes, start, end);
  const index = { offset: reader.uvarint(), sizeBytes: reader.uvarint() };
  const filter = { offset: reader.uvarint(), sizeBytes: reader.uvarint() };
  return { index, filter, blocks: reader.uvarint() };
}

/** A checksum as messages show it. */
export function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}
