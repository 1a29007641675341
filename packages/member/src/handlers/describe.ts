import {
  DescribeRequest,
  DescribeResponse,
  decodeRequest,
  EndpointKind,
  type Limits,
  limits,
  MemberListRequest,
  MemberListResponse,
  StatusRequest,
  StatusResponse,
} from '@dougdb/rpc-proto';
import type { ClusterView } from './cluster-view.js';

/** Facts about this process. */
export interface NodeFacts {
  readonly version: string;
  readonly uuid: Uint8Array;
  readonly advertise: string;
  readonly uptimeMs: () => number;
}

/** dougdb.v1.Routes/Describe: what this node knows by itself. */
export function handleDescribe(
  view: ClusterView,
  facts: NodeFacts,
  request: Uint8Array,
): Uint8Array {
  decodeRequest(DescribeRequest, request);
  return DescribeResponse.encode({
    clusterId: view.self.clusterId,
    kind: EndpointKind.ENDPOINT_KIND_NODE,
    nodeId: view.self.node.nodeId,
    nodes: view.nodes(),
    partitions: view.store.replicas().map((replica) => view.hint(replica)),
    limits: clientLimits(),
    version: facts.version,
  }).finish();
}

/** dougdb.admin.v1.Admin/Status. Answered by a node without a cluster as well. */
export function handleStatus(
  view: ClusterView | null,
  facts: NodeFacts,
  request: Uint8Array,
): Uint8Array {
  decodeRequest(StatusRequest, request);
  const nodeId = view?.self.node.nodeId ?? 0;
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
      sessions: status.sessions,
    })),
    limits: clientLimits(),
  }).finish();
}

/** dougdb.admin.v1.Admin/MemberList. */
export function handleMemberList(view: ClusterView, request: Uint8Array): Uint8Array {
  decodeRequest(MemberListRequest, request);
  return MemberListResponse.encode({ nodes: view.nodes() }).finish();
}

function clientLimits(): Limits {
  const { keyBytes, valueBytes, requestBytes } = limits;
  return { keyBytes, valueBytes, requestBytes };
}
