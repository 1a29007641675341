import { crc32 } from '@dougdb/ports';
import { DougError, varintSize, WireReader, writeVarint } from '@dougdb/rpc-proto';
import { compareEnds, compareKeys, isBelowEnd } from '../key-range.js';
import type { WatchPiece } from './watch-position.js';

/**
 * The token of a watch, version 1. Integers are varints as in protobuf, bytes have their length before them.
 *
 * ```
 * 1 byte   0x57
 * 1 byte   version
 * bytes    cluster id; empty: not known
 * for each piece, in key order, without a key in two of them:
 *   int    partition id
 *   int    epoch version
 *   bytes  start
 *   bytes  end; empty: to the last key
 *   int    revision
 *   bytes  last key
 * 4 bytes  CRC-32 of everything before, little-endian
 * ```
 */
const MARK = 0x57;
const VERSION = 1;
const HEADER_BYTES = 2;
const CRC_BYTES = 4;

/** What a watch can be resumed by: how much was told of each part of its range. */
export interface WatchToken {
  /** Empty: not known. Revisions of one cluster mean nothing in another one. */
  readonly clusterId: Uint8Array;
  /** In key order; no key lies in two of them. */
  readonly pieces: readonly WatchPiece[];
}

/** The bytes of a token, which are opaque to applications. @param token - at least one piece */
export function encodeWatchToken({ clusterId, pieces }: WatchToken): Uint8Array {
  const bytes = new Uint8Array(tokenBytes(clusterId, pieces));
  bytes[0] = MARK;
  bytes[1] = VERSION;
  let at = putBytes(bytes, HEADER_BYTES, clusterId);
  for (const piece of pieces) {
    at = writeVarint(bytes, at, piece.partitionId);
    at = writeVarint(bytes, at, piece.epochVersion);
    at = putBytes(bytes, at, piece.start);
    at = putBytes(bytes, at, piece.end);
    at = writeVarint(bytes, at, piece.revision);
    at = putBytes(bytes, at, piece.lastKey);
  }
  new DataView(bytes.buffer).setUint32(at, crc32(bytes, 0, 0, at), true);
  return bytes;
}

/**
 * What a token says. Nothing of it is a view of the bytes.
 * @param clusterId - of the cluster in which it is to be used; empty: not checked
 * @throws DougError INVALID_ARGUMENT for anything that {@link encodeWatchToken} did not make, or that
 * another version made; CLUSTER_MISMATCH for the token of another cluster
 */
export function decodeWatchToken(bytes: Uint8Array, clusterId: Uint8Array): WatchToken {
  const crcAt = bytes.length - CRC_BYTES;
  if (crcAt < HEADER_BYTES || bytes[0] !== MARK) throw invalid('it is not the token of a watch');
  if (bytes[1] !== VERSION) {
    throw invalid(`it has version ${bytes[1]}, known here is version ${VERSION}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(crcAt, true) !== crc32(bytes, 0, 0, crcAt)) {
    throw invalid('its checksum does not match');
  }
  const reader = new WireReader('INVALID_ARGUMENT');
  reader.set(bytes, HEADER_BYTES, crcAt);
  const token: WatchToken = { clusterId: takeBytes(reader), pieces: takePieces(reader) };
  if (isForeign(token.clusterId, clusterId)) {
    throw new DougError('CLUSTER_MISMATCH', 'the token of the watch belongs to another cluster');
  }
  return token;
}

function tokenBytes(clusterId: Uint8Array, pieces: readonly WatchPiece[]): number {
  let size = HEADER_BYTES + CRC_BYTES + fieldBytes(clusterId);
  for (const { partitionId, epochVersion, start, end, revision, lastKey } of pieces) {
    size += varintSize(partitionId) + varintSize(epochVersion) + varintSize(revision);
    size += fieldBytes(start) + fieldBytes(end) + fieldBytes(lastKey);
  }
  return size;
}

function fieldBytes(content: Uint8Array): number {
  return varintSize(content.length) + content.length;
}

function putBytes(bytes: Uint8Array, at: number, content: Uint8Array): number {
  const from = writeVarint(bytes, at, content.length);
  bytes.set(content, from);
  return from + content.length;
}

function takePieces(reader: WireReader): WatchPiece[] {
  const pieces: WatchPiece[] = [];
  while (reader.pos < reader.end) {
    const piece = takePiece(reader);
    if (!isBehind(pieces.at(-1), piece)) throw invalid('its ranges are in disorder');
    pieces.push(piece);
  }
  if (pieces.length === 0) throw invalid('it says nothing');
  return pieces;
}

function takePiece(reader: WireReader): WatchPiece {
  const partitionId = reader.varint();
  const epochVersion = reader.varint();
  const start = takeBytes(reader);
  const end = takeBytes(reader);
  const revision = reader.varint();
  return { partitionId, epochVersion, start, end, revision, lastKey: takeBytes(reader) };
}

/** A copy: it outlives the token. */
function takeBytes(reader: WireReader): Uint8Array {
  reader.range();
  return new Uint8Array(reader.bytes.subarray(reader.start, reader.pos));
}

function isBehind(before: WatchPiece | undefined, { start, end }: WatchPiece): boolean {
  if (!isBelowEnd(start, end)) return false;
  if (before === undefined) return true;
  return compareEnds(before.end, end) < 0 && compareKeys(before.end, start) <= 0;
}

function isForeign(ofToken: Uint8Array, own: Uint8Array): boolean {
  return ofToken.length > 0 && own.length > 0 && compareKeys(ofToken, own) !== 0;
}

function invalid(what: string): DougError {
  return new DougError('INVALID_ARGUMENT', `the token of the watch cannot be used: ${what}`);
}
