import type { LogIndex, ReplicaId, Term } from '../ids.js';
import { StateType } from '../ready.js';
import type { ConfState } from '../storage.js';
import { Violation } from './violation.js';

/** A log, as far as the invariants look at it. */
export interface LogView {
  /** Index of the last entry; 0: none. */
  readonly last: LogIndex;
  /** Term of the entry at `index`; 0 at 0, -1 above the last entry. */
  termAt(index: LogIndex): Term;
}

/** What the invariants see of one replica. */
export interface ReplicaView {
  readonly id: ReplicaId;
  readonly term: Term;
  readonly role: StateType;
  readonly commit: LogIndex;
  readonly conf: ConfState;
  /** The log as the process believes it to be. */
  readonly log: LogView;
  /** The log as it is on its disk. */
  readonly disk: LogView;
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
export type CommitTermOf = (index: LogIndex) => Term;

const lastTerm = (log: LogView): Term => log.termAt(log.last);

/** Whether `log` holds the first `index` entries of `of`. */
const holdsPrefix = (log: LogView, of: LogView, index: LogIndex): boolean =>
  log.termAt(index) === of.termAt(index);

function checkPair(a: ReplicaView, b: ReplicaView, commitTermOf: CommitTermOf): void {
  const shorter = Math.min(a.commit, b.commit);
  demand(holdsPrefix(a.log, b.log, shorter), 'LogInv', a, b);
  const bothLead = a.role === StateType.StateLeader && b.role === StateType.StateLeader;
  demand(!bothLead || a.id === b.id || a.term !== b.term, 'MoreThanOneLeaderInv', a, b);
  const lengths = Math.min(a.log.last, b.log.last);
  const isSameTerm = a.log.termAt(lengths) === b.log.termAt(lengths);
  const before = Math.floor(lengths / 2);
  demand(!isSameTerm || holdsPrefix(a.log, b.log, before), 'LogMatchingInv', a, b);
  const isUpToDate =
    lastTerm(a.log) > lastTerm(b.log) ||
    (lastTerm(a.log) === lastTerm(b.log) && a.log.last >= b.log.last);
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
  const lacking = (logOf: (view: ReplicaView) => LogView): ReadonlySet<ReplicaId> =>
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
function lastOfTerm(log: LogView, term: Term): LogIndex {
  let index = log.last;
  while (index > 0 && log.termAt(index) > term) index--;
  return log.termAt(index) === term ? index : 0;
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
    `${v.id} (term ${v.term}, role ${v.role}, commit ${v.commit}, log ${v.log.last}, last term ${lastTerm(v.log)})`;
  throw new Violation(name, `${show(a)} and ${show(b)}`);
}
