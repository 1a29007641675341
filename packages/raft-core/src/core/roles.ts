import { openingEntry } from '../entry.js';
import { NONE, type ReplicaId, type Term } from '../ids.js';
import { RaftInvariantError } from '../invariant.js';
import { DropReason, StateType } from '../ready.js';
import { broadcastAppend } from './append-sender.js';
import type { Raft } from './raft.js';

/** The replica follows `leader` (NONE: nobody yet) in `term`. */
export function becomeFollower(r: Raft, term: Term, leader: ReplicaId): void {
  const wasLeader = r.isLeader;
  r.role = StateType.StateFollower;
  if (wasLeader) endLeadership(r);
  reset(r, term);
  r.setLeader(leader);
  r.info('raft.follower', { leader });
  r.trace('BecomeFollower');
}

/** Asks for permission to campaign; term and vote stay as they are (dissertation 9.6). */
export function becomePreCandidate(r: Raft): void {
  assertNotLeader(r);
  r.role = StateType.StatePreCandidate;
  r.tracker.resetVotes();
  r.setLeader(NONE);
  r.info('raft.pre-candidate', {});
}

/** Opens a term and votes for itself; the vote counts once it is durable. */
export function becomeCandidate(r: Raft): void {
  assertNotLeader(r);
  r.role = StateType.StateCandidate;
  reset(r, r.term + 1);
  r.setLeader(NONE);
  r.vote = r.id;
  r.info('raft.candidate', {});
  r.trace('BecomeCandidate');
}

/** Elected. The term begins with an empty entry: only entries of this term can be committed by counting. */
export function becomeLeader(r: Raft): void {
  // INVARIANT(leader-by-election): nobody leads without a campaign in this very term.
  if (r.role !== StateType.StateCandidate) {
    throw new RaftInvariantError('leader-by-election', `role ${r.role} in term ${r.term}`);
  }
  reset(r, r.term);
  r.role = StateType.StateLeader;
  r.hasLed = true;
  r.setLeader(r.id);
  const self = r.tracker.get(r.id);
  if (self !== undefined) {
    self.becomeReplicate();
    self.recentActive = true;
  }
  // What this replica knows of changes under way is that none stands above its log's end.
  r.pendingConfIndex = r.log.lastIndex;
  r.lease?.restart();
  const index = r.log.lastIndex + 1;
  r.trace('BecomeLeader');
  r.log.append([openingEntry(r.term, index)]);
  r.out.appended(index);
  r.termStart = index;
  self?.maybeUpdate(r.log.durable);
  r.info('raft.leader.elected', { index });
  broadcastAppend(r);
}

function reset(r: Raft, term: Term): void {
  if (term !== r.term) {
    // INVARIANT(term-monotonic): a term, and the vote in it, is never taken back.
    if (term < r.term) throw new RaftInvariantError('term-monotonic', `${r.term} to ${term}`);
    r.term = term;
    r.vote = NONE;
    r.setLeader(NONE);
    r.out.termChanged();
  }
  r.electionElapsed = 0;
  r.heartbeatElapsed = 0;
  r.resetElectionTimeout();
  r.leadTransferee = NONE;
  r.steppingDown = null;
  r.pendingConfIndex = 0;
  r.repairs.denials = null;
  r.repairs.forgetLeader();
  r.appendsDue = false;
  const last = r.log.lastIndex;
  for (const p of r.tracker.members) p.reset(last);
}

/** Everything that waited for this leadership ends here, with an outcome. */
function endLeadership(r: Raft): void {
  const first = Math.max(r.log.committed, r.termStart) + 1;
  const last = r.log.lastIndex;
  if (first <= last) {
    const reason = DropReason.LeaderChanged;
    r.drops.push({ kind: 'proposals', term: r.term, first, last, reason });
  }
  r.dropReads(r.reads.takeOwn(), DropReason.LeaderChanged);
  r.lease?.revoke();
  r.termStart = 0;
}

function assertNotLeader(r: Raft): void {
  // INVARIANT(leader-append-only): a leader gives up its term before it campaigns for another.
  if (r.isLeader) throw new RaftInvariantError('leader-append-only', 'a leader cannot campaign');
}
