import { type Entry, EntryType, type ProposalData } from '../entry.js';
import { type LogIndex, NONE } from '../ids.js';
import { uncommittedSizeOf } from '../log/uncommitted-bytes.js';
import type { Message } from '../message.js';
import { DropReason, type Proposed, StepStatus } from '../ready.js';
import { AppendDue, type Progress, ProgressState } from '../tracker/progress.js';
import { broadcastAppend, fillWindow, requestAppend } from './append-sender.js';
import type { Raft } from './raft.js';
import { maybeFinishTransfer } from './transfer.js';

/** Appends proposals in memory; nothing is sent before ready(). All of them or none. */
export function propose(r: Raft, data: readonly ProposalData[]): Proposed {
  const reason = whyNotPropose(r);
  if (reason !== null) return { dropped: reason };
  return proposeEntries(r, data, EntryType.EntryNormal);
}

/** Why nothing at all may be proposed here now, or null. */
export function whyNotPropose(r: Raft): DropReason | null {
  if (!r.isLeader) return r.leader === NONE ? DropReason.NoLeader : DropReason.NotLeader;
  if (r.steppingDown !== null) return DropReason.SteppingDown;
  if (r.leadTransferee !== NONE) return DropReason.Transferring;
  return r.tracker.get(r.id) === undefined ? DropReason.NotVoter : null;
}

/** As {@link propose}, after its checks. */
export function proposeEntries(r: Raft, data: readonly ProposalData[], type: EntryType): Proposed {
  const { term } = r;
  const first = r.log.lastIndex + 1;
  const entries = data.map(
    (d, i): Entry => ({ term, index: first + i, type, data: d.data, checksum: d.checksum }),
  );
  if (exceedsUncommittedLimit(r, entries)) return { dropped: DropReason.UncommittedLimit };
  const last = first + entries.length - 1;
  if (entries.length > 0) {
    r.log.append(entries);
    r.out.appended(last);
    r.trace('Replicate');
    broadcastAppend(r);
  }
  return { term, first, last };
}

/** One proposal of any size passes when nothing is uncommitted, or it could never pass. */
function exceedsUncommittedLimit(r: Raft, entries: readonly Entry[]): boolean {
  let sizeBytes = 0;
  for (const entry of entries) sizeBytes += uncommittedSizeOf(entry);
  const used = r.log.uncommittedBytes;
  return sizeBytes > 0 && used > 0 && used + sizeBytes > r.config.maxUncommittedBytes;
}

/** This replica's own entries up to `index` became durable: as leader it acknowledges to itself. */
export function handleSelfDurable(r: Raft, index: LogIndex): void {
  const self = r.tracker.get(r.id);
  // A damaged copy is no durable copy.
  const { firstDamaged } = r.repairs;
  const whole = firstDamaged === 0 ? index : Math.min(index, firstDamaged - 1);
  if (self?.maybeUpdate(whole)) recount(r);
}

/** Something changed that commits may depend on: if more is committed, the followers are told. */
export function recount(r: Raft): void {
  if (r.isLeader && maybeCommit(r)) broadcastAppend(r);
}

/** A follower's answer to MsgApp (Raft figure 2, "rules for servers, leaders"). */
export function handleAppendResponse(r: Raft, p: Progress, m: Message): StepStatus {
  // Acknowledgements of a life whose entries were lost since are void (S11).
  if (m.repairIndex === 0 && p.repairToken !== 0 && p.repairToken !== m.readToken) {
    return StepStatus.Stale;
  }
  p.recentActive = true;
  if (m.repairIndex !== 0) return handleLoss(r, p, m);
  return m.reject ? handleRejection(r, p, m) : handleAck(r, p, m);
}

/** The replica lost entries that it may have acknowledged: it is sent everything from there on again. */
function handleLoss(r: Raft, p: Progress, m: Message): StepStatus {
  if (p.repairToken === m.readToken && m.repairIndex > p.match) return StepStatus.Stale;
  p.lost(m.repairIndex, m.readToken, r.log.lastIndex);
  r.info('raft.peer.lost', { from: p.id, first: m.repairIndex });
  requestAppend(r, p, AppendDue.EvenIfEmpty);
  return StepStatus.Ok;
}

/**
 * The logs differ at m.index. Going back one entry for each rejection would take a round trip for each
 * entry of a long wrong tail. Both sides skip whole terms instead (etcd raft.go, the long comment at
 * MsgAppResp): the follower names the greatest index at or below the rejected one whose term is at or
 * below the term that was probed, with that term; the leader then skips its own entries of later
 * terms, since they cannot be in a log that has only that term there.
 */
function handleRejection(r: Raft, p: Progress, m: Message): StepStatus {
  const hint = m.logTerm > 0 ? r.log.findConflictByTerm(m.rejectHint, m.logTerm) : m.rejectHint;
  if (!p.maybeDecrTo(m.index, hint)) return StepStatus.Stale;
  if (p.state === ProgressState.StateReplicate) p.becomeProbe();
  requestAppend(r, p, AppendDue.EvenIfEmpty);
  return StepStatus.Ok;
}

function handleAck(r: Raft, p: Progress, m: Message): StepStatus {
  const { index } = m;
  // Up to there the logs are equal. A new leader may know less of what is committed than its followers.
  const known = Math.min(m.commit, index);
  const isNews = known > r.log.committed && r.log.commitTo(known);
  if (isNews) {
    r.trace('Commit');
    broadcastAppend(r);
  }
  const confirmsProbe = p.match === index && p.state === ProgressState.StateProbe;
  if (!p.maybeUpdate(index) && !confirmsProbe) return StepStatus.Stale;
  if (p.state === ProgressState.StateReplicate) {
    p.inflights.freeLE(index);
  } else if (p.state === ProgressState.StateProbe || p.match + 1 >= r.log.firstIndex) {
    // A snapshot's receiver may come back by any acknowledgement that reaches the log.
    p.becomeReplicate();
  }
  if (maybeCommit(r)) broadcastAppend(r);
  else if (p.canBumpCommit(r.log.committed)) requestAppend(r, p, AppendDue.EvenIfEmpty);
  fillWindow(r, p);
  maybeFinishTransfer(r, p);
  return StepStatus.Ok;
}

/**
 * INVARIANT(commit-own-term): counting replicas commits entries of the leader's own term only; older
 * ones are committed by what stands above them (Raft 5.4.2, figure 8).
 */
export function maybeCommit(r: Raft): boolean {
  const index = r.tracker.committedIndex();
  return commitOwn(r, Math.min(index, commitLimit(r)));
}

function commitOwn(r: Raft, index: LogIndex): boolean {
  if (index <= r.log.committed || r.log.term(index) !== r.term) return false;
  if (!r.log.commitTo(index)) return false;
  r.trace('Commit');
  return true;
}

/**
 * INVARIANT(one-conf-commits): entries above a configuration change are counted by the configuration
 * that it makes, never by the one before it. Nothing is lost by waiting: they can be applied only after it. Then
 * everybody who has applied the changes below an entry knows whose copies can commit it, which is what
 * giving up a damaged entry rests on. A change of an older term is committed by the entry that opens
 * this one, of necessity by the old configuration.
 */
function commitLimit(r: Raft): LogIndex {
  if (r.config.confChangeChecks !== 'all') return Number.POSITIVE_INFINITY;
  const change = r.log.confChangeAfter(Math.max(r.lastConfApplied, r.log.applied));
  if (change === 0) return Number.POSITIVE_INFINITY;
  return change <= r.log.committed ? r.log.committed : Math.max(change, r.termStart);
}
