/**
 * LevelDB's log format: manifests and write-ahead logs.
 *
 * ```
 * file      block of 32 KiB ...; the last one may be shorter
 * block     fragment ... | zeros where fewer than 7 bytes are left
 * fragment  masked CRC-32C of type and bytes u32 | length u16 | type u8 | bytes
 * type      1: a whole record; 2, 3, 4: first, middle, last fragment of one
 * ```
 */
import { SstError, SstErrorCode } from '../contract.js';
import { readU32, writeU32 } from '../encoding/internal-key.js';
import { crc32c, masked } from './crc32c.js';

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const Fragment = { Zero: 0, Full: 1, First: 2, Middle: 3, Last: 4 } as const;

/** A log file of these records. */
export function encodeLog(records: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let offset = 0;
  const append = (bytes: Uint8Array): void => {
    parts.push(bytes);
    offset += bytes.length;
  };
  for (const record of records) {
    let at = 0;
    for (let isBegun = false; at < record.length || !isBegun; ) {
      const room = BLOCK_BYTES - (offset % BLOCK_BYTES);
      if (room < HEADER_BYTES) {
        append(new Uint8Array(room));
        continue;
      }
      const end = Math.min(record.length, at + room - HEADER_BYTES);
      append(encodeFragment(record, at, end, isBegun));
      isBegun = true;
      at = end;
    }
  }
  const file = new Uint8Array(offset);
  let to = 0;
  for (const part of parts) {
    file.set(part, to);
    to += part.length;
  }
  return file;
}

function encodeFragment(
  record: Uint8Array,
  start: number,
  end: number,
  isBegun: boolean,
): Uint8Array {
  const isLast = end === record.length;
  const bytes = new Uint8Array(HEADER_BYTES + end - start);
  bytes[4] = end - start;
  bytes[5] = (end - start) >>> 8;
  if (isBegun) bytes[6] = isLast ? Fragment.Last : Fragment.Middle;
  else bytes[6] = isLast ? Fragment.Full : Fragment.First;
  bytes.set(record.subarray(start, end), HEADER_BYTES);
  writeU32(bytes, 0, masked(crc32c(bytes, 6, bytes.length)));
  return bytes;
}

/** A record and where its first fragment stands. */
export interface LogRecord {
  readonly bytes: Uint8Array;
  readonly offset: number;
}

export interface DecodedLog {
  readonly records: readonly LogRecord[];
  /** 'torn': the last record was cut off, as by a crash, and is not among them. */
  readonly tail: 'clean' | 'torn';
}

/**
 * Reads a whole log. Unlike LevelDB it passes nothing over: what is neither whole nor an end that a crash may
 * leave is an error.
 * @throws SstError SST_CORRUPT
 */
export function decodeLog(log: Uint8Array, file: string): DecodedLog {
  const records: LogRecord[] = [];
  /** Fragments of a record that has begun. */
  let begun: { readonly offset: number; readonly parts: Uint8Array[] } | null = null;
  let at = 0;
  while (at < log.length) {
    const room = BLOCK_BYTES - (at % BLOCK_BYTES);
    if (room < HEADER_BYTES) {
      checkZeros(log, at, Math.min(log.length, at + room), file);
      at += room;
      continue;
    }
    if (at + HEADER_BYTES > log.length) return { records, tail: 'torn' };
    const length = log[at + 4]! | (log[at + 5]! << 8);
    const type = log[at + 6]!;
    const end = at + HEADER_BYTES + length;
    if (type === Fragment.Zero && length === 0) {
      // Space that was laid out and not written.
      checkZeros(log, at, log.length, file);
      return { records, tail: begun === null ? 'clean' : 'torn' };
    }
    if (HEADER_BYTES + length > room) throw damaged(file, at, 'is longer than its block');
    if (end > log.length) {
      // A write that was cut off has nothing behind it.
      if (holdsFragment(log, at + 1)) throw damaged(file, at, 'is longer than the file');
      return { records, tail: 'torn' };
    }
    if (masked(crc32c(log, at + 6, end)) !== readU32(log, at)) {
      throw damaged(file, at, 'has a wrong checksum');
    }
    const bytes = log.subarray(at + HEADER_BYTES, end);
    switch (type) {
      case Fragment.Full:
      case Fragment.First:
        if (begun !== null) throw damaged(file, begun.offset, 'has no end');
        if (type === Fragment.Full) records.push({ bytes, offset: at });
        else begun = { offset: at, parts: [bytes] };
        break;
      case Fragment.Middle:
      case Fragment.Last:
        if (begun === null) throw damaged(file, at, 'has no beginning');
        begun.parts.push(bytes);
        if (type === Fragment.Last) {
          records.push({ bytes: joined(begun.parts), offset: begun.offset });
          begun = null;
        }
        break;
      default:
        throw damaged(file, at, `has the unknown type ${type}`);
    }
    at = end;
  }
  return { records, tail: begun === null ? 'clean' : 'torn' };
}

/** Whether anything from here on is a whole fragment. */
function holdsFragment(log: Uint8Array, start: number): boolean {
  for (let at = start; at + HEADER_BYTES <= log.length; at++) {
    const end = at + HEADER_BYTES + (log[at + 4]! | (log[at + 5]! << 8));
    const type = log[at + 6]!;
    if (end > log.length || type < Fragment.Full || type > Fragment.Last) continue;
    if (masked(crc32c(log, at + 6, end)) === readU32(log, at)) return true;
  }
  return false;
}

function checkZeros(log: Uint8Array, start: number, end: number, file: string): void {
  for (let at = start; at < end; at++) {
    if (log[at] !== 0) throw damaged(file, at, 'stands where nothing should be');
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function damaged(file: string, offset: number, what: string): SstError {
  return new SstError(SstErrorCode.Corrupt, `${file}: the record at ${offset} ${what}`, {
    file,
    offset,
  });
}
