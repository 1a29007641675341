import { logTimeOf } from '@dougdb/replica';
import {
  type ClusterSettings,
  GenesisRecord,
  type NodeDescriptor,
  type PartitionDescriptor,
  ReplicaRole,
} from '@dougdb/rpc-proto';
import { compareAddresses } from './address.js';

/** Partition 1 is kept for the meta group. */
export const META_PARTITION_ID = 1;
export const FIRST_DATA_PARTITION_ID = 2;
/** Keyspace of user data; 0 is the meta group's. */
export const DATA_KEYSPACE = 1;
/** Replica ids begin well above node ids, so that one taken for the other is noticed at once. */
export const FIRST_REPLICA_ID = 101;
/** What all members of a cluster understand. */
export const CLUSTER_VERSION = 1;
/** Version of what members say to each other. */
export const PROTOCOL_VERSION = 1;

const ID_BYTES = 16;

/** A node that takes part in genesis. */
export interface Founder {
  readonly uuid: Uint8Array;
  readonly address: string;
}

/**
 * The identical initial state of every voter. Node ids are 1 to n in the order of the addresses, each
 * node gets a replica of the one data partition; the first min(factor, n) rounded down to odd vote.
 */
export function makeRecord(
  founders: readonly Founder[],
  settings: ClusterSettings,
  clusterId: Uint8Array,
  wallMs: number,
): GenesisRecord {
  const sorted = [...founders].sort((a, b) => compareAddresses(a.address, b.address));
  const nodes = sorted.map(({ uuid, address }, at) => ({ nodeId: at + 1, uuid, address }));
  const most = Math.min(settings.replicationFactor, nodes.length);
  const voters = most % 2 === 0 ? most - 1 : most;
  const partition: PartitionDescriptor = {
    partitionId: FIRST_DATA_PARTITION_ID,
    keyspace: DATA_KEYSPACE,
    start: new Uint8Array(0),
    end: new Uint8Array(0),
    epoch: { version: 1, conf: 1 },
    replicas: nodes.map(({ nodeId }, at) => ({
      replicaId: FIRST_REPLICA_ID + at,
      nodeId,
      role: at < voters ? ReplicaRole.REPLICA_ROLE_VOTER : ReplicaRole.REPLICA_ROLE_LEARNER,
    })),
  };
  return {
    clusterId,
    nodes,
    partitions: [partition],
    settings,
    clusterVersion: CLUSTER_VERSION,
    logTime: Math.max(1, logTimeOf(wallMs)),
  };
}

export function encodeRecord(record: GenesisRecord): Uint8Array {
  return GenesisRecord.encode(record).finish();
}

/** Null when the bytes are no record. */
export function decodeRecord(bytes: Uint8Array): GenesisRecord | null {
  try {
    return GenesisRecord.decode(bytes);
  } catch {
    return null;
  }
}

/** Null when a member can live by this record; otherwise what is wrong with it. */
export function recordFault(record: GenesisRecord): string | null {
  if (record.clusterId.length !== ID_BYTES) return 'its cluster id is not 16 bytes';
  if (record.clusterVersion !== CLUSTER_VERSION) {
    return `cluster version ${record.clusterVersion} is not ${CLUSTER_VERSION}`;
  }
  if (record.settings === undefined) return 'it has no settings';
  if (record.nodes.length === 0 || record.partitions.length === 0) {
    return 'it has no nodes or no partitions';
  }
  if (!allDifferent(record.nodes.map((node) => node.nodeId))) return 'node ids repeat or are 0';
  if (record.nodes.some((node) => node.uuid.length !== ID_BYTES)) return 'a uuid is not 16 bytes';
  if (!allDifferent(record.nodes.map((node) => hex(node.uuid)))) return 'two nodes have one uuid';
  const replicas = record.partitions.flatMap((partition) => partition.replicas);
  if (!allDifferent(replicas.map((replica) => replica.replicaId))) {
    return 'replica ids repeat or are 0';
  }
  const known = new Set(record.nodes.map((node) => node.nodeId));
  if (replicas.some((replica) => !known.has(replica.nodeId))) return 'a replica has no node';
  return null;
}

/** The node with this uuid. */
export function nodeByUuid(record: GenesisRecord, uuid: Uint8Array): NodeDescriptor | undefined {
  return record.nodes.find((node) => sameBytes(node.uuid, uuid));
}

/** What differs between two settings, for people; null when nothing does. */
export function settingsDifference(
  mine: ClusterSettings,
  theirs: ClusterSettings | undefined,
): string | null {
  if (theirs === undefined) return 'no settings';
  if (mine.replicationFactor !== theirs.replicationFactor) {
    return `replication factor ${theirs.replicationFactor}, here ${mine.replicationFactor}`;
  }
  if (mine.heartbeatMs !== theirs.heartbeatMs || mine.electionMinMs !== theirs.electionMinMs) {
    return `election times ${theirs.heartbeatMs}/${theirs.electionMinMs} ms, here ${mine.heartbeatMs}/${mine.electionMinMs} ms`;
  }
  const same =
    mine.splitAt.length === theirs.splitAt.length &&
    mine.splitAt.every((key, at) => sameBytes(key, theirs.splitAt[at] ?? new Uint8Array(0)));
  return same ? null : 'another --split-at';
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** For logs and messages. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function allDifferent(values: readonly (number | string)[]): boolean {
  return new Set(values).size === values.length && !values.includes(0);
}
