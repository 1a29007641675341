import { type LogIndex, NONE } from '../ids.js';
import { type Message, MessageType, makeMessage } from '../message.js';
import { StateType, StepStatus } from '../ready.js';
import { COMPACTED } from '../storage.js';
import type { Raft } from './raft.js';
import { repairEntries } from './repair.js';
import { becomeFollower } from './roles.js';

/**
 * Messages of a leader whose term is at least the own one, in all roles (Raft figure 2,
 * AppendEntries). What cannot be is refused before anything changes.
 */
export function handleAppend(r: Raft, m: Message): StepStatus {
  if (isSecondLeader(r, m)) return StepStatus.Invalid;
  const { log } = r;
  const matches = log.matches(m.index, m.logTerm);
  const conflict = matches ? log.findConflict(m.entries) : 0;
  // INVARIANT(committed-kept): no leader may lack or replace what is committed here.
  const isLacking = !matches && m.index <= log.committed && log.term(m.index) !== COMPACTED;
  if (isLacking || (conflict !== 0 && conflict <= log.committed)) return StepStatus.Invalid;
  followLeader(r, m);
  r.commitHeard = Math.max(r.commitHeard, m.commit);
  if (announceLoss(r, m)) return StepStatus.Ok;
  if (matches && r.repairs.isNeeded) repairEntries(r, m.entries);
  if (m.index < log.committed) {
    // An old message. What is committed here is the leader's log too, once it is durable.
    acknowledge(r, m, log.committed);
    return StepStatus.Ok;
  }
  if (!matches) {
    reject(r, m);
    return StepStatus.Ok;
  }
  if (conflict !== 0) {
    // Truncating only from the first conflict: a late, short message must not remove entries that
    // were acknowledged after it was sent.
    if (conflict <= log.lastIndex) r.truncateFrom(conflict);
    const known = conflict - m.index - 1;
    log.append(known === 0 ? m.entries : m.entries.slice(known));
    r.trace('Replicate');
  }
  const verified = m.index + m.entries.length;
  // INVARIANT(commit-verified): the tail above the last entry of this message may still be another
  // leader's, so the leader's commit index says nothing about it.
  if (log.commitTo(Math.min(m.commit, verified))) r.trace('Commit');
  acknowledge(r, m, verified);
  return StepStatus.Ok;
}

export function handleHeartbeat(r: Raft, m: Message): StepStatus {
  if (isSecondLeader(r, m)) return StepStatus.Invalid;
  // A heartbeat's commit is min(match, commit) at the leader, and match is what this replica once
  // acknowledged as durable: a log that ends below it has lost entries.
  if (m.commit > r.log.lastIndex && !r.repairs.isRecovering) return StepStatus.LostLog;
  followLeader(r, m);
  r.commitHeard = Math.max(r.commitHeard, m.index);
  if (m.commit <= r.log.lastIndex && r.log.commitTo(m.commit)) r.trace('Commit');
  const response = makeMessage(MessageType.MsgHeartbeatResp, m.from, r.term);
  response.readToken = m.readToken;
  r.send(response);
  if (r.repairs.isNeeded && !r.repairs.leaderKnows) tellLoss(r, m);
  if (r.wantsSnapshot) askForSnapshot(r);
  return StepStatus.Ok;
}

/** The state machine has to start over; repeated with each heartbeat until a snapshot comes. */
export function askForSnapshot(r: Raft): void {
  if (r.leader === NONE || r.leader === r.id || r.log.isInstalling) return;
  const m = makeMessage(MessageType.MsgSnapReq, r.leader, r.term);
  m.index = r.log.applied;
  r.send(m);
}

/** INVARIANT(election-safety): there is one leader in a term. */
export function isSecondLeader(r: Raft, m: Message): boolean {
  if (m.term !== r.term) return false;
  return r.isLeader || (r.leader !== NONE && r.leader !== m.from);
}

export function followLeader(r: Raft, m: Message): void {
  if (m.term > r.term || r.role !== StateType.StateFollower) becomeFollower(r, m.term, m.from);
  else r.setLeader(m.from);
  r.electionElapsed = 0;
  r.leaderHeardAt = r.ticks;
}

export function acknowledge(r: Raft, m: Message, index: LogIndex): void {
  const ack = makeMessage(MessageType.MsgAppResp, m.from, r.term);
  const damaged = r.repairs.firstDamaged;
  // What stands above a damaged entry is not acknowledged before that is mended: an acknowledgement
  // speaks of everything up to its index.
  const isWhole = damaged === 0 || damaged > index;
  ack.index = isWhole ? index : damaged - 1;
  if (!r.config.eagerAppend) ack.commit = r.log.committed;
  ack.readToken = r.repairs.ackToken;
  // INVARIANT(ack-durable): it is released when everything up to index is durable and still there.
  r.sendWhenDurable(ack);
}

/**
 * A leader that does not know yet what was lost here is told, instead of an answer. Its next MsgApp
 * carries the token of this life back.
 */
function announceLoss(r: Raft, m: Message): boolean {
  const { repairs } = r;
  if (m.readToken === repairs.lifeToken) {
    if (repairs.isNeeded) repairs.leaderHasHeard(m.repairIndex);
    return false;
  }
  // The leader waits for acknowledgements of a life that is over, though nothing is lacking in this one.
  const isOfEarlierLife = m.readToken !== 0;
  if (!repairs.isNeeded && !isOfEarlierLife) return false;
  repairs.nameLife();
  tellLoss(r, m);
  return true;
}

/** From which entry on this log is damaged or at its end, and the token of this life. */
function tellLoss(r: Raft, m: Message): void {
  const { repairs, log } = r;
  const response = makeMessage(MessageType.MsgAppResp, m.from, r.term);
  const end = log.lastIndex + 1;
  response.repairIndex = repairs.firstDamaged === 0 ? end : Math.min(repairs.firstDamaged, end);
  response.readToken = repairs.lifeToken;
  r.sendWhenDurable(response);
}

/** Tells the leader where to look next, a whole term at a time; see handleRejection. */
function reject(r: Raft, m: Message): void {
  const hint = r.log.findConflictByTerm(Math.min(m.index, r.log.lastIndex), m.logTerm);
  const response = makeMessage(MessageType.MsgAppResp, m.from, r.term);
  response.index = m.index;
  response.reject = true;
  response.rejectHint = hint;
  response.logTerm = Math.max(0, r.log.term(hint));
  response.readToken = r.repairs.ackToken;
  r.send(response);
}
