import {
  CompactRequest,
  CompactResponse,
  DougError,
  type NodeDescriptor,
  PartitionListResponse,
  ReplicaRole,
  type RouteHint,
  TransferLeaderRequest,
  TransferLeaderResponse,
} from '@dougdb/rpc-proto';
import { refusalOf, routeOf } from './fake-answers.js';
import type { FakeCluster } from './fake-cluster.js';

/** All partitions, the cluster's own among them. */
export function partitionList(cluster: FakeCluster): Uint8Array {
  return PartitionListResponse.encode({
    partitions: [
      metaRoute(cluster),
      ...cluster.partitions.map((partition) => routeOf(cluster, partition)),
    ],
  }).finish();
}

/**
 * Makes another node lead a partition.
 * @param node - who is asked; undefined: a facade, which asks the leader
 * @throws DougError
 */
export function transferLeader(
  cluster: FakeCluster,
  node: NodeDescriptor | undefined,
  request: Uint8Array,
): Uint8Array {
  const { partitionId, toNodeId } = TransferLeaderRequest.decode(request);
  const { partition, led } = ledBy(cluster, node, partitionId);
  if (toNodeId > cluster.nodes.length) {
    throw new DougError('INVALID_ARGUMENT', `node ${toNodeId} has no vote in this partition`);
  }
  // The furthest follower: the next one.
  const leaderNodeId = toNodeId === 0 ? (led.nodeId % cluster.nodes.length) + 1 : toNodeId;
  partition.leaderNodeId = leaderNodeId;
  return TransferLeaderResponse.encode({ leaderNodeId, term: 2 }).finish();
}

/**
 * Lets history of a partition be forgotten.
 * @param node - who is asked; undefined: a facade, which asks the leader
 * @throws DougError
 */
export function compact(
  cluster: FakeCluster,
  node: NodeDescriptor | undefined,
  request: Uint8Array,
): Uint8Array {
  const { partitionId, revision } = CompactRequest.decode(request);
  const { partition } = ledBy(cluster, node, partitionId);
  if (revision > partition.revision) {
    throw new DougError('FUTURE_REVISION', `revision ${revision} is yet to come`);
  }
  partition.compact(revision);
  return CompactResponse.encode({ historyFloor: partition.historyFloor }).finish();
}

/** A partition and who leads it. @throws DougError: the one who is asked does not */
function ledBy(cluster: FakeCluster, node: NodeDescriptor | undefined, partitionId: number) {
  const partition = cluster.partitions.find(({ id }) => id === partitionId);
  if (partition === undefined) {
    throw new DougError('INVALID_ARGUMENT', `there is no partition ${partitionId}`);
  }
  const led = cluster.nodes[Math.max(0, partition.leaderNodeId - 1)] as NodeDescriptor;
  const refusal = refusalOf(cluster, partition, partition.epochVersion, node ?? led, false);
  if (refusal !== null) throw refusal;
  return { partition, led };
}

/** The cluster's own partition: its range overlaps those of the data, in another keyspace. */
function metaRoute(cluster: FakeCluster): RouteHint {
  return {
    partition: {
      partitionId: 1,
      keyspace: 0,
      start: new Uint8Array(0),
      end: new Uint8Array(0),
      epoch: { version: 1, conf: 1 },
      replicas: cluster.nodes.map(({ nodeId }) => ({
        replicaId: 100 + nodeId,
        nodeId,
        role: ReplicaRole.REPLICA_ROLE_VOTER,
      })),
    },
    leaderNodeId: 1,
    nodes: [...cluster.nodes],
    logTime: cluster.logTime,
  };
}
