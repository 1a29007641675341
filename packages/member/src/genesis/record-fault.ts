import { type GenesisRecord, type PartitionDescriptor, ReplicaRole } from '@dougdb/rpc-proto';
import { rangesFault } from './ranges.js';
import {
  CLUSTER_VERSION,
  DATA_KEYSPACE,
  hex,
  META_KEYSPACE,
  META_PARTITION_ID,
  sameBytes,
} from './record.js';
import { splitKeysFault } from './split-keys.js';

const ID_BYTES = 16;
const ROLES: ReadonlySet<ReplicaRole> = new Set([
  ReplicaRole.REPLICA_ROLE_VOTER,
  ReplicaRole.REPLICA_ROLE_LEARNER,
]);

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
  // INVARIANT(replica-ids-unique): the id names log, votes and files of a replica: two with one id would
  // overwrite each other's.
  if (!allDifferent(replicas.map((replica) => replica.replicaId))) {
    return 'replica ids repeat or are 0';
  }
  const known = new Set(record.nodes.map((node) => node.nodeId));
  if (replicas.some((replica) => !known.has(replica.nodeId))) return 'a replica has no node';
  return splitFault(record) ?? partitionsFault(record.partitions);
}

function splitFault({ partitions, settings }: GenesisRecord): string | null {
  const keys = settings?.splitAt ?? [];
  const ends = partitions.filter((p) => p.keyspace === DATA_KEYSPACE && p.end.length > 0);
  const same =
    ends.length === keys.length && ends.every((p, at) => sameBytes(p.end, keys[at] ?? p.start));
  return splitKeysFault(keys) ?? (same ? null : 'its partitions are not cut at its split keys');
}

function partitionsFault(partitions: readonly PartitionDescriptor[]): string | null {
  if (!allDifferent(partitions.map((partition) => partition.partitionId))) {
    return 'partition ids repeat or are 0';
  }
  const isMeta = ({ keyspace, partitionId }: PartitionDescriptor): boolean =>
    (keyspace === META_KEYSPACE) === (partitionId === META_PARTITION_ID);
  if (!partitions.every(isMeta) || !partitions.some((p) => p.keyspace === META_KEYSPACE)) {
    return `keyspace ${META_KEYSPACE} is not partition ${META_PARTITION_ID}`;
  }
  if (!partitions.some((p) => p.keyspace === DATA_KEYSPACE)) return 'it has no data partition';
  for (const { partitionId, epoch, replicas } of partitions) {
    const name = `partition ${partitionId}`;
    if (epoch === undefined || epoch.version < 1 || epoch.conf < 1) return `${name} has no epoch`;
    if (!allDifferent(replicas.map((r) => r.nodeId))) return `${name} has two replicas on one node`;
    const roles = new Set(replicas.map(({ role }) => role));
    if (!roles.has(ReplicaRole.REPLICA_ROLE_VOTER)) return `${name} has no voter`;
    if ([...roles].some((role) => !ROLES.has(role))) return `${name} has a replica without a role`;
  }
  return rangesFault(partitions);
}

function allDifferent(values: readonly (number | string)[]): boolean {
  return new Set(values).size === values.length && !values.includes(0);
}
