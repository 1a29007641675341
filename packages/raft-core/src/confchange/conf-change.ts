import type { ReplicaId } from '../ids.js';

/** etcd's names and numbers (raftpb.ConfChangeType). */
export const ConfChangeType = {
  AddNode: 0,
  RemoveNode: 1,
  UpdateNode: 2,
  AddLearnerNode: 3,
} as const;
export type ConfChangeType = (typeof ConfChangeType)[keyof typeof ConfChangeType];

/**
 * etcd's names and numbers (raftpb.ConfChangeTransition): how a joint configuration is left.
 *
 * - Auto: by itself; a change that is safe in one step does without a joint configuration.
 * - JointImplicit: always joint, left by itself.
 * - JointExplicit: always joint, left by a change of its own ({@link LEAVE_JOINT}).
 */
export const ConfChangeTransition = { Auto: 0, JointImplicit: 1, JointExplicit: 2 } as const;
export type ConfChangeTransition = (typeof ConfChangeTransition)[keyof typeof ConfChangeTransition];

export interface ConfChangeSingle {
  readonly type: ConfChangeType;
  /** 0: nothing is changed; a host puts it here to void a part of a committed change. */
  readonly id: ReplicaId;
}

/** A change of the configuration (etcd raftpb.ConfChangeV2). Without changes it leaves a joint one. */
export interface ConfChange {
  readonly transition: ConfChangeTransition;
  readonly changes: readonly ConfChangeSingle[];
}

/** Leaves a joint configuration: the incoming half stands alone. */
export const LEAVE_JOINT: ConfChange = Object.freeze({
  transition: ConfChangeTransition.Auto,
  changes: Object.freeze([]),
});

export function leavesJoint(change: ConfChange): boolean {
  return change.transition === ConfChangeTransition.Auto && change.changes.length === 0;
}

/** Whether a change goes by a joint configuration. */
export function entersJoint(change: ConfChange): boolean {
  return change.transition !== ConfChangeTransition.Auto || change.changes.length > 1;
}
