import { crc32 } from '@dougdb/ports';
import {
  getU16,
  getU32,
  getU64,
  IntegerCursor,
  MAX_UVARINT_BYTES,
  putU16,
  putU32,
  putU64,
  putUvarint,
} from './little-endian.js';

/**
 * The bytes on disk, encoders and decoders side by side. FORMAT.md in this package says the same in
 * prose, for a reader in another language. Everything here is on disk: a change needs a new
 * {@link FORMAT_VERSION}. Fixed integers are little-endian, all integers are below 2^53.
 *
 * Segment header, 64 bytes at offset 0 of `<segment, 16 hex digits>.wal`:
 *
 *      0  magic            8   "DOUGWAL\0"
 *      8  formatVersion    u32 1
 *     12  checksumType     u8  1 = CRC-32 (IEEE 802.3)
 *     13  flags            u8  0
 *     14  zero             u16
 *     16  segment          u64 the number in the file's name
 *     24  walId            16  random, one a WAL: tells a foreign segment
 *     40  firstSeq         u64 seq of the first frame of this segment
 *     48  previousSealCrc  u32 headCrc of the seal of segment - 1; 0 in the first segment ever
 *     52  capacityBytes    u64 size to which the file was filled with zeros; only a sealed file is shorter
 *     60  headerCrc        u32 CRC-32 of [0, 60)
 *
 * Frame, at a multiple of 8, directly behind the one before it:
 *
 *      0  magic            u32 "DWFR"
 *      4  headCrc          u32 CRC-32 of [8, 48 + directoryLength), seeded, see {@link HeadSeed}
 *      8  seq              u64 one more than the frame before it, also across segments
 *     16  syncedSeq        u64 the promise: every frame up to this seq was durable before this one was
 *                              written; below seq
 *     24  directoryLength  u32
 *     28  payloadLength    u32
 *     32  payloadCrc       u32 CRC-32 of the payload
 *     36  kind             u8  {@link FrameKind}
 *     37  flags            u8  0
 *     38  entryCount       u16 operations in the directory
 *     40  oldestSegment    u64 segments below this one hold nothing that is needed any more
 *     48  directory, payload, zeros up to a multiple of 8
 */
export const FORMAT_VERSION = 1;
export const CHECKSUM_CRC32 = 1;
export const SEGMENT_HEADER_BYTES = 64;
export const FRAME_HEADER_BYTES = 48;
export const FRAME_ALIGNMENT = 8;
/** Longest identity of a RecordLog. */
export const MAX_IDENTITY_BYTES = 4096;
export const WAL_ID_BYTES = 16;
/** Largest data of one entry, and so the largest payload of a frame. */
export const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;
/** Bounds what a reader has to believe of a directory length. */
export const MAX_DIRECTORY_BYTES = 16 * 1024 * 1024;
/** Operations in one frame: entryCount is a u16. */
export const MAX_OPERATIONS = 0xffff;

const SEGMENT_MAGIC = Uint8Array.of(0x44, 0x4f, 0x55, 0x47, 0x57, 0x41, 0x4c, 0x00);
const RECORD_MAGIC = Uint8Array.of(0x44, 0x4f, 0x55, 0x47, 0x52, 0x45, 0x43, 0x00);
const FRAME_MAGIC = 0x5246_5744;
const HEADER_CRC_AT = 60;
const HEAD_CRC_FROM = 8;

