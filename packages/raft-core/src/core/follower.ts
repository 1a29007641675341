import { type LogIndex, NONE, type ReplicaId } from '../ids.js';
import { type Message, MessageType, makeMessage } from '../message.js';
import { StateType, StepStatus } from '../ready.js';
import { COMPACTED } from '../storage.js';
import type { Raft } from './raft.js';
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
    log.append(m.entries.slice(conflict - m.index - 1));
  }
  const verified = m.index + m.entries.length;
  // INVARIANT(commit-verified): the tail above the last entry of this message may still be another
  // leader's, so the leader's commit index says nothing about it.
  log.commitTo(Math.min(m.commit, verified));
  acknowledge(r, m, verified);
  return StepStatus.Ok;
}

export function handleHeartbeat(r: Raft, m: Message): StepStatus {
  if (isSecondLeader(r, m)) return StepStatus.Invalid;
  // A heartbeat's commit is min(match, commit) at the leader, and match is what this replica once
  // acknowledged as durable: a log that ends below it has lost entries.
  if (m.commit > r.log.lastIndex) return StepStatus.LostLog;
  followLeader(r, m);
  r.log.commitTo(m.commit);
  const response = makeMessage(MessageType.MsgHeartbeatResp, m.from, r.term);
  response.readToken = m.readToken;
  r.send(response);
  return StepStatus.Ok;
}

/** INVARIANT(election-safety): there is one leader in a term. */
function isSecondLeader(r: Raft, m: Message): boolean {
  return m.term === r.term && r.leader !== NONE && r.leader !== m.from;
}

function followLeader(r: Raft, m: Message): void {
  if (m.term > r.term || r.role !== StateType.StateFollower) becomeFollower(r, m.term, m.from);
  else r.setLeader(m.from);
  r.electionElapsed = 0;
}

function acknowledge(r: Raft, m: Message, index: number): void {
  if (isPromised(r, m.from, index)) return;
  const ack = makeMessage(MessageType.MsgAppResp, m.from, r.term);
  ack.index = index;
  // INVARIANT(ack-durable): it is released when everything up to index is durable and still there.
  r.sendWhenDurable(ack);
}

/**
 * Whether an acknowledgement to this leader that says as much waits for the disk already. Without this
 * check the leader's repeated probes would pile up answers for as long as a disk hangs or is full.
 */
function isPromised(r: Raft, leader: ReplicaId, index: LogIndex): boolean {
  if (index <= r.log.durable) return false;
  const { promised } = r;
  if (promised.to === leader && promised.term === r.term && promised.index >= index) return true;
  r.promised = { to: leader, term: r.term, index };
  return false;
}

/** Tells the leader where to look next, a whole term at a time; see handleRejection. */
function reject(r: Raft, m: Message): void {
  const hint = r.log.findConflictByTerm(Math.min(m.index, r.log.lastIndex), m.logTerm);
  const response = makeMessage(MessageType.MsgAppResp, m.from, r.term);
  response.index = m.index;
  response.reject = true;
  response.rejectHint = hint;
  response.logTerm = Math.max(0, r.log.term(hint));
  r.send(response);
}
