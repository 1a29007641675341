import type { Clock } from '@dougdb/ports';
import type { Replica } from '@dougdb/replica';
import { ReplicaRole } from '@dougdb/rpc-proto';
import { preferredReplica } from '../genesis/record.js';

/** Then the ordinary elections have had time enough. */
const GIVE_UP_MS = 5_000;

export interface FirstLeadersOptions {
  readonly ownNodeId: number;
  readonly replicas: readonly Replica[];
  readonly clock: Clock;
  /** Whether messages to the node leave at once. */
  readonly isConnected: (nodeId: number) => boolean;
}

/**
 * In the start in which genesis made the cluster: the replica that each partition prefers campaigns as
 * soon as a quorum can be reached, instead of waiting for its election timeout. So the first leaders are
 * spread. Replicas without a past may do that (S9); never to be used in a later start.
 */
export class FirstLeaders {
  readonly #options: FirstLeadersOptions;
  readonly #giveUpMs: number;
  #waiting: Replica[];

  constructor(options: FirstLeadersOptions) {
    this.#options = options;
    this.#giveUpMs = options.clock.monotonicMs() + GIVE_UP_MS;
    this.#waiting = options.replicas.filter(
      ({ descriptor, replicaId }) => preferredReplica(descriptor) === replicaId,
    );
  }

  /** Called each tick. */
  tick(): void {
    if (this.#waiting.length === 0) return;
    if (this.#options.clock.monotonicMs() >= this.#giveUpMs) this.#waiting = [];
    this.#waiting = this.#waiting.filter((replica) => {
      if (replica.leaderNodeId !== 0 || replica.isLeader) return false;
      if (!this.#reachesQuorum(replica)) return true;
      replica.campaign();
      return false;
    });
  }

  #reachesQuorum({ descriptor }: Replica): boolean {
    const { ownNodeId, isConnected } = this.#options;
    const voters = descriptor.replicas.filter((r) => r.role === ReplicaRole.REPLICA_ROLE_VOTER);
    const reached = voters.filter(({ nodeId }) => nodeId === ownNodeId || isConnected(nodeId));
    return reached.length > voters.length / 2;
  }
}
