import type { ConfState, ReplicaId } from '@dougdb/raft-core';

/** A configuration of the first `count` replicas. */
export function confOf(count: number): ConfState {
  const voters = Array.from({ length: count }, (_, i) => i + 1);
  return { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
}

/** Whether a replica is a voter of either half, or a learner. */
export function isMemberOf(conf: ConfState, id: ReplicaId): boolean {
  return [conf.voters, conf.votersOutgoing, conf.learners, conf.learnersNext].some((ids) =>
    ids.includes(id),
  );
}
