import type { LogIndex, ReplicaId } from '../ids.js';

/** etcd's names (tracker.StateType). */
export const ProgressState = { StateProbe: 0, StateReplicate: 1, StateSnapshot: 2 } as const;
export type ProgressState = (typeof ProgressState)[keyof typeof ProgressState];

/** What the leader knows of one replica's log (etcd tracker/progress.go). */
export class Progress {
  readonly id: ReplicaId;
  readonly isLearner: boolean;
  match: LogIndex = 0;
  next: LogIndex = 1;
  state: ProgressState = ProgressState.StateProbe;

  constructor(id: ReplicaId, isLearner: boolean) {
    this.id = id;
    this.isLearner = isLearner;
  }
}
