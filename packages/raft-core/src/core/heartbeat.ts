import { type Message, MessageType, makeMessage } from '../message.js';
import { StepStatus } from '../ready.js';
import { AppendDue, type Progress, ProgressState } from '../tracker/progress.js';
import { requestAppend } from './append-sender.js';
import type { Raft } from './raft.js';
import { confirmRead } from './reads.js';

/** The periodic round; it repeats the token of the read round in flight, whose heartbeats may be lost. */
export function broadcastHeartbeat(r: Raft): void {
  const token = nextToken(r);
  for (const p of r.tracker.members) if (p.id !== r.id) sendHeartbeat(r, p, token);
}

/** A read round asks the voters only. */
export function broadcastReadHeartbeat(r: Raft): void {
  const token = nextToken(r);
  for (const p of r.tracker.members) if (p.id !== r.id && !p.isLearner) sendHeartbeat(r, p, token);
}

/** With a lease each round has a token of its own, whose answers say when the quorum heard this leader. */
function nextToken(r: Raft): number {
  if (r.lease === null) return r.reads.token;
  const token = r.reads.nextToken();
  r.lease.sent(token, r.nowMs);
  return token;
}

function sendHeartbeat(r: Raft, p: Progress, token: number): void {
  const m = makeMessage(MessageType.MsgHeartbeat, p.id, r.term);
  // Never more than the follower is known to hold: a heartbeat verifies nothing.
  m.commit = Math.min(p.match, r.log.committed);
  // For the host of a follower that lags: by `commit` alone it could not tell that it does.
  m.index = r.log.committed;
  m.readToken = token;
  p.sentCommit = m.commit;
  r.send(m);
}

export function handleHeartbeatResponse(r: Raft, p: Progress, m: Message): StepStatus {
  p.recentActive = true;
  // Whatever blocked the flow (a lost probe, a full window of lost messages), this reopens it.
  p.msgAppFlowPaused = false;
  if (p.match < r.log.lastIndex || p.state === ProgressState.StateProbe) {
    requestAppend(r, p, AppendDue.EvenIfEmpty);
  }
  if (m.readToken === 0 || m.readToken > r.reads.lastToken) return StepStatus.Ok;
  if (r.lease !== null) p.leaseSentMs = Math.max(p.leaseSentMs, r.lease.sentAt(m.readToken));
  confirmRead(r, p, m.readToken);
  return StepStatus.Ok;
}
