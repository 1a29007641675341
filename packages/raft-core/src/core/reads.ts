import { type LogIndex, NONE } from '../ids.js';
import { type Message, MessageType, makeMessage } from '../message.js';
import { DropReason, type ReadTicket, StepStatus } from '../ready.js';
import type { Progress } from '../tracker/progress.js';
import { broadcastReadHeartbeat } from './heartbeat.js';
import type { Raft } from './raft.js';

/** Accepts one batch of reads; its round or its forwarding begins with the next ready(). */
export function readIndex(r: Raft): ReadTicket | DropReason {
  if (!r.isLeader && r.leader === NONE) return DropReason.NoLeader;
  if (isFull(r)) return DropReason.ReadLimit;
  const ticket = r.nextReadTicket();
  const deadline = r.ticks + r.config.electionTick;
  if (r.isLeader) r.reads.add({ from: NONE, token: ticket, deadline });
  else r.forwarded.add(ticket, deadline);
  return ticket;
}

function isFull(r: Raft): boolean {
  return r.reads.size + r.forwarded.size >= r.config.maxPendingReads;
}

/** Another replica's reads. A leader of a later term than the asker's knows nothing of its deadline. */
export function handleReadIndex(r: Raft, m: Message): StepStatus {
  // Whoever asks too much has its own timeout.
  if (!r.isLeader || isFull(r)) return StepStatus.Stale;
  const deadline = r.ticks + r.config.electionTick;
  r.reads.add({ from: m.from, token: m.readToken, deadline });
  return StepStatus.Ok;
}

export function handleReadIndexResponse(r: Raft, m: Message): StepStatus {
  const tickets = r.forwarded.confirm(m.readToken);
  for (const ticket of tickets) r.readStates.push({ ticket, index: m.index });
  return tickets.length > 0 ? StepStatus.Ok : StepStatus.Stale;
}

/** Whether ready() has something to do for reads. */
export function hasReadWork(r: Raft): boolean {
  return r.forwarded.hasUnsent || (r.reads.wantsRound && r.committedInTerm);
}

/** Begins the next round, if one may begin, and forwards what was asked here. */
export function startReads(r: Raft): void {
  if (r.forwarded.hasUnsent) {
    const m = makeMessage(MessageType.MsgReadIndex, r.leader, r.term);
    m.readToken = r.forwarded.send();
    r.send(m);
  }
  // INVARIANT(read-after-own-commit): before an entry of its own term is committed a leader may not
  // know how far its predecessor committed (dissertation 6.4), with one voter too.
  if (!r.reads.wantsRound || !r.committedInTerm) return;
  const token = r.reads.begin(r.log.committed);
  const self = r.tracker.get(r.id);
  if (self !== undefined) confirmRead(r, self, token);
  if (r.reads.token === token) broadcastReadHeartbeat(r);
}

/**
 * INVARIANT(read-fresh-quorum): a round is confirmed only by answers to its own token or a later one,
 * hence by heartbeats that were sent after its reads arrived.
 */
export function confirmRead(r: Raft, p: Progress, token: number): void {
  if (token <= p.readToken) return;
  p.readToken = token;
  recheckReads(r);
}

/** After an answer, or a change of the configuration: a quorum may have confirmed the round. */
export function recheckReads(r: Raft): void {
  const { token } = r.reads;
  if (token === 0 || !r.tracker.readConfirmed(token)) return;
  const { index, reads } = r.reads.finish();
  for (const read of reads) {
    if (read.from === NONE) {
      r.readStates.push({ ticket: read.token, index });
      continue;
    }
    const m = makeMessage(MessageType.MsgReadIndexResp, read.from, r.term);
    m.readToken = read.token;
    m.index = index;
    r.send(m);
  }
}

/** The commit index for a read under the lease, or null without one. Look again before answering. */
export function leaseReadIndex(r: Raft, nowMs: number): LogIndex | null {
  // INVARIANT(read-after-own-commit)
  if (r.lease === null || !r.isLeader || !r.committedInTerm) return null;
  const self = r.tracker.get(r.id);
  if (self === undefined) return null;
  self.leaseSentMs = nowMs;
  return r.lease.isValid(r.tracker, nowMs) ? r.log.committed : null;
}

/** Reads that found no quorum, or no answer, within one election timeout end here. */
export function tickReads(r: Raft): void {
  if (r.reads.hasExpired(r.ticks)) {
    for (const read of r.reads.expire(r.ticks)) {
      if (read.from === NONE) r.dropReads([read.token], DropReason.ReadTimeout);
    }
  }
  if (r.forwarded.hasExpired(r.ticks)) {
    r.dropReads(r.forwarded.expire(r.ticks), DropReason.ReadTimeout);
  }
}
