import type { Replica } from '@dougdb/replica';
import {
  Consistency,
  DougError,
  type NodeDescriptor,
  type RequestContext,
  type ResponseHeader,
  type RouteHint,
} from '@dougdb/rpc-proto';
import { hex, sameBytes } from '../genesis/record.js';
import type { Membership } from '../membership.js';
import type { AddressBook } from '../peers/address-book.js';
import type { Store } from '../store/store.js';

/** What handlers see of a node that belongs to a cluster. */
export class ClusterView {
  readonly self: Membership;
  readonly store: Store;
  readonly #book: AddressBook;

  constructor(self: Membership, store: Store, book: AddressBook) {
    this.self = self;
    this.store = store;
    this.#book = book;
  }

  nodes(): NodeDescriptor[] {
    return this.#book.nodes();
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

  /** The replica of a partition; 0: of the one that holds the key. @throws DougError EPOCH_MISMATCH */
  partition(partitionId: number, key: Uint8Array): Replica {
    const { store } = this;
    const replica = partitionId === 0 ? store.byKey(key) : store.byPartition(partitionId);
    if (replica !== undefined) return replica;
    const other = store.byKey(key);
    throw new DougError(
      'EPOCH_MISMATCH',
      `this node holds no replica of partition ${partitionId}`,
      {
        route: other === undefined ? undefined : this.hint(other),
      },
    );
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
    const nodes = this.nodes().filter((node) => members.size === 0 || members.has(node.nodeId));
    return { ...hint, nodes };
  }

  /** Facts about the partition that serves an answer, as of now. */
  header(replica: Replica, served: Consistency): ResponseHeader {
    const facts = replica.header();
    return {
      clusterId: this.self.clusterId,
      nodeId: this.self.node.nodeId,
      partitionId: facts.partitionId,
      revision: facts.revision,
      term: facts.term,
      appliedIndex: facts.appliedIndex,
      logTime: facts.logTime,
      served,
      ageMs: served === Consistency.CONSISTENCY_EVENTUAL ? Math.ceil(facts.ageMs) : 0,
    };
  }
}
