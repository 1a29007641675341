import type { ReadMark, Replica } from '@dougdb/replica';
import {
  Consistency,
  DougError,
  type RequestContext,
  type ResponseHeader,
  type RouteHint,
} from '@dougdb/rpc-proto';
import { hex, META_PARTITION_ID, sameBytes } from '../genesis/record.js';
import type { Membership } from '../membership.js';
import type { ClusterMap } from '../meta/cluster-map.js';
import type { Store } from '../store/store.js';

/** What handlers see of a node that belongs to a cluster. */
export class ClusterView {
  readonly self: Membership;
  readonly store: Store;
  readonly map: ClusterMap;

  constructor(self: Membership, store: Store, map: ClusterMap) {
    this.self = self;
    this.store = store;
    this.map = map;
  }

  /** @throws DougError CLUSTER_MISMATCH; an empty id is not checked */
  checkCluster(clusterId: Uint8Array): void {
    if (clusterId.length === 0 || sameBytes(clusterId, this.self.clusterId)) return;
    throw new DougError(
      'CLUSTER_MISMATCH',
      `this node belongs to cluster ${hex(this.self.clusterId)}, not to ${hex(clusterId)}`,
    );
  }

  /**
   * The replica that a request is meant for.
   * @throws DougError CLUSTER_MISMATCH; EPOCH_MISMATCH when this node has no replica of that partition
   */
  replicaFor(context: RequestContext | undefined, key: Uint8Array): Replica {
    if (context !== undefined) this.checkCluster(context.clusterId);
    return this.partition(context?.partitionId ?? 0, key);
  }

  /**
   * The replica that a walk from an end downwards is meant for.
   * @throws DougError as replicaFor
   */
  replicaBelow(context: RequestContext | undefined, end: Uint8Array): Replica {
    const isNamed = context !== undefined && context.partitionId !== 0;
    const below = isNamed ? undefined : this.store.belowKey(end);
    if (below === undefined) return this.replicaFor(context, end);
    if (context !== undefined) this.checkCluster(context.clusterId);
    return below;
  }

  /**
   * The replica of a partition of users' data; 0: of the one that holds the key.
   * @throws DougError EPOCH_MISMATCH; INVALID_ARGUMENT for the meta group, which is the cluster's own
   */
  partition(partitionId: number, key: Uint8Array): Replica {
    if (partitionId === META_PARTITION_ID) {
      throw new DougError('INVALID_ARGUMENT', `partition ${partitionId} is the cluster's own`);
    }
    const { store, map } = this;
    const replica = partitionId === 0 ? store.byKey(key) : store.byPartition(partitionId);
    if (replica !== undefined) return replica;
    const holder = map.lookup(key);
    throw noReplica(partitionId, holder && map.route(holder));
  }

  /** The replica of a partition, whatever it holds. @throws DougError EPOCH_MISMATCH */
  anyPartition(partitionId: number): Replica {
    const replica = this.store.byPartition(partitionId);
    if (replica !== undefined) return replica;
    const known = this.map.byId(partitionId);
    throw noReplica(partitionId, known && this.map.route(known));
  }

  /** Where to go instead, with the addresses of the partition's nodes. */
  hint(replica: Replica): RouteHint {
    return this.completeHint(replica.routeHint());
  }

  /** The same error with addresses in its route hint. */
  complete(error: DougError): DougError {
    if (error.route === undefined || error.route.nodes.length > 0) return error;
    const { outcome, retryAfterMs, cause } = error;
    const route = this.completeHint(error.route);
    return new DougError(error.reason, error.message, { outcome, retryAfterMs, cause, route });
  }

  completeHint(hint: RouteHint): RouteHint {
    const members = new Set(hint.partition?.replicas.map((replica) => replica.nodeId));
    const nodes = this.map.nodes().filter((node) => members.size === 0 || members.has(node.nodeId));
    return { ...hint, nodes };
  }

  /** Facts about the partition that serves an answer, as of now. */
  header(replica: Replica, { served, ageMs }: ReadMark): ResponseHeader {
    const facts = replica.header();
    const isEventual = served === Consistency.CONSISTENCY_EVENTUAL;
    return {
      clusterId: this.self.clusterId,
      nodeId: this.self.node.nodeId,
      partitionId: facts.partitionId,
      revision: facts.revision,
      term: facts.term,
      appliedIndex: facts.appliedIndex,
      logTime: facts.logTime,
      served,
      ageMs: Math.ceil(isEventual ? facts.ageMs : ageMs),
    };
  }
}

function noReplica(partitionId: number, route: RouteHint | undefined): DougError {
  const message = `this node holds no replica of partition ${partitionId}`;
  return new DougError('EPOCH_MISMATCH', message, { route });
}
