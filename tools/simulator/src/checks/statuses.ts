import type { ReplicaStatus } from '@dougdb/replica';
import type { SimCluster } from '../cluster.js';

interface Seen {
  readonly member: unknown;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
}

/** What must hold of every replica at every moment, and of two moments of one. */
export class StatusCheck {
  readonly #cluster: SimCluster;
  readonly #last = new Map<string, Seen>();

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
  }

  look(): void {
    for (const { name, member } of this.#cluster.members) {
      for (const status of member?.replicaStatuses() ?? []) this.#check(name, member, status);
    }
  }

  #check(name: string, member: unknown, status: ReplicaStatus): void {
    const { partitionId, term, commitIndex, appliedIndex, lastIndex, state } = status;
    const place = `partition ${partitionId} on ${name}`;
    const { truth } = this.#cluster;
    const isOut = state === 'stopped' || state === 'corrupt';
    if (isOut && !this.#cluster.stopped.has(`${name}/${partitionId}`)) {
      truth.report('stays-in-service', `${place} is ${state}`);
    }
    if (appliedIndex > commitIndex || commitIndex > lastIndex) {
      truth.report('ordering', `${place}: ${appliedIndex} <= ${commitIndex} <= ${lastIndex}`);
    }
    const last = this.#last.get(place);
    // A new process begins with what is durable of it.
    if (last !== undefined && last.member === member) {
      if (term < last.term) {
        truth.report('term-monotonic', `${place}: ${term} after ${last.term}`);
      }
      if (commitIndex < last.commitIndex || appliedIndex < last.appliedIndex) {
        truth.report('commit-monotonic', `${place}: ${commitIndex} after ${last.commitIndex}`);
      }
    }
    this.#last.set(place, { member, term, commitIndex, appliedIndex });
  }
}
