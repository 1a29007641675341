import {
  DougError,
  decodeRequest,
  MemberListRequest,
  MemberListResponse,
  PartitionListRequest,
  PartitionListResponse,
  StatusRequest,
  StatusResponse,
} from '@dougdb/rpc-proto';
import type { ClusterView } from './cluster-view.js';
import { clientLimits, type NodeFacts } from './describe.js';

/** dougdb.admin.v1.Admin/Status. Answered by a node without a cluster as well. @throws DougError */
export function handleStatus(
  view: ClusterView | null,
  facts: NodeFacts,
  request: Uint8Array,
): Uint8Array {
  const { nodeId: meant } = decodeRequest(StatusRequest, request);
  const nodeId = view?.self.node.nodeId ?? 0;
  if (meant !== 0 && meant !== nodeId) {
    throw new DougError('INVALID_ARGUMENT', `this is node ${nodeId}, not ${meant}`);
  }
  return StatusResponse.encode({
    clusterId: view?.self.clusterId ?? new Uint8Array(0),
    node: { nodeId, uuid: facts.uuid, address: facts.advertise },
    version: facts.version,
    uptimeMs: Math.floor(facts.uptimeMs()),
    replicas: (view?.store.statuses() ?? []).map((status) => ({
      partitionId: status.partitionId,
      replicaId: status.replicaId,
      role: status.role,
      leaderReplicaId: status.leaderReplicaId,
      leaderNodeId: status.leaderNodeId,
      term: status.term,
      commitIndex: status.commitIndex,
      appliedIndex: status.appliedIndex,
      firstIndex: status.firstIndex,
      lastIndex: status.lastIndex,
      revision: status.revision,
      state: status.state,
      historyFloor: status.historyFloor,
      sessions: status.sessions,
    })),
    limits: clientLimits(),
  }).finish();
}

/** dougdb.admin.v1.Admin/MemberList. */
export function handleMemberList(view: ClusterView, request: Uint8Array): Uint8Array {
  decodeRequest(MemberListRequest, request);
  return MemberListResponse.encode({ nodes: view.map.nodes() }).finish();
}

/** dougdb.admin.v1.Admin/PartitionList: by keyspace and range, the meta group first. */
export function handlePartitionList(view: ClusterView, request: Uint8Array): Uint8Array {
  decodeRequest(PartitionListRequest, request);
  const { map } = view;
  const partitions = map.partitions.map((partition) => map.route(partition));
  return PartitionListResponse.encode({ partitions }).finish();
}
