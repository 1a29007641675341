import {
  DougError,
  type NodeDescriptor,
  ReplicaRole,
  type RouteHint,
  type StatusResponse,
} from '@dougdb/rpc-proto';

/** A node of the cluster. */
export interface Member {
  readonly nodeId: number;
  /** Made at its first start; 32 hex digits. */
  readonly uuid: string;
  /** HOST:PORT. */
  readonly address: string;
}

/** What a node says of one of its replicas. */
export interface ReplicaStatus {
  readonly partitionId: number;
  readonly replicaId: number;
  readonly role: string;
  /** 0: unknown. */
  readonly leaderNodeId: number;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly revision: number;
  readonly state: string;
  readonly sessions: number;
  /** The oldest revision that can still be read. */
  readonly historyFloor: number;
}

/** What a node says of itself. */
export interface NodeStatus {
  /** 32 hex digits. */
  readonly clusterId: string;
  readonly node: Member;
  readonly version: string;
  readonly uptimeMs: number;
  readonly replicas: readonly ReplicaStatus[];
  /** In bytes. */
  readonly limits: { readonly key: number; readonly value: number; readonly request: number };
}

/** A replica of a partition, as its descriptor has it. */
export interface PartitionReplica {
  readonly replicaId: number;
  readonly nodeId: number;
  /** A learner has the data and no vote. */
  readonly role: 'voter' | 'learner' | 'unknown';
}

/** A key range and the replicas that hold it, as the node that answered knows them. */
export interface PartitionInfo {
  readonly partitionId: number;
  /** 0: the cluster's own; 1: data. */
  readonly keyspace: number;
  /** Inclusive; empty: from the first key. */
  readonly start: Uint8Array;
  /** Exclusive; empty: to the last key. */
  readonly end: Uint8Array;
  /** `version` grows with each split, `conf` with each change of members. */
  readonly epoch: { readonly version: number; readonly conf: number };
  /** 0: unknown. */
  readonly leaderNodeId: number;
  readonly replicas: readonly PartitionReplica[];
}

/** Decodes what a node sent. @throws DougError INTERNAL for garbage */
export function decodeAnswer<T>(decoder: { decode(bytes: Uint8Array): T }, bytes: Uint8Array): T {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new DougError('INTERNAL', 'a node sent garbage', { outcome: 'NOT_APPLIED', cause });
  }
}

export function toMember(node: NodeDescriptor | undefined): Member {
  return {
    nodeId: node?.nodeId ?? 0,
    uuid: hex(node?.uuid),
    address: node?.address ?? '',
  };
}

export function toStatus(status: StatusResponse): NodeStatus {
  return {
    clusterId: hex(status.clusterId),
    node: toMember(status.node),
    version: status.version,
    uptimeMs: status.uptimeMs,
    replicas: status.replicas.map((replica) => ({
      partitionId: replica.partitionId,
      replicaId: replica.replicaId,
      role: replica.role,
      leaderNodeId: replica.leaderNodeId,
      term: replica.term,
      commitIndex: replica.commitIndex,
      appliedIndex: replica.appliedIndex,
      firstIndex: replica.firstIndex,
      lastIndex: replica.lastIndex,
      revision: replica.revision,
      state: replica.state,
      sessions: replica.sessions,
      historyFloor: replica.historyFloor,
    })),
    limits: {
      key: status.limits?.keyBytes ?? 0,
      value: status.limits?.valueBytes ?? 0,
      request: status.limits?.requestBytes ?? 0,
    },
  };
}

/** @returns null for a hint that describes no partition */
export function toPartition(hint: RouteHint): PartitionInfo | null {
  const { partition, leaderNodeId } = hint;
  if (partition === undefined || partition.partitionId === 0) return null;
  return {
    partitionId: partition.partitionId,
    keyspace: partition.keyspace,
    // Copies: these outlive the message they came in.
    start: new Uint8Array(partition.start),
    end: new Uint8Array(partition.end),
    epoch: { version: partition.epoch?.version ?? 0, conf: partition.epoch?.conf ?? 0 },
    leaderNodeId,
    replicas: partition.replicas.map(({ replicaId, nodeId, role }) => ({
      replicaId,
      nodeId,
      role: roleName(role),
    })),
  };
}

function roleName(role: ReplicaRole): PartitionReplica['role'] {
  if (role === ReplicaRole.REPLICA_ROLE_VOTER) return 'voter';
  return role === ReplicaRole.REPLICA_ROLE_LEARNER ? 'learner' : 'unknown';
}

function hex(bytes: Uint8Array | undefined): string {
  return Array.from(bytes ?? [], (byte) => byte.toString(16).padStart(2, '0')).join('');
}
