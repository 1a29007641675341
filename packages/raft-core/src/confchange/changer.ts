import type { ReplicaId } from '../ids.js';
import type { ConfState } from '../storage.js';
import {
  type ConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  entersJoint,
  leavesJoint,
} from './conf-change.js';

/** What a change makes of a configuration. */
export type ConfChanged =
  | {
      readonly conf: ConfState;
      /** Members that are new, or left and came back within the change: nothing is known of their logs. */
      readonly fresh: ReadonlySet<ReplicaId>;
    }
  | { readonly refused: string };

/**
 * The configuration after `change` (dissertation 4.3; etcd confchange/confchange.go). A pure function
 * of its arguments, so all replicas come to the same configuration, or refuse alike.
 */
export function changeConf(conf: ConfState, change: ConfChange): ConfChanged {
  if (leavesJoint(change)) return leaveJoint(conf);
  if (!entersJoint(change)) return simpleChange(conf, change.changes);
  return enterJoint(conf, change.changes, {
    autoLeave: change.transition !== ConfChangeTransition.JointExplicit,
  });
}

/** Changes at most one voter, so that any two quorums of before and after share a member. */
export function simpleChange(conf: ConfState, changes: readonly ConfChangeSingle[]): ConfChanged {
  if (isJoint(conf)) return { refused: "can't apply simple config change in joint config" };
  const draft = new Draft(conf);
  const refused = draft.apply(changes);
  if (refused !== null) return { refused };
  if (symmetricDifference(new Set(conf.voters), draft.voters) > 1) {
    return { refused: 'more than one voter changed without entering joint config' };
  }
  return draft.result();
}

/** The voters of before become the outgoing half; `changes` make the incoming one. */
export function enterJoint(
  conf: ConfState,
  changes: readonly ConfChangeSingle[],
  { autoLeave }: { readonly autoLeave: boolean },
): ConfChanged {
  if (isJoint(conf)) return { refused: 'config is already joint' };
  if (conf.voters.length === 0) return { refused: "can't make a zero-voter config joint" };
  const draft = new Draft({ ...conf, votersOutgoing: conf.voters });
  const refused = draft.apply(changes);
  if (refused !== null) return { refused };
  draft.autoLeave = autoLeave;
  return draft.result();
}

export function leaveJoint(conf: ConfState): ConfChanged {
  if (!isJoint(conf)) return { refused: "can't leave a non-joint config" };
  const draft = new Draft({ ...conf, votersOutgoing: [], autoLeave: false });
  // A voter of the outgoing half may only now become what it was demoted to.
  for (const id of draft.learnersNext) draft.learners.add(id);
  draft.learnersNext.clear();
  return draft.result();
}

export function isJoint(conf: ConfState): boolean {
  return conf.votersOutgoing.length > 0;
}

/** What is wrong with a configuration, or null. */
export function confProblem(conf: ConfState): string | null {
  const voters = new Set(conf.voters);
  const outgoing = new Set(conf.votersOutgoing);
  for (const id of conf.learners) {
    if (voters.has(id) || outgoing.has(id)) return `${id} is a learner and a voter`;
  }
  for (const id of conf.learnersNext) {
    if (!outgoing.has(id)) return `${id} is in learnersNext and not an outgoing voter`;
    if (voters.has(id)) return `${id} is in learnersNext and an incoming voter`;
  }
  if (isJoint(conf)) return null;
  if (conf.learnersNext.length > 0) return 'learnersNext without a joint configuration';
  return conf.autoLeave ? 'autoLeave without a joint configuration' : null;
}

/** A configuration being changed. */
class Draft {
  readonly voters: Set<ReplicaId>;
  readonly learners: Set<ReplicaId>;
  readonly learnersNext: Set<ReplicaId>;
  readonly #outgoing: Set<ReplicaId>;
  readonly #fresh = new Set<ReplicaId>();
  autoLeave: boolean;

  constructor(conf: ConfState) {
    this.voters = new Set(conf.voters);
    this.learners = new Set(conf.learners);
    this.learnersNext = new Set(conf.learnersNext);
    this.#outgoing = new Set(conf.votersOutgoing);
    this.autoLeave = conf.autoLeave;
  }

  apply(changes: readonly ConfChangeSingle[]): string | null {
    for (const { type, id } of changes) {
      if (id === 0) continue;
      switch (type) {
        case ConfChangeType.AddNode:
          this.#makeVoter(id);
          break;
        case ConfChangeType.AddLearnerNode:
          this.#makeLearner(id);
          break;
        case ConfChangeType.RemoveNode:
          this.#remove(id);
          break;
        case ConfChangeType.UpdateNode:
          break;
        default:
          return `unexpected conf type ${String(type satisfies never)}`;
      }
    }
    return this.voters.size === 0 ? 'removed all voters' : null;
  }

  result(): ConfChanged {
    const conf: ConfState = {
      voters: ascending(this.voters),
      learners: ascending(this.learners),
      votersOutgoing: ascending(this.#outgoing),
      learnersNext: ascending(this.learnersNext),
      autoLeave: this.autoLeave,
    };
    return { conf, fresh: new Set([...this.#fresh].filter((id) => this.#isMember(id))) };
  }

  #isMember(id: ReplicaId): boolean {
    return this.voters.has(id) || this.learners.has(id) || this.#outgoing.has(id);
  }

  #makeVoter(id: ReplicaId): void {
    if (!this.#isMember(id)) this.#fresh.add(id);
    this.learners.delete(id);
    this.learnersNext.delete(id);
    this.voters.add(id);
  }

  #makeLearner(id: ReplicaId): void {
    if (!this.#isMember(id)) this.#fresh.add(id);
    this.voters.delete(id);
    // A voter of the outgoing half still counts there. Nobody may be voter and learner at a time, so
    // its demotion waits until the joint configuration is left.
    if (this.#outgoing.has(id)) this.learnersNext.add(id);
    else this.learners.add(id);
  }

  #remove(id: ReplicaId): void {
    this.voters.delete(id);
    this.learners.delete(id);
    this.learnersNext.delete(id);
  }
}

function ascending(ids: ReadonlySet<ReplicaId>): readonly ReplicaId[] {
  return [...ids].sort((a, b) => a - b);
}

function symmetricDifference(a: ReadonlySet<ReplicaId>, b: ReadonlySet<ReplicaId>): number {
  let count = 0;
  for (const id of a) if (!b.has(id)) count++;
  for (const id of b) if (!a.has(id)) count++;
  return count;
}
