import { NONE } from '../ids.js';
import { type Message, MessageType, makeMessage } from '../message.js';
import { VoteResult } from '../quorum/vote-result.js';
import { StateType, StepStatus } from '../ready.js';
import { beginStepDown } from './hand-over.js';
import type { Raft } from './raft.js';
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from './roles.js';

/** Ways into a campaign. A transfer skips pre-vote and forces its way past leader stickiness. */
export const CampaignKind = { PreElection: 0, Election: 1, Transfer: 2 } as const;
export type CampaignKind = (typeof CampaignKind)[keyof typeof CampaignKind];

/** Whether this replica may ask for votes at all. */
export function isPromotable(r: Raft): boolean {
  // INVARIANT(conf-durably-committed): configurations take effect when applied, so a replica that
  // has not applied what it knew as committed at its start might count by a configuration that was
  // replaced long ago, and elect a second leader in a term (S2, etcd#7625).
  const hasAppliedStart = r.log.applied >= r.startCommit;
  return hasAppliedStart && r.silenceLeft === 0 && r.tracker.isVoter(r.id) && isFit(r);
}

/** Whether log, disk and state machine are fit for a leader. */
function isFit(r: Raft): boolean {
  // A change that is committed and not applied: the votes would be counted by a configuration that
  // is over (etcd#7280).
  if (r.log.hasUnappliedConfChange || r.log.isInstalling) return false;
  return !r.repairs.isNeeded && !r.isDiskStalled && (!r.wantsSnapshot || isLastResort(r));
}

/** Election timeouts without a leader after which a replica without a state machine leads. */
const LAST_RESORT_TIMEOUTS = 4;

/**
 * A replica whose state machine is damaged is no good leader, but its log and hard state are whole, and
 * they are all that the protocol needs: where it alone has the newest log nobody else can be elected.
 * When all others had their time it leads, for as long as it takes to give its log to another voter.
 */
function isLastResort(r: Raft): boolean {
  if (r.tracker.isOnlyVoter(r.id)) return false;
  const since = Math.max(r.leaderHeardAt, r.snapshotWantedAt);
  return r.ticks - since >= LAST_RESORT_TIMEOUTS * r.config.electionTick;
}

/** Whether promises to a leader that may hold a lease forbid this replica to begin an election (S10). */
export function isBoundByLease(r: Raft): boolean {
  return r.config.lease !== null && r.ticks - r.leaderHeardAt < r.config.electionTick;
}

/** Begins an election if that is allowed now; the host's wish, or an election timeout. */
export function campaignIfAllowed(r: Raft): void {
  if (r.isLeader || !isPromotable(r) || isBoundByLease(r)) return;
  campaign(r, r.config.preVote ? CampaignKind.PreElection : CampaignKind.Election);
}

/** The leader hands over: MsgTimeoutNow (dissertation 3.10). */
export function handleTimeoutNow(r: Raft, m: Message): StepStatus {
  if (r.role !== StateType.StateFollower || r.leader !== m.from) return StepStatus.Stale;
  if (isPromotable(r)) campaign(r, CampaignKind.Transfer);
  return StepStatus.Ok;
}

function campaign(r: Raft, kind: CampaignKind): void {
  if (kind === CampaignKind.PreElection) {
    becomePreCandidate(r);
    if (r.out.voteForSelf(MessageType.MsgPreVote, r.term + 1)) r.tracker.recordVote(r.id, true);
    if (r.tracker.tally() === VoteResult.VoteWon) campaign(r, CampaignKind.Election);
    else askForVotes(r, MessageType.MsgPreVote, r.term + 1, false);
    return;
  }
  becomeCandidate(r);
  r.out.voteForSelf(MessageType.MsgVote, r.term);
  // The flag belongs to these messages, not to the replica: a later campaign cannot abuse it.
  askForVotes(r, MessageType.MsgVote, r.term, kind === CampaignKind.Transfer);
}

function askForVotes(r: Raft, type: MessageType, term: number, force: boolean): void {
  for (const id of r.tracker.quorum.voters) {
    if (id === r.id) continue;
    const m = makeMessage(type, id, term);
    m.index = r.log.lastIndex;
    m.logTerm = r.log.lastTerm;
    m.force = force;
    if (!r.config.eagerAppend) {
      m.commit = r.log.committed;
      m.rejectHint = Math.max(0, r.log.term(m.commit));
    }
    r.send(m);
  }
}

/**
 * A candidate says what it knows to be committed (raft-rs, maybe_commit_by_vote). The asked one may hold
 * the change by which the candidate is a voter and not know that it is committed: then it could neither
 * be elected by the old configuration nor vote for a candidate with less than its own log.
 *
 * @returns false if that was no news
 */