export const FrameKind = {
  /** Operations on logs, and the data of entries. */
  Entries: 1,
  /** Nothing but its promise. */
  Marker: 2,
  /** The last frame of a segment. */
  Seal: 3,
  /** One record of a RecordLog in the payload. */
  Record: 4,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/** A reader skips frames of a kind that it does not know if this bit is set, else it refuses the file. */
export const IGNORABLE_KIND = 0x80;

export interface SegmentHeader {
  readonly segment: number;
  readonly walId: Uint8Array;
  readonly firstSeq: number;
  readonly previousSealCrc: number;
  readonly capacityBytes: number;
}

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  bytes.set(SEGMENT_MAGIC, 0);
  putU32(bytes, 8, FORMAT_VERSION);
  bytes[12] = CHECKSUM_CRC32;
  putU64(bytes, 16, header.segment);
  bytes.set(header.walId, 24);
  putU64(bytes, 40, header.firstSeq);
  putU32(bytes, 48, header.previousSealCrc);
  putU64(bytes, 52, header.capacityBytes);
  putU32(bytes, HEADER_CRC_AT, crc32(bytes, 0, 0, HEADER_CRC_AT));
  return bytes;
}

/** 'newer': whole, but of a later format. 'damaged': its bytes do not hold together. */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeader | 'newer' | 'damaged' {
  if (!startsWith(bytes, SEGMENT_MAGIC)) return 'damaged';
  // Magic, version and checksum stand at these places in every version, so a flipped bit in the version
  // is damage and not a newer format.
  if (getU32(bytes, HEADER_CRC_AT) !== crc32(bytes, 0, 0, HEADER_CRC_AT)) return 'damaged';
  if (!isKnownVersion(bytes)) return 'newer';
  const segment = getU64(bytes, 16);
  const firstSeq = getU64(bytes, 40);
  const capacityBytes = getU64(bytes, 52);
  if (segment < 1 || firstSeq < 1 || capacityBytes < 0) return 'damaged';
  return {
    segment,
    walId: bytes.slice(24, 24 + WAL_ID_BYTES),
    firstSeq,
    previousSealCrc: getU32(bytes, 48),
    capacityBytes,
  };
}

/**
 * What a headCrc continues from: CRC-32 of walId, segment (u64) and offset (u64) of the frame. A frame that
 * a disk wrote to or read from the wrong place, or that was copied from elsewhere, does not check.
 */
export class HeadSeed {
  readonly #segmentCrc: number;
  readonly #offset = new Uint8Array(8);

  constructor(walId: Uint8Array, segment: number) {
    const bytes = new Uint8Array(8);
    putU64(bytes, 0, segment);
    this.#segmentCrc = crc32(bytes, crc32(walId));
  }

