import { logTimeOf } from '@dougdb/replica';
import {
  type ClusterSettings,
  GenesisRecord,
  type NodeDescriptor,
  type PartitionDescriptor,
  ReplicaRole,
} from '@dougdb/rpc-proto';
import { compareAddresses } from './address.js';

/** The meta group: what the cluster knows of itself. */
export const META_PARTITION_ID = 1;
export const META_KEYSPACE = 0;
export const FIRST_DATA_PARTITION_ID = 2;
/** Keyspace of user data. */
export const DATA_KEYSPACE = 1;
/** Replica ids begin well above node ids, so that one taken for the other is noticed at once. */
export const FIRST_REPLICA_ID = 101;
/**
 * What all members of a cluster understand. 1: one data partition and no meta group; 2: commands of a single key
 * alone, no history, no time to live.
 */
export const CLUSTER_VERSION = 3;
/** Version of what members say to each other. */
export const PROTOCOL_VERSION = 1;

const UNBOUNDED = new Uint8Array(0);

/** A node that takes part in genesis. */
export interface Founder {
  readonly uuid: Uint8Array;
  readonly address: string;
}

/**
 * The identical initial state of every voter. Node ids are 1 to n in the order of the addresses. The meta
 * group and the data partitions, cut at the split keys, have a replica on each node; replica ids are
 * unique over all of them (S6). Of each partition min(factor, n) rounded down to odd vote, beginning with
 * another node for each partition, so that no node has all the work.
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
  const ranges = [
    { keyspace: META_KEYSPACE, start: UNBOUNDED, end: UNBOUNDED },
    ...rangesBetween(settings.splitAt).map((range) => ({ keyspace: DATA_KEYSPACE, ...range })),
  ];
  const partitions = ranges.map((range, place): PartitionDescriptor => {
    const isVoter = (at: number): boolean =>
      (at + place * (nodes.length - 1)) % nodes.length < voters;
    return {
      partitionId: META_PARTITION_ID + place,
      ...range,
      epoch: { version: 1, conf: 1 },
      replicas: nodes.map(({ nodeId }, at) => ({
        replicaId: FIRST_REPLICA_ID + place * nodes.length + at,
        nodeId,
        role: isVoter(at) ? ReplicaRole.REPLICA_ROLE_VOTER : ReplicaRole.REPLICA_ROLE_LEARNER,
      })),
    };
  });
  return {
    clusterId,
    nodes,
    partitions,
    settings,
    clusterVersion: CLUSTER_VERSION,
    logTime: Math.max(1, logTimeOf(wallMs)),
  };
}

/** The voter that had better lead the partition at first: another node for each partition. */
export function preferredReplica(partition: PartitionDescriptor): number {
  const { replicas, partitionId } = partition;
  // Where the voters of the partition begin, see makeRecord.
  return replicas[(partitionId - META_PARTITION_ID) % replicas.length]?.replicaId ?? 0;
}

function rangesBetween(keys: readonly Uint8Array[]): { start: Uint8Array; end: Uint8Array }[] {
  const bounds = [UNBOUNDED, ...keys, UNBOUNDED];
  return bounds.slice(1).map((end, at) => ({ start: bounds[at] ?? UNBOUNDED, end }));
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
  if (mine.leaseReads !== theirs.leaseReads) {
    return `lease reads ${onOrOff(theirs.leaseReads)}, here ${onOrOff(mine.leaseReads)}`;
  }
  const same =
    mine.splitAt.length === theirs.splitAt.length &&
    mine.splitAt.every((key, at) => sameBytes(key, theirs.splitAt[at] ?? new Uint8Array(0)));
  return same ? null : 'another --split-at';
}

/** For logs and messages. */
export function onOrOff(isOn: boolean): string {
  return isOn ? 'on' : 'off';
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** For logs and messages. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
