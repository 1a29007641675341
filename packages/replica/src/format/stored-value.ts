import type { Db, Found } from '@dougdb/sstable';
import { ReplicaError, ReplicaErrorCode } from '../replica-error.js';

/**
 * A value as the database holds it, little-endian:
 *
 * | version | bytes |
 * | --- | --- |
 * | without the mark of sstable | the value |
 * | with it | log time at which the key goes, u64 from 1 to 2^53 - 1; the value |
 *
 * The mark is one bit of the version itself, so a value without a time costs nothing and may begin with any
 * bytes. Everybody who reads values of a partition's database reads them by this file.
 */
export const EXPIRY_BYTES = 8;

const TWO_POW_32 = 0x1_0000_0000;
const TWO_POW_21 = 0x20_0000;

/** What both {@link Found} and the iterators of the database tell of a version. */
export interface StoredVersion {
  readonly value: Uint8Array;
  readonly marked: boolean;
}

/** Log time at which a version ends; 0: never. @throws ReplicaError REPLICA_STATE_CORRUPT */
export function expiresAtOf({ value, marked }: StoredVersion): number {
  return marked ? readExpiry(value) : 0;
}

/** The value that was written, as a view. Of a version without its value (keys only) nothing. */
export function userValueOf({ value, marked }: StoredVersion): Uint8Array {
  return marked ? value.subarray(EXPIRY_BYTES) : value;
}

/** Writes a value at a revision. @param expiresAt - log time at which the key goes; 0: never */
export function putStored(
  db: Db,
  revision: number,
  key: Uint8Array,
  value: Uint8Array,
  expiresAt: number,
): void {
  if (expiresAt === 0) db.put(revision, key, value);
  else db.putMarked(revision, key, storedValue(value, expiresAt));
}

/** The bytes of a version with a time. */
export function storedValue(value: Uint8Array, expiresAt: number): Uint8Array {
  const stored = new Uint8Array(EXPIRY_BYTES + value.length);
  writeExpiry(stored, expiresAt);
  stored.set(value, EXPIRY_BYTES);
  return stored;
}

/** The same version as its reader knows it: without what only this file understands. */
export interface UserVersion {
  readonly value: Uint8Array;
  readonly revision: number;
  /** Log time at which the key goes; 0: never, or not told (keys only). */
  readonly expiresAt: number;
}

/**
 * What a read found.
 * @param wanted - 'key': it was read without its value, so neither value nor time are known
 * @throws ReplicaError REPLICA_STATE_CORRUPT
 */
export function userVersionOf(found: Found, wanted: 'key' | 'value'): UserVersion {
  const { sequence: revision } = found;
  if (wanted === 'key') return { value: found.value, revision, expiresAt: 0 };
  return { value: userValueOf(found), revision, expiresAt: expiresAtOf(found) };
}

function writeExpiry(bytes: Uint8Array, expiresAt: number): void {
  writeU32(bytes, 0, expiresAt);
  writeU32(bytes, 4, Math.floor(expiresAt / TWO_POW_32));
}

function readExpiry(value: Uint8Array): number {
  const high = value.length < EXPIRY_BYTES ? TWO_POW_21 : readU32(value, 4);
  const expiresAt = high * TWO_POW_32 + readU32(value, 0);
  if (high < TWO_POW_21 && expiresAt > 0) return expiresAt;
  throw new ReplicaError(
    ReplicaErrorCode.StateCorrupt,
    'a version with a mark does not begin with a log time',
  );
}

function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function readU32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  );
}
