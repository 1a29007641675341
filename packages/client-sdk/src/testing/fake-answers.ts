import {
  Consistency,
  DescribeResponse,
  DougError,
  EndpointKind,
  limits,
  MemberListResponse,
  type NodeDescriptor,
  ReplicaRole,
  type ResponseHeader,
  type RouteHint,
  StatusRequest,
  StatusResponse,
} from '@dougdb/rpc-proto';
import { compact, partitionList, transferLeader } from './fake-admin.js';
import type { FakeCluster } from './fake-cluster.js';
import type { FakePartition } from './fake-partition.js';

/** What an endpoint answers to a call with one answer. @throws DougError */
export function answerUnary(
  cluster: FakeCluster,
  address: string,
  path: string,
  request: Uint8Array,
): Uint8Array {
  const { keyBytes, valueBytes, requestBytes } = limits;
  const table = { keyBytes, valueBytes, requestBytes };
  const isFacade = cluster.isFacade(address);
  const node = cluster.nodeAt(address);
  switch (path) {
    case '/dougdb.v1.Routes/Describe':
      return DescribeResponse.encode({
        clusterId: cluster.clusterId,
        kind: isFacade ? EndpointKind.ENDPOINT_KIND_FACADE : EndpointKind.ENDPOINT_KIND_NODE,
        nodeId: node?.nodeId ?? 0,
        nodes: [...cluster.nodes],
        partitions: cluster.partitions.map((partition) => routeOf(cluster, partition)),
        limits: table,
        version: '0.0.0-fake',
      }).finish();
    case '/dougdb.admin.v1.Admin/PartitionList':
      return partitionList(cluster);
    case '/dougdb.admin.v1.Admin/TransferLeader':
      return transferLeader(cluster, node, request);
    case '/dougdb.admin.v1.Admin/Compact':
      return compact(cluster, node, request);
    case '/dougdb.admin.v1.Admin/MemberList':
      return MemberListResponse.encode({ nodes: [...cluster.nodes] }).finish();
    default: {
      const { nodeId } = StatusRequest.decode(request);
      return statusOf(cluster, node ?? cluster.nodes[Math.max(0, nodeId - 1)], table);
    }
  }
}

function statusOf(
  cluster: FakeCluster,
  node: NodeDescriptor | undefined,
  table: { keyBytes: number; valueBytes: number; requestBytes: number },
): Uint8Array {
  return StatusResponse.encode({
    clusterId: cluster.clusterId,
    node,
    version: '0.0.0-fake',
    uptimeMs: 1000,
    limits: table,
    replicas: cluster.partitions.map(({ id, leaderNodeId, revision, historyFloor }) => ({
      partitionId: id,
      replicaId: id * 100 + (node?.nodeId ?? 0),
      role: leaderNodeId === node?.nodeId ? 'leader' : 'follower',
      leaderReplicaId: leaderNodeId === 0 ? 0 : id * 100 + leaderNodeId,
      leaderNodeId,
      term: 1,
      commitIndex: revision,
      appliedIndex: revision,
      firstIndex: 1,
      lastIndex: revision,
      revision,
      state: 'serving',
      historyFloor,
      sessions: 0,
    })),
  }).finish();
}

/** Why a node does not serve a partition; null: it does. */
export function refusalOf(
  cluster: FakeCluster,
  partition: FakePartition | undefined,
  epochVersion: number,
  node: NodeDescriptor,
  anyReplica: boolean,
): DougError | null {
  if (partition === undefined) return new DougError('EPOCH_MISMATCH', 'no such partition');
  const route = routeOf(cluster, partition);
  if (epochVersion !== partition.epochVersion) {
    return new DougError('EPOCH_MISMATCH', 'another epoch', { route });
  }
  if (anyReplica || partition.leaderNodeId === node.nodeId) return null;
  return partition.leaderNodeId === 0
    ? new DougError('NO_LEADER', 'no leader', { route })
    : new DougError('NOT_LEADER', `node ${partition.leaderNodeId} leads`, { route });
}

/** What nodes say about a partition. */
export function routeOf(cluster: FakeCluster, partition: FakePartition): RouteHint {
  return {
    partition: {
      partitionId: partition.id,
      keyspace: 1,
      start: partition.start,
      end: partition.end,
      epoch: { version: partition.epochVersion, conf: 1 },
      replicas: cluster.nodes.map(({ nodeId }) => ({
        replicaId: partition.id * 100 + nodeId,
        nodeId,
        role: ReplicaRole.REPLICA_ROLE_VOTER,
      })),
    },
    leaderNodeId: partition.leaderNodeId,
    nodes: [...cluster.nodes],
    logTime: cluster.logTime,
  };
}

/** The header of answers of a partition. */
export function headerOf(
  cluster: FakeCluster,
  partition: FakePartition,
  nodeId: number,
  served: Consistency,
): ResponseHeader {
  return {
    clusterId: cluster.clusterId,
    nodeId,
    partitionId: partition.id,
    revision: partition.revision,
    term: 1,
    appliedIndex: partition.revision,
    logTime: cluster.logTime,
    served,
    ageMs: served === Consistency.CONSISTENCY_EVENTUAL ? 12 : 0,
  };
}
