/**
 * A write batch as bytes: for logs of hosts.
 *
 * ```
 * batch      format u8 (1) | crc u32 | count u32 | operation ...
 * operation  0 u8 | key                deletes the key
 *            1 u8 | key | value        sets the key
 *            15 u8 | start | end       deletes the keys from start up to, without, end
 * key, value, start, end   length uvarint | bytes
 * crc        CRC-32 of the format byte and of everything behind the crc
 * ```
 * Little-endian. The numbers of operations are those of kinds in tables where both know the kind.
 */
import { crc32 } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import { ByteReader, DecodeError } from '../encoding/byte-reader.js';
import { uvarintBytes, writeUvarint } from '../encoding/byte-writer.js';
import { copyBytes } from '../encoding/copy-bytes.js';
import {
  Kind,
  MAX_KEY_BYTES,
  MAX_VALUE_BYTES,
  readU32,
  writeU32,
} from '../encoding/internal-key.js';

export const BATCH_FORMAT_VERSION = 1;

/** On disk: must not change. */
export const OperationKind = { Delete: Kind.Delete, Set: Kind.Set, DeleteRange: 15 } as const;
export type OperationKind = (typeof OperationKind)[keyof typeof OperationKind];

/** One operation. `value` is the end of a range deletion, and empty for the deletion of a key. */
export interface BatchOperation {
  readonly kind: OperationKind;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

const CRC_AT = 1;
const COUNT_AT = 5;
const HEADER_BYTES = 9;
/** An operation takes at least its kind and the length of its key. */
const MIN_OPERATION_BYTES = 2;

export function encodeBatch(operations: readonly BatchOperation[]): Uint8Array {
  const bytes = new Uint8Array(batchBytes(operations));
  encodeBatchInto(bytes, 0, operations);
  return bytes;
}

/** Length of the batch as bytes. */
export function batchBytes(operations: readonly BatchOperation[]): number {
  let count = HEADER_BYTES;
  for (const { kind, key, value } of operations) {
    count += 1 + prefixedBytes(key);
    if (kind !== OperationKind.Delete) count += prefixedBytes(value);
  }
  return count;
}

/** Writes the batch to `target` from `at` to its end: there must be just room for it. */
export function encodeBatchInto(
  target: Uint8Array,
  at: number,
  operations: readonly BatchOperation[],
): void {
  target[at] = BATCH_FORMAT_VERSION;
  writeU32(target, at + COUNT_AT, operations.length);
  let next = at + HEADER_BYTES;
  for (const { kind, key, value } of operations) {
    target[next++] = kind;
    next = writePrefixed(target, next, key);
    if (kind !== OperationKind.Delete) next = writePrefixed(target, next, value);
  }
  writeU32(target, at + CRC_AT, checksumOf(target, at));
}

function prefixedBytes(bytes: Uint8Array): number {
  return uvarintBytes(bytes.length) + bytes.length;
}

function writePrefixed(target: Uint8Array, at: number, bytes: Uint8Array): number {
  const start = writeUvarint(target, at, bytes.length);
  copyBytes(target, start, bytes, 0, bytes.length);
  return start + bytes.length;
}

/**
 * Operations with views of the bytes.
 * @throws SstError SST_CORRUPT for anything that encodeBatch did not write, SST_NEWER_FORMAT
 */
export function decodeBatch(bytes: Uint8Array): BatchOperation[] {
  if (bytes.length < HEADER_BYTES) throw corrupt('is shorter than its header');
  const version = bytes[0] ?? 0;
  if (readU32(bytes, CRC_AT) !== checksumOf(bytes, 0)) throw corrupt('has a wrong checksum');
  if (version !== BATCH_FORMAT_VERSION) {
    throw new SstError(
      SstErrorCode.Newer,
      `the batch has format ${version}, this program knows ${BATCH_FORMAT_VERSION}`,
    );
  }
  const count = readU32(bytes, COUNT_AT);
  if (count > (bytes.length - HEADER_BYTES) / MIN_OPERATION_BYTES) {
    throw corrupt('is shorter than it says');
  }
  try {
    return operationsIn(bytes, 0);
  } catch (error) {
    if (error instanceof DecodeError) throw corrupt(`does not decode: ${error.message}`);
    throw error;
  }
}

/**
 * Operations of a batch from `at` on, with views of the bytes and no look at header and checksum: for bytes
 * that this process has made itself. @throws DecodeError
 */
export function operationsIn(bytes: Uint8Array, at: number): BatchOperation[] {
  const count = readU32(bytes, at + COUNT_AT);
  const reader = new ByteReader(bytes, at + HEADER_BYTES);
  const operations: BatchOperation[] = [];
  for (let i = 0; i < count; i++) operations.push(decodeOperation(reader));
  if (!reader.done) throw new DecodeError('bytes are left behind its last operation');
  return operations;
}

function decodeOperation(reader: ByteReader): BatchOperation {
  const kind = reader.u8();
  const key = limited(reader.prefixed(), MAX_KEY_BYTES);
  switch (kind) {
    case OperationKind.Delete:
      return { kind, key, value: NO_VALUE };
    case OperationKind.Set:
      return { kind, key, value: limited(reader.prefixed(), MAX_VALUE_BYTES) };
    case OperationKind.DeleteRange:
      return { kind, key, value: limited(reader.prefixed(), MAX_KEY_BYTES) };
    default:
      throw new DecodeError(`there is no operation ${kind}`);
  }
}

export const NO_VALUE: Uint8Array = new Uint8Array(0);

function limited(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length <= maxBytes) return bytes;
  throw new DecodeError(`${bytes.length} bytes are more than ${maxBytes}`);
}

/** Of the batch that begins at `at` and goes to the end. */
function checksumOf(bytes: Uint8Array, at: number): number {
  return crc32(bytes, crc32(bytes, 0, at, at + CRC_AT), at + COUNT_AT, bytes.length);
}

function corrupt(what: string): SstError {
  return new SstError(SstErrorCode.Corrupt, `the batch ${what}`);
}