  at(offset: number): number {
    putU64(this.#offset, 0, offset);
    return crc32(this.#offset, this.#segmentCrc);
  }
}

/**
 * Header of a RecordLog's file. Frames follow it, one record each, seq from 1; in their {@link HeadSeed} the
 * identity stands for walId and the segment is 0.
 *
 *      0  magic            8   "DOUGREC\0"
 *      8  formatVersion    u32 1
 *     12  checksumType     u8  1 = CRC-32 (IEEE 802.3)
 *     13  flags            u8  0
 *     14  zero             u16
 *     16  identityLength   u32
 *     20  zero             40
 *     60  headerCrc        u32 CRC-32 of [0, 60) and then the identity
 *     64  identity, zeros up to a multiple of 8
 */
export function encodeRecordHeader(identity: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES + align(identity.length));
  bytes.set(RECORD_MAGIC, 0);
  putU32(bytes, 8, FORMAT_VERSION);
  bytes[12] = CHECKSUM_CRC32;
  putU32(bytes, 16, identity.length);
  bytes.set(identity, SEGMENT_HEADER_BYTES);
  putU32(bytes, HEADER_CRC_AT, crc32(identity, crc32(bytes, 0, 0, HEADER_CRC_AT)));
  return bytes;
}

/** Length of the identity that a record header claims, or -1 if these are not its first 64 bytes. */
export function claimedIdentityLength(bytes: Uint8Array): number {
  if (!startsWith(bytes, RECORD_MAGIC)) return -1;
  const length = getU32(bytes, 16);
  return length > MAX_IDENTITY_BYTES ? -1 : length;
}

/** The identity. 'newer': whole, but of a later format. 'damaged': its bytes do not hold together. */
export function decodeRecordHeader(bytes: Uint8Array): Uint8Array | 'newer' | 'damaged' {
  const length = claimedIdentityLength(bytes);
  const end = SEGMENT_HEADER_BYTES + length;
  if (length < 0 || end > bytes.length) return 'damaged';
  const identity = bytes.slice(SEGMENT_HEADER_BYTES, end);
  const headerCrc = crc32(identity, crc32(bytes, 0, 0, HEADER_CRC_AT));
  if (getU32(bytes, HEADER_CRC_AT) !== headerCrc) return 'damaged';
  return isKnownVersion(bytes) ? identity : 'newer';
}

export interface FrameHead {
  readonly headCrc: number;
  readonly seq: number;
  readonly syncedSeq: number;
  readonly directoryLength: number;
  readonly payloadLength: number;
  readonly payloadCrc: number;
  readonly kind: number;
  readonly flags: number;
  readonly entryCount: number;
  readonly oldestSegment: number;
}

/** Bytes of a whole frame, padding included. */
export function frameBytes(directoryLength: number, payloadLength: number): number {
  return align(FRAME_HEADER_BYTES + directoryLength + payloadLength);
}

export function align(length: number): number {
  return Math.ceil(length / FRAME_ALIGNMENT) * FRAME_ALIGNMENT;
}

/**
 * Writes the header at target[at], in front of a directory that stands at at + 48 already; answers its
 * headCrc. `seed` is {@link HeadSeed.at} of the frame's offset in its file.
 */
export function encodeFrameHead(
  target: Uint8Array,
  at: number,
  head: Omit<FrameHead, 'headCrc' | 'flags'>,
  seed: number,
): number {
  putU32(target, at, FRAME_MAGIC);
  putU64(target, at + 8, head.seq);
  putU64(target, at + 16, head.syncedSeq);
  putU32(target, at + 24, head.directoryLength);
  putU32(target, at + 28, head.payloadLength);
  putU32(target, at + 32, head.payloadCrc);
  target[at + 36] = head.kind;
  target[at + 37] = 0;
  putU16(target, at + 38, head.entryCount);
  putU64(target, at + 40, head.oldestSegment);
  const end = at + FRAME_HEADER_BYTES + head.directoryLength;
  const headCrc = crc32(target, seed, at + HEAD_CRC_FROM, end);
  putU32(target, at + 4, headCrc);
  return headCrc;
}

/** True where a frame may begin: cheap, for a search through damage. */
export function isFrameMagic(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === (FRAME_MAGIC & 0xff) && getU32(bytes, at) === FRAME_MAGIC;
}

/**
 * Length of the directory that a header claims, before its checksum could be looked at: a reader needs so
 * many more bytes for {@link decodeFrameHead}. -1: not a header.
 */
export function claimedDirectoryLength(bytes: Uint8Array, at: number): number {
  if (!isFrameMagic(bytes, at)) return -1;
  const length = getU32(bytes, at + 24);
  return length > MAX_DIRECTORY_BYTES ? -1 : length;
}

/** Reads and checks a header and the checksum over its directory, both whole in bytes[at, ...). */
export function decodeFrameHead(bytes: Uint8Array, at: number, seed: number): FrameHead | null {
  const directoryLength = claimedDirectoryLength(bytes, at);
  const end = at + FRAME_HEADER_BYTES + directoryLength;
  if (directoryLength < 0 || end > bytes.length) return null;
  const headCrc = getU32(bytes, at + 4);
  if (crc32(bytes, seed, at + HEAD_CRC_FROM, end) !== headCrc) return null;
  const head = {
    headCrc,
    seq: getU64(bytes, at + 8),
    syncedSeq: getU64(bytes, at + 16),
    directoryLength,
    payloadLength: getU32(bytes, at + 28),
    payloadCrc: getU32(bytes, at + 32),
    kind: bytes[at + 36]!,
    flags: bytes[at + 37]!,
    entryCount: getU16(bytes, at + 38),
    oldestSegment: getU64(bytes, at + 40),
  };
  const sound = head.seq >= 1 && head.syncedSeq >= 0 && head.syncedSeq < head.seq;
  return sound && head.payloadLength <= MAX_PAYLOAD_BYTES && head.oldestSegment >= 0 ? head : null;
}

/**
 * Operations in the directory of an Entries frame, in order, each `logId uvarint, op u8` and then:
 *
 *     append, rewrite   index, term uvarint, type u8, length uvarint, entryCrc u32
 *     truncateSuffix    index uvarint
 *     compactPrefix     index, term uvarint
 *     commitHint        index uvarint
 *     removeLog         nothing
 *
 * The payload is the data of the append and rewrite operations, in the same order, without gaps.
 */
export const Op = {
  Append: 1,
  TruncateSuffix: 2,
  CompactPrefix: 3,
  CommitHint: 4,
  Rewrite: 5,
  RemoveLog: 6,
} as const;
export type Op = (typeof Op)[keyof typeof Op];

/** No operation is longer. */
export const MAX_OPERATION_BYTES = 4 * MAX_UVARINT_BYTES + 1 + 1 + 4;

/** Writes an append or rewrite; answers the position behind it. */
export function putEntryOp(
  target: Uint8Array,
  at: number,
  op: typeof Op.Append | typeof Op.Rewrite,
  logId: number,
  index: number,
  term: number,
  type: number,
  length: number,
  checksum: number,
): number {
  let end = putUvarint(target, at, logId);
  target[end++] = op;
  end = putUvarint(target, end, index);
  end = putUvarint(target, end, term);
  target[end++] = type;
  end = putUvarint(target, end, length);
  putU32(target, end, checksum);
  return end + 4;
}

/** Writes one of the operations without data; a field that the operation has not is ignored. */
export function putFactOp(
  target: Uint8Array,
  at: number,
  op: Exclude<Op, typeof Op.Append | typeof Op.Rewrite>,
  logId: number,
  index: number,
  term: number,
): number {
  let end = putUvarint(target, at, logId);
  target[end++] = op;
  if (op !== Op.RemoveLog) end = putUvarint(target, end, index);
  if (op === Op.CompactPrefix) end = putUvarint(target, end, term);
  return end;
}

/** Walks through a directory: after {@link next} said true the fields are those of one operation. */
export class OpReader {
  op = 0;
  logId = 0;
  index = 0;
  term = 0;
  type = 0;
  length = 0;
  checksum = 0;
  readonly #cursor: IntegerCursor;
  #left: number;