export function learnCommit(r: Raft, m: Message): boolean {
  if (r.isLeader || m.commit <= r.log.committed) return false;
  // INVARIANT(commit-verified): equal (index, term) means equal logs up to there.
  const commitTerm: number = m.rejectHint;
  if (!r.log.matches(m.commit, commitTerm) || !r.log.commitTo(m.commit)) return false;
  r.trace('Commit');
  const isCampaigning = r.role !== StateType.StateFollower;
  // Its votes would be counted by a configuration that is over.
  if (isCampaigning && r.log.hasUnappliedConfChange) becomeFollower(r, r.term, NONE);
  return true;
}

/**
 * Requests that get no answer and change nothing: in the silence after a restart, and while a leader
 * is heard (so that a replica that was cut off cannot depose it).
 */
export function isVoteWithheld(r: Raft, m: Message): boolean {
  // INVARIANT(restart-silence): promises of the life before the restart (leases) have to run out (S9).
  if (r.silenceLeft > 0) return true;
  // Votes of a log whose extent is not known could elect one that lacks what was committed (S11).
  if (r.repairs.isRecovering) return true;
  // INVARIANT(lease-refusal): a promise to a leader outlives its term; only the election that this
  // leader ordered itself passes (S10).
  if (isBoundByLease(r) && !(m.force && m.type === MessageType.MsgVote)) return true;
  if (m.term <= r.term || !r.config.checkQuorum) return false;
  if (m.force && m.type === MessageType.MsgVote) return false;
  return r.leader !== NONE && r.electionElapsed < r.config.electionTick;
}

/** MsgVote of this term, or MsgPreVote of this term or a later one (Raft figure 2, RequestVote). */
export function handleVoteRequest(r: Raft, m: Message): StepStatus {
  const isPre = m.type === MessageType.MsgPreVote;
  const canVote =
    r.vote === m.from || (r.vote === NONE && r.leader === NONE) || (isPre && m.term > r.term);
  const response = isPre ? MessageType.MsgPreVoteResp : MessageType.MsgVoteResp;
  if (!canVote || !r.log.isUpToDate(m.index, m.logTerm)) {
    // A refusal carries the own term, which the asker has to adopt: after a pre-vote that is the only
    // way by which it can learn of it.
    const refusal = makeMessage(response, m.from, r.term);
    refusal.reject = true;
    r.send(refusal);
    return StepStatus.Ok;
  }
  // A pre-vote is granted in the term that was asked for: the own one did not move.
  const grant = makeMessage(response, m.from, m.term);
  if (isPre) {
    r.send(grant);
  } else {
    r.electionElapsed = 0;
    r.vote = m.from;
    // INVARIANT(vote-durable): the vote is on disk before the candidate hears of it (S1).
    r.sendWhenDurable(grant);
  }
  return StepStatus.Ok;
}

/** Forgets who leads, so that votes are not refused for its sake. False if that is not allowed. */
export function forgetLeader(r: Raft): boolean {
  if (r.isLeader || r.config.lease !== null) return false;
  r.setLeader(NONE);
  return true;
}

export function handleVoteResponse(r: Raft, m: Message): StepStatus {
  const isPre = m.type === MessageType.MsgPreVoteResp;
  const expectedRole = isPre ? StateType.StatePreCandidate : StateType.StateCandidate;
  const expectedTerm = isPre && !m.reject ? r.term + 1 : r.term;
  if (r.role !== expectedRole || m.term !== expectedTerm) return StepStatus.Stale;
  countVote(r, m.from, !m.reject);
  return StepStatus.Ok;
}

/** The own vote of `term` is durable. */
export function handleSelfVoteDurable(r: Raft, term: number): void {
  if (r.role === StateType.StateCandidate && r.term === term) countVote(r, r.id, true);
}

export function countVote(r: Raft, from: number, granted: boolean): void {
  r.tracker.recordVote(from, granted);
  switch (r.tracker.tally()) {
    case VoteResult.VoteWon:
      if (r.role === StateType.StatePreCandidate) {
        campaign(r, CampaignKind.Election);
      } else {
        becomeLeader(r);
        if (r.wantsSnapshot) beginStepDown(r, 'snapshot-wanted');
      }
      return;
    case VoteResult.VoteLost:
      // The term stays: a lost pre-vote has not opened one.
      becomeFollower(r, r.term, NONE);
      return;
    case VoteResult.VotePending:
      return;
  }
}
