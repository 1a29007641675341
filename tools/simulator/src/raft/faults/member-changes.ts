import {
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  isJoint,
  LEAVE_JOINT,
  type ReplicaId,
} from '@dougdb/raft-core';
import type { Action } from '../plan/actions.js';
import { MAX_MEMBERS, type RaftGroup } from '../raft-group.js';

const { AddNode, AddLearnerNode, RemoveNode } = ConfChangeType;
const transitions = Object.values(ConfChangeTransition);

/** An operator changes the members; the leader may refuse. */
export function changeMembers(group: RaftGroup, action: Action): void {
  const { leader } = group;
  if (leader === null) return;
  const { conf } = leader;
  // Of what one has lost another one may hold the last copy.
  if (group.plan.config.repair && group.processes.some((p) => !p.isDestroyed && p.isImpaired))
    return;
  if (isJoint(conf)) {
    if (action.kind === 'leave-joint' || action.draws[3] < 0.3) leaveJoint(group);
    return;
  }
  const changes = changesOf(group, action);
  if (changes.length === 0) return;
  const isGoing = changes.filter(({ type }) => type !== AddNode).map(({ id }) => id);
  const left = conf.voters.filter((id) => !isGoing.includes(id)).length;
  if (left < 2) return;
  const transition = transitions[Math.floor(action.draws[3] * transitions.length)];
  if (transition === undefined) return;
  if (!leader.requests.proposeChange({ changes, transition })) return;
  group.trace.note(group.nowUs, 'change', leader.id, leader.term, JSON.stringify(changes));
}

export function leaveJoint({ leader }: RaftGroup): void {
  leader?.requests.proposeChange(LEAVE_JOINT);
}

function changesOf(group: RaftGroup, { kind, draws }: Action): ConfChangeSingle[] {
  const { leader } = group;
  if (leader === null) return [];
  const { voters, learners } = leader.conf;
  const hasRoom = voters.length + learners.length < MAX_MEMBERS;
  const one = (type: ConfChangeType, id: ReplicaId | undefined): ConfChangeSingle[] =>
    id === undefined ? [] : [{ type, id }];
  const pickFrom = (ids: readonly ReplicaId[], draw: number): ReplicaId | undefined =>
    ids[Math.floor(draw * ids.length)];
  switch (kind) {
    case 'add-learner':
      return hasRoom ? one(AddLearnerNode, group.newcomer()?.id) : [];
    case 'add-voter':
      return hasRoom ? one(AddNode, group.newcomer()?.id) : [];
    case 'promote':
      return one(AddNode, pickFrom(learners, draws[0]));
    case 'demote':
      return one(AddLearnerNode, pickFrom(voters, draws[0]));
    case 'remove':
      return one(RemoveNode, pickFrom([...voters, ...learners], draws[0]));
    case 'remove-leader':
      return one(RemoveNode, leader.id);
    case 'replace': {
      const come = one(AddNode, group.newcomer()?.id);
      return come.length === 0 ? [] : [...come, ...one(RemoveNode, pickFrom(voters, draws[0]))];
    }
    case 'any-change': {
      const come = hasRoom
        ? one(draws[1] < 0.5 ? AddNode : AddLearnerNode, group.newcomer()?.id)
        : [];
      const turn = one(draws[2] < 0.5 ? AddLearnerNode : RemoveNode, pickFrom(voters, draws[0]));
      const rise = one(AddNode, pickFrom(learners, draws[1]));
      return [...come, ...turn, ...rise].slice(0, 1 + Math.floor(draws[2] * 3));
    }
    default:
      return [];
  }
}
