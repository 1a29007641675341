import { isBelowEnd } from '@dougdb/facade';
import {
  ClusterSettings,
  decodeRequest,
  NodeDescriptor,
  PartitionDescriptor,
} from '@dougdb/rpc-proto';
import { sameBytes } from '../genesis/record.js';

/**
 * Rows of the meta group (keyspace 0). Keys are big-endian, so that they sort by what they mean:
 *
 * ```
 * key                                                   row
 * 0x01 | keyspace u32 | 0x00 | end key, not empty       partition that ends there
 * 0x01 | keyspace u32 | 0x01                            partition that goes on to the last key
 * 0x02 | node id u64                                    node
 * 0x03                                                  cluster settings, as of genesis
 * 0x04                                                  cluster version
 * 0x05                                                  next free ids
 * ```
 *
 * A partition stands at its END: the first row at or above the place of a key, the key itself left out, is
 * the partition that holds it, and the open end sorts last. Values are little-endian:
 *
 * ```
 * offset  bytes
 *      0      1  format, 1
 *      1      n  partition: encoded dougdb.v1.PartitionDescriptor
 *             n  node: encoded dougdb.v1.NodeDescriptor
 *             n  settings: encoded dougdb.raft.v1.ClusterSettings
 *             8  version: u53
 *            24  next ids: of a partition, a replica, a node, u53 each
 * ```
 *
 * Key and value say the same: a row in another's place is refused. What is not known is told apart from
 * what is damaged, and neither is ever taken for something else.
 */
const FORMAT = 1;
const Tag = { Partition: 1, Node: 2, Settings: 3, Version: 4, NextIds: 5 } as const;
const BOUNDED = 0;
const OPEN = 1;
const U53_BYTES = 8;
const UUID_BYTES = 16;
const TWO_POW_32 = 2 ** 32;

/** Ids that were never given to anything; all below are taken or spent. */
export interface NextIds {
  readonly partition: number;
  readonly replica: number;
  readonly node: number;
}

export type MetaRow =
  | { readonly kind: 'partition'; readonly descriptor: PartitionDescriptor }
  | { readonly kind: 'node'; readonly node: NodeDescriptor }
  | { readonly kind: 'settings'; readonly settings: ClusterSettings }
  | { readonly kind: 'version'; readonly version: number }
  | { readonly kind: 'next-ids'; readonly ids: NextIds };

/** What the bytes of a row are. */
export type DecodedRow =
  | MetaRow
  /** Of a version that comes later. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'bad'; readonly reason: string };

export interface EncodedRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export function encodeRow(row: MetaRow): EncodedRow {
  const body = bodyOf(row);
  const value = new Uint8Array(1 + body.length);
  value[0] = FORMAT;
  value.set(body, 1);
  return { key: keyOf(row), value };
}

/** Views of the value. Never throws: rows come from a log that another version may have written. */
export function decodeRow(key: Uint8Array, value: Uint8Array): DecodedRow {
  const tag = key[0];
  if (tag === undefined || value[0] === undefined) return bad('no key or no value');
  if (tag < Tag.Partition || tag > Tag.NextIds) return { kind: 'unknown' };
  if (value[0] !== FORMAT) return { kind: 'unknown' };
  const row = readBody(tag, value.subarray(1));
  if (row.kind === 'bad' || row.kind === 'unknown') return row;
  if (!sameBytes(keyOf(row), key)) return bad(`a ${row.kind} that stands in another place`);
  const fault = faultOf(row);
  return fault === null ? row : bad(fault);
}

function faultOf(row: MetaRow): string | null {
  if (row.kind === 'node') {
    const isWhole = row.node.nodeId > 0 && row.node.uuid.length === UUID_BYTES;
    return isWhole ? null : 'a node without its id or uuid';
  }
  if (row.kind !== 'partition') return null;
  const { partitionId, epoch, start, end } = row.descriptor;
  if (partitionId === 0 || epoch === undefined) return 'a partition without its id or epoch';
  return isBelowEnd(start, end) ? null : 'a partition with an empty range';
}

function keyOf(row: MetaRow): Uint8Array {
  switch (row.kind) {
    case 'partition': {
      const { keyspace, end } = row.descriptor;
      const key = new Uint8Array(6 + end.length);
      key[0] = Tag.Partition;
      new DataView(key.buffer).setUint32(1, keyspace);
      key[5] = end.length === 0 ? OPEN : BOUNDED;
      key.set(end, 6);
      return key;
    }
    case 'node': {
      const key = new Uint8Array(1 + U53_BYTES);
      const view = new DataView(key.buffer);
      key[0] = Tag.Node;
      view.setUint32(1, Math.floor(row.node.nodeId / TWO_POW_32));
      view.setUint32(5, row.node.nodeId % TWO_POW_32);
      return key;
    }
    case 'settings':
      return Uint8Array.of(Tag.Settings);
    case 'version':
      return Uint8Array.of(Tag.Version);
    case 'next-ids':
      return Uint8Array.of(Tag.NextIds);
  }
}

function bodyOf(row: MetaRow): Uint8Array {
  switch (row.kind) {
    case 'partition':
      return PartitionDescriptor.encode(row.descriptor).finish();
    case 'node':
      return NodeDescriptor.encode(row.node).finish();
    case 'settings':
      return ClusterSettings.encode(row.settings).finish();
    case 'version':
      return writeNumbers([row.version]);
    case 'next-ids':
      return writeNumbers([row.ids.partition, row.ids.replica, row.ids.node]);
  }
}

function readBody(tag: number, body: Uint8Array): DecodedRow {
  try {
    const row = decodeBody(tag, body);
    // One form for each row: replicas must agree on its bytes, and nothing may hide in it.
    return sameBytes(bodyOf(row), body) ? row : bad(`a ${row.kind} in another form`);
  } catch (error) {
    return bad(String((error as Error).message));
  }
}

/** Views of `body`. @throws for bytes that are no such row, unknown fields among them */
function decodeBody(tag: number, body: Uint8Array): MetaRow {
  switch (tag) {
    case Tag.Partition:
      return { kind: 'partition', descriptor: decodeRequest(PartitionDescriptor, body) };
    case Tag.Node:
      return { kind: 'node', node: decodeRequest(NodeDescriptor, body) };
    case Tag.Settings:
      return { kind: 'settings', settings: decodeRequest(ClusterSettings, body) };
    case Tag.Version: {
      const [version] = readNumbers(body, 1);
      return { kind: 'version', version: version as number };
    }
    default: {
      const [partition, replica, node] = readNumbers(body, 3) as [number, number, number];
      return { kind: 'next-ids', ids: { partition, replica, node } };
    }
  }
}

function writeNumbers(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * U53_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [at, value] of values.entries()) {
    view.setUint32(at * U53_BYTES, value % TWO_POW_32, true);
    view.setUint32(at * U53_BYTES + 4, Math.floor(value / TWO_POW_32), true);
  }
  return bytes;
}

/** @throws RangeError */
function readNumbers(bytes: Uint8Array, count: number): number[] {
  if (bytes.length !== count * U53_BYTES) throw new RangeError(`${bytes.length} bytes of numbers`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: count }, (_, at) => {
    const value =
      view.getUint32(at * U53_BYTES, true) + view.getUint32(at * U53_BYTES + 4, true) * TWO_POW_32;
    if (!Number.isSafeInteger(value)) throw new RangeError('a number of 2^53 or more');
    return value;
  });
}

function bad(reason: string): DecodedRow {
  return { kind: 'bad', reason };
}
