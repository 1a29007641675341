import type { Clock } from '@dougdb/ports';
import type { Replica } from '@dougdb/replica';
import { ReplicaRole } from '@dougdb/rpc-proto';
import { preferredReplica } from '../genesis/record.js';

/** So long a partition waits for the leader that it prefers; then the ordinary elections begin. */
const PATIENCE_MS = 2_000;

export interface FirstLeadersOptions {
  readonly ownNodeId: number;
  readonly clock: Clock;
  /** Whether messages to the node leave at once. */
  readonly isConnected: (nodeId: number) => boolean;
}

/**
 * Spreads the leaders in the start in which genesis made the cluster. The replica that a partition
 * prefers campaigns as soon as it reaches a quorum, without an election timeout: a replica without a past
 * may do that (S9; never to be used in a later start). The others let their clocks stand for a while:
 * members open at different moments, and whoever came first would win everything.
 */
export class FirstLeaders {
  readonly #options: FirstLeadersOptions;
  readonly #untilMs: number;
  /** Replicas that have campaigned, or know a leader. */
  readonly #settled = new Set<Replica>();

  constructor(options: FirstLeadersOptions) {
    this.#options = options;
    this.#untilMs = options.clock.monotonicMs() + PATIENCE_MS;
  }

  /** Called each tick for each replica. @returns whether time stands still for it */
  holds(replica: Replica): boolean {
    if (this.#settled.has(replica)) return false;
    const isOver = this.#options.clock.monotonicMs() >= this.#untilMs;
    if (replica.leaderNodeId === 0 && !replica.isLeader && !isOver) {
      const isOurs = preferredReplica(replica.descriptor) === replica.replicaId;
      if (!isOurs || !this.#reachesQuorum(replica)) return true;
      // An only voter has begun by itself.
      if (replica.status().role === 'follower') replica.campaign();
    }
    this.#settled.add(replica);
    return false;
  }

  #reachesQuorum({ descriptor }: Replica): boolean {
    const { ownNodeId, isConnected } = this.#options;
    const voters = descriptor.replicas.filter((r) => r.role === ReplicaRole.REPLICA_ROLE_VOTER);
    const reached = voters.filter(({ nodeId }) => nodeId === ownNodeId || isConnected(nodeId));
    return reached.length > voters.length / 2;
  }
}
