import { crc32 } from '@dougdb/ports';
import { MemberError, MemberErrorCode } from '../member-error.js';

/**
 * The NODE file, version 1. Integers are little-endian.
 *
 * ```
 * offset  bytes
 *      0      8  magic "DOUGNODE"
 *      8      4  format version
 *     12      4  length of the body
 *     16     16  body: uuid of the node
 *     32      1        state: 0 empty, 1 member
 *   state 1 only:
 *     33     16        cluster id
 *     49      8        node id
 *     57      4        length of the genesis record
 *     61      n        genesis record, encoded dougdb.raft.v1.GenesisRecord
 *   last      4  CRC-32 of everything before
 * ```
 *
 * The file has exactly this length. It is always replaced whole, so that any damage is rot and never
 * the trace of a crash.
 */
const MAGIC = Uint8Array.from('DOUGNODE', (letter) => letter.charCodeAt(0));
const FORMAT_VERSION = 1;
const HEADER_BYTES = 16;
const UUID_BYTES = 16;
const CLUSTER_ID_BYTES = 16;
const MEMBER_FIXED_BYTES = CLUSTER_ID_BYTES + 8 + 4;
const CRC_BYTES = 4;
const STATE_EMPTY = 0;
const STATE_MEMBER = 1;

/** Who this data directory is. `membership` is null until genesis. */
export interface NodeIdentity {
  readonly uuid: Uint8Array;
  readonly membership: StoredMembership | null;
}

export interface StoredMembership {
  readonly clusterId: Uint8Array;
  readonly nodeId: number;
  /** Encoded GenesisRecord, byte for byte as it was made. */
  readonly genesis: Uint8Array;
}

export function encodeNodeFile(identity: NodeIdentity): Uint8Array {
  const { uuid, membership } = identity;
  const memberBytes = membership === null ? 0 : MEMBER_FIXED_BYTES + membership.genesis.length;
  const bodyBytes = UUID_BYTES + 1 + memberBytes;
  const bytes = new Uint8Array(HEADER_BYTES + bodyBytes + CRC_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(8, FORMAT_VERSION, true);
  view.setUint32(12, bodyBytes, true);
  bytes.set(uuid, HEADER_BYTES);
  let pos = HEADER_BYTES + UUID_BYTES;
  bytes[pos++] = membership === null ? STATE_EMPTY : STATE_MEMBER;
  if (membership !== null) {
    bytes.set(membership.clusterId, pos);
    pos += CLUSTER_ID_BYTES;
    view.setUint32(pos, membership.nodeId % 2 ** 32, true);
    view.setUint32(pos + 4, Math.floor(membership.nodeId / 2 ** 32), true);
    view.setUint32(pos + 8, membership.genesis.length, true);
    bytes.set(membership.genesis, pos + 12);
  }
  const crcAt = bytes.length - CRC_BYTES;
  view.setUint32(crcAt, crc32(bytes, 0, 0, crcAt), true);
  return bytes;
}

/**
 * @param path - for the messages
 * @throws MemberError MEMBER_CORRUPT for any damage, MEMBER_FOREIGN when it is not a NODE file,
 * MEMBER_NEWER_FORMAT
 */
export function decodeNodeFile(bytes: Uint8Array, path: string): NodeIdentity {
  if (bytes.length < HEADER_BYTES + UUID_BYTES + 1 + CRC_BYTES) {
    throw corrupt(path, `${bytes.length} bytes are too few`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const crcAt = bytes.length - CRC_BYTES;
  const sound = view.getUint32(crcAt, true) === crc32(bytes, 0, 0, crcAt);
  if (MAGIC.some((byte, at) => bytes[at] !== byte)) {
    throw corrupt(path, 'it does not begin with DOUGNODE');
  }
  const version = view.getUint32(8, true);
  // A newer format may check itself in another way; a damaged version number must not look newer.
  if (version > FORMAT_VERSION && sound) {
    throw new MemberError(
      MemberErrorCode.Newer,
      `${path} has format version ${version}, this program knows ${FORMAT_VERSION}: use the newer program`,
    );
  }
  if (!sound) throw corrupt(path, 'its checksum does not match');
  if (version !== FORMAT_VERSION) throw corrupt(path, `format version ${version} does not exist`);
  if (view.getUint32(12, true) !== bytes.length - HEADER_BYTES - CRC_BYTES) {
    throw corrupt(path, 'its length does not match');
  }
  return decodeBody(bytes, view, path, crcAt);
}

function decodeBody(bytes: Uint8Array, view: DataView, path: string, end: number): NodeIdentity {
  const uuid = bytes.slice(HEADER_BYTES, HEADER_BYTES + UUID_BYTES);
  let pos = HEADER_BYTES + UUID_BYTES;
  const state = bytes[pos++];
  if (state === STATE_EMPTY && pos === end) return { uuid, membership: null };
  if (state !== STATE_MEMBER || end - pos < MEMBER_FIXED_BYTES) {
    throw corrupt(path, `state ${state} does not fit its length`);
  }
  const clusterId = bytes.slice(pos, pos + CLUSTER_ID_BYTES);
  pos += CLUSTER_ID_BYTES;
  const nodeId = view.getUint32(pos, true) + view.getUint32(pos + 4, true) * 2 ** 32;
  const genesisBytes = view.getUint32(pos + 8, true);
  pos += 12;
  if (!Number.isSafeInteger(nodeId) || nodeId < 1 || genesisBytes !== end - pos) {
    throw corrupt(path, 'its membership does not fit its length');
  }
  return { uuid, membership: { clusterId, nodeId, genesis: bytes.slice(pos, end) } };
}

function corrupt(path: string, what: string): MemberError {
  return new MemberError(
    MemberErrorCode.Corrupt,
    `${path} is damaged: ${what}; this node cannot know who it is: replace it by an empty one`,
  );
}
