import { crc32 } from '@dougdb/ports';
import { DougError, limits } from '@dougdb/rpc-proto';
import { compareKeys } from '../key-range.js';

/*
 * A token, opaque to callers. Integers are little-endian; those of eight bytes are below 2^53.
 *
 *   offset  bytes  field
 *        0      1  version, 1
 *        1      1  flags: 1 reverse
 *        2      8  partition
 *       10      8  version of its epoch
 *       18      8  revision of the view
 *       26      2  length of the start, then the start
 *        +      2  length of the end, then the end
 *        +      4  CRC-32 of all before it, continued from that of the cluster id
 */
const VERSION = 1;
const HEAD_BYTES = 26;
const LENGTH_BYTES = 2;
const CHECKSUM_BYTES = 4;
const REVERSE = 1;

/**
 * Where a scan goes on, on any replica of the partition, in the view in which it began. What is to be told of the
 * pairs, and of how many, is for whoever goes on to say.
 */
export interface ScanToken {
  /** The partition whose view it is. */
  readonly partitionId: number;
  /** Under which epoch it was read. The range may be held by others since: the token asks for what is left here. */
  readonly epochVersion: number;
  /** Of the view. */
  readonly revision: number;
  /** What is left of the range; empty: from the first key. */
  readonly start: Uint8Array;
  /** Exclusive; empty: to the last key. It may lie beyond the partition, whose end then comes first. */
  readonly end: Uint8Array;
  readonly reverse: boolean;
}

/** @param clusterId - a token is good in its own cluster only */
export function encodeScanToken(token: ScanToken, clusterId: Uint8Array): Uint8Array {
  const { start, end, partitionId, epochVersion, revision } = token;
  const endAt = HEAD_BYTES + LENGTH_BYTES + start.length;
  const bytes = new Uint8Array(endAt + LENGTH_BYTES + end.length + CHECKSUM_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = VERSION;
  bytes[1] = token.reverse ? REVERSE : 0;
  for (const [at, value] of [partitionId, epochVersion, revision].entries()) {
    view.setUint32(2 + 8 * at, value % 2 ** 32, true);
    view.setUint32(6 + 8 * at, Math.floor(value / 2 ** 32), true);
  }
  view.setUint16(HEAD_BYTES, start.length, true);
  bytes.set(start, HEAD_BYTES + LENGTH_BYTES);
  view.setUint16(endAt, end.length, true);
  bytes.set(end, endAt + LENGTH_BYTES);
  const body = bytes.length - CHECKSUM_BYTES;
  view.setUint32(body, checksum(bytes, body, clusterId), true);
  return bytes;
}

/**
 * The bytes of the result are copies. What passes is no more than what anybody could have asked for in other
 * words: a token gives no right.
 * @throws DougError INVALID_ARGUMENT for whatever was not made by {@link encodeScanToken} for this cluster
 */
export function decodeScanToken(bytes: Uint8Array, clusterId: Uint8Array): ScanToken {
  const body = bytes.length - CHECKSUM_BYTES;
  const startAt = HEAD_BYTES + LENGTH_BYTES;
  if (body < startAt + LENGTH_BYTES) throw bad('it is too short');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes[0] !== VERSION) throw bad(`it is of version ${bytes[0]}`);
  if (view.getUint32(body, true) !== checksum(bytes, body, clusterId)) {
    throw bad('it is damaged, or of another cluster');
  }
  const flags = bytes[1] as number;
  if ((flags & ~REVERSE) !== 0) throw bad('it has unknown flags');
  const number = (at: number): number => {
    const value = view.getUint32(2 + 8 * at, true) + view.getUint32(6 + 8 * at, true) * 2 ** 32;
    if (!Number.isSafeInteger(value)) throw bad('it has a number of 2^53 or more');
    return value;
  };
  const startBytes = view.getUint16(HEAD_BYTES, true);
  const endAt = startAt + startBytes;
  if (endAt + LENGTH_BYTES > body) throw bad('its start is cut');
  const endBytes = view.getUint16(endAt, true);
  if (endAt + LENGTH_BYTES + endBytes !== body) throw bad('its end is cut');
  const token: ScanToken = {
    partitionId: number(0),
    epochVersion: number(1),
    revision: number(2),
    start: new Uint8Array(bytes.subarray(startAt, endAt)),
    end: new Uint8Array(bytes.subarray(endAt + LENGTH_BYTES, body)),
    reverse: (flags & REVERSE) !== 0,
  };
  checkToken(token);
  return token;
}

function checkToken({ start, end, partitionId }: ScanToken): void {
  if (start.length > limits.keyBytes || end.length > limits.keyBytes) {
    throw bad('a bound is longer than a key');
  }
  if (end.length > 0 && compareKeys(start, end) > 0) throw bad('its start lies behind its end');
  if (partitionId < 1) throw bad('it names no partition');
}

function checksum(bytes: Uint8Array, end: number, clusterId: Uint8Array): number {
  return crc32(bytes, crc32(clusterId), 0, end);
}

function bad(why: string): DougError {
  return new DougError('INVALID_ARGUMENT', `the token of a scan cannot be used: ${why}`);
}