  constructor(bytes: Uint8Array, at: number, head: FrameHead) {
    this.#cursor = new IntegerCursor(bytes, at, at + head.directoryLength);
    this.#left = head.entryCount;
  }

  /** False at the end, or where the bytes make no sense: see {@link finished}. */
  next(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    const c = this.#cursor;
    this.logId = c.uvarint();
    this.op = c.u8();
    const withData = this.op === Op.Append || this.op === Op.Rewrite;
    this.index = this.op === Op.RemoveLog ? 0 : c.uvarint();
    this.term = withData || this.op === Op.CompactPrefix ? c.uvarint() : 0;
    this.type = withData ? c.u8() : 0;
    this.length = withData ? c.uvarint() : 0;
    this.checksum = withData ? c.u32() : 0;
    if (this.op < Op.Append || this.op > Op.RemoveLog || this.logId < 1) c.ok = false;
    return c.ok;
  }

  /** After the last next(): true if every operation was read and no byte is left. */
  finished(): boolean {
    return this.#cursor.ok && this.#left === 0 && this.#cursor.at === this.#cursor.end;
  }
}

function startsWith(bytes: Uint8Array, magic: Uint8Array): boolean {
  if (bytes.length < SEGMENT_HEADER_BYTES) return false;
  return magic.every((byte, i) => bytes[i] === byte);
}

function isKnownVersion(bytes: Uint8Array): boolean {
  return getU32(bytes, 8) === FORMAT_VERSION && bytes[12] === CHECKSUM_CRC32 && bytes[13] === 0;
}
