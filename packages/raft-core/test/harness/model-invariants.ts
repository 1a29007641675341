import { type ConfState, type Entry, type ReplicaId, StateType } from '../../src/index.js';
import { Violation } from './oracle.js';

/** What the invariants see of one replica. */
export interface ReplicaView {
  readonly id: ReplicaId;
  readonly term: number;
  readonly role: StateType;
  readonly commit: number;
  readonly conf: ConfState;
  /** The log as the process believes it to be; index 1 stands at 0. */
  readonly log: readonly Entry[];
  /** The log as it is on its disk. */
  readonly disk: readonly Entry[];
}

/**
 * The eight invariants that etcd's TLA+ model is checked for (MCetcdraft.cfg), over all replicas at one
 * moment. Log Matching, which says that logs with equal terms at an index are equal up to there, is
 * verified entry by entry as entries are appended; here "holds the same prefix" is "has the same term".
 */
export function checkModel(views: readonly ReplicaView[], commitTermOf: CommitTermOf): void {
  for (const a of views) {
    for (const b of views) if (a !== b) checkPair(a, b, commitTermOf);
    if (a.role === StateType.StateLeader) checkLeader(a, views, commitTermOf);
  }
}

/** A term in which the entry at an index was committed. */
export type CommitTermOf = (index: number) => number;

const termAt = (log: readonly Entry[], index: number): number =>
  index === 0 ? 0 : (log[index - 1]?.term ?? -1);

const lastTerm = (log: readonly Entry[]): number => termAt(log, log.length);

/** Whether `log` holds the first `index` entries of `of`. */
const holdsPrefix = (log: readonly Entry[], of: readonly Entry[], index: number): boolean =>
  termAt(log, index) === termAt(of, index);

function checkPair(a: ReplicaView, b: ReplicaView, commitTermOf: CommitTermOf): void {
  const shorter = Math.min(a.commit, b.commit);
  demand(holdsPrefix(a.log, b.log, shorter), 'LogInv', a, b);
  const bothLead = a.role === StateType.StateLeader && b.role === StateType.StateLeader;
  demand(!bothLead || a.id === b.id || a.term !== b.term, 'MoreThanOneLeaderInv', a, b);
  const lengths = Math.min(a.log.length, b.log.length);
  const isSameTerm = termAt(a.log, lengths) === termAt(b.log, lengths);
  const before = Math.floor(lengths / 2);
  demand(!isSameTerm || holdsPrefix(a.log, b.log, before), 'LogMatchingInv', a, b);
  const isUpToDate =
    lastTerm(a.log) > lastTerm(b.log) ||
    (lastTerm(a.log) === lastTerm(b.log) && a.log.length >= b.log.length);
  // With more than three voters one may know of a commit and not hold the entry that made it so yet; its
  // log alone then says nothing about who is ahead of it.
  const knowsWhy = lastTerm(b.log) >= commitTermOf(b.commit);
  const isMet = !isUpToDate || !knowsWhy || holdsPrefix(a.log, b.log, b.commit);
  demand(isMet, 'MoreUpToDateCorrectInv', a, b);
}

function checkLeader(
  leader: ReplicaView,
  views: readonly ReplicaView[],
  commitTermOf: CommitTermOf,
): void {
  const own = lastOfTerm(leader.log, leader.term);
  for (const other of views) {
    demand(own >= lastOfTerm(other.log, leader.term), 'ElectionSafetyInv', leader, other);
    let known = other.commit;
    while (known > 0 && commitTermOf(known) > leader.term) known--;
    demand(holdsPrefix(leader.log, other.log, known), 'LeaderCompletenessInv', leader, other);
  }
  const lacking = (logOf: (view: ReplicaView) => readonly Entry[]): ReadonlySet<ReplicaId> =>
    new Set(
      views.filter((v) => !holdsPrefix(logOf(v), leader.log, leader.commit)).map((v) => v.id),
    );
  demand(
    !isQuorum(
      leader.conf,
      lacking((v) => v.log),
    ),
    'QuorumLogInv',
    leader,
    leader,
  );
  demand(
    !isQuorum(
      leader.conf,
      lacking((v) => v.disk),
    ),
    'CommittedIsDurableInv',
    leader,
    leader,
  );
}

/** Last index of an entry of `term`, or 0. */
function lastOfTerm(log: readonly Entry[], term: number): number {
  let index = log.length;
  while (index > 0 && termAt(log, index) > term) index--;
  return termAt(log, index) === term ? index : 0;
}

const majority = (ids: readonly ReplicaId[], of: ReadonlySet<ReplicaId>): boolean =>
  ids.filter((id) => of.has(id)).length * 2 > ids.length;

/** Whether the members of `of` decide alone. */
export function isQuorum(conf: ConfState, of: ReadonlySet<ReplicaId>): boolean {
  const { voters, votersOutgoing } = conf;
  return majority(voters, of) && (votersOutgoing.length === 0 || majority(votersOutgoing, of));
}

function demand(isMet: boolean, name: string, a: ReplicaView, b: ReplicaView): void {
  if (isMet) return;
  const show = (v: ReplicaView): string =>
    `${v.id} (term ${v.term}, role ${v.role}, commit ${v.commit}, log ${v.log.length}, last terms ${v.log
      .slice(-4)
      .map((e) => e.term)
      .join()})`;
  throw new Violation(name, `${show(a)} and ${show(b)}`);
}
