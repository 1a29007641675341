import { crc32 } from '@dougdb/ports';
import { ReplicaError, ReplicaErrorCode } from '../replica-error.js';

/**
 * The data of a Raft entry (S7), little-endian:
 *
 * | offset | size | field |
 * | --- | --- | --- |
 * | 0 | 1 | format, 1 |
 * | 1 | 1 | kind, 1: commands |
 * | 2 | 2 | count of commands, 1 to 1,024 |
 * | 4 | 8 | log time: (ms since 2020-01-01 UTC) * 4096 + counter |
 * | 12 | 8 | epoch.version under which the leader checked the keys |
 * | 20 | | count times {length u32, an encoded dougdb.v1.Command} |
 *
 * Empty data is the entry with which Raft begins a term; it has no header. The CRC-32 of the data is
 * Entry.checksum: computed once by the leader, checked on append and on apply, stored in the WAL.
 * A format or kind that is not known stops the replica: one that skips what others apply diverges.
 */
export const ENTRY_FORMAT = 1;
export const EntryKind = { Commands: 1 } as const;
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind];

export const ENTRY_HEADER_BYTES = 20;
/** What a command costs in an entry beyond its own bytes. */
export const COMMAND_OVERHEAD_BYTES = 4;
/** The count is a u16. */
export const MAX_ENTRY_COMMANDS = 0xffff;

const TWO_POW_32 = 0x1_0000_0000;
const TWO_POW_21 = 0x20_0000;
const LOG_TIME_AT = 4;
const EPOCH_AT = 12;

/** Writes the header over the first ENTRY_HEADER_BYTES bytes at `at`. */
export function writeEntryHeader(
  bytes: Uint8Array,
  at: number,
  count: number,
  logTime: number,
  epochVersion: number,
): void {
  bytes[at] = ENTRY_FORMAT;
  bytes[at + 1] = EntryKind.Commands;
  bytes[at + 2] = count;
  bytes[at + 3] = count >>> 8;
  writeU53(bytes, at + LOG_TIME_AT, logTime);
  writeU53(bytes, at + EPOCH_AT, epochVersion);
}

/** Writes the length before a command; the command's bytes follow at `at` + 4. */
export function writeCommandLength(bytes: Uint8Array, at: number, length: number): void {
  writeU32(bytes, at, length);
}

/** Whether the bytes are those that the leader made the checksum of. */
export function entryIsWhole(data: Uint8Array, checksum: number): boolean {
  return crc32(data) === checksum;
}

/** The log time of an entry whose format is known, else 0. */
export function logTimeOfEntry(data: Uint8Array): number {
  if (data.length < ENTRY_HEADER_BYTES || data[0] !== ENTRY_FORMAT) return 0;
  const logTime = readU53(data, LOG_TIME_AT);
  return Number.isSafeInteger(logTime) ? logTime : 0;
}

/**
 * Walks over the commands of an entry and makes no object. One cursor is opened again and again; it
 * holds on to the data until then.
 */
export class EntryCursor {
  logTime = 0;
  epochVersion = 0;
  count = 0;
  data: Uint8Array = empty;
  /** The command that next() moved to: data[start, end). */
  start = 0;
  end = 0;
  #left = 0;

  /**
   * Checks the whole structure, so that no entry is ever applied in part.
   * @throws ReplicaError REPLICA_ENTRY_FORMAT
   */
  open(data: Uint8Array): void {
    if (data.length < ENTRY_HEADER_BYTES) refuse(`${data.length} bytes`);
    if (data[0] !== ENTRY_FORMAT) refuse(`format ${data[0]}`);
    if (data[1] !== EntryKind.Commands) refuse(`kind ${data[1]}`);
    this.count = data[2]! | (data[3]! << 8);
    this.logTime = readU53(data, LOG_TIME_AT);
    this.epochVersion = readU53(data, EPOCH_AT);
    if (!Number.isSafeInteger(this.logTime)) refuse('log time');
    if (!Number.isSafeInteger(this.epochVersion)) refuse('epoch');
    if (this.count === 0) refuse('no commands');
    let pos = ENTRY_HEADER_BYTES;
    for (let i = 0; i < this.count; i++) {
      if (data.length - pos < COMMAND_OVERHEAD_BYTES) refuse('truncated');
      pos += COMMAND_OVERHEAD_BYTES + readU32(data, pos);
      if (pos > data.length) refuse('truncated');
    }
    if (pos !== data.length) refuse(`${data.length - pos} bytes too many`);
    this.data = data;
    this.end = ENTRY_HEADER_BYTES;
    this.#left = this.count;
  }

  /** Moves to the next command; false after the last one. */
  next(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    const length = readU32(this.data, this.end);
    this.start = this.end + COMMAND_OVERHEAD_BYTES;
    this.end = this.start + length;
    return true;
  }

  /** Lets go of the data. */
  close(): void {
    this.data = empty;
    this.#left = 0;
  }
}

const empty = new Uint8Array(0);

function refuse(what: string): never {
  throw new ReplicaError(
    ReplicaErrorCode.EntryFormat,
    `entry that this version does not understand: ${what}`,
  );
}

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function writeU53(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, value);
  writeU32(bytes, at + 4, Math.floor(value / TWO_POW_32));
}

function readU32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  );
}

/** NaN for 2^53 and more. */
function readU53(bytes: Uint8Array, at: number): number {
  const high = readU32(bytes, at + 4);
  return high < TWO_POW_21 ? high * TWO_POW_32 + readU32(bytes, at) : Number.NaN;
}
