import { type Message, MessageType, makeMessage } from '../message.js';
import { StepStatus } from '../ready.js';
import { AppendDue, type Progress, ProgressState } from '../tracker/progress.js';
import { requestAppend } from './append-sender.js';
import type { Raft } from './raft.js';
import { confirmRead } from './reads.js';

/** The periodic round; it repeats the token of the read round in flight, whose heartbeats may be lost. */
export function broadcastHeartbeat(r: Raft): void {
  for (const p of r.tracker.members) if (p.id !== r.id) sendHeartbeat(r, p);
}

/** A read round asks the voters only. */
export function broadcastReadHeartbeat(r: Raft): void {
  for (const p of r.tracker.members) if (p.id !== r.id && !p.isLearner) sendHeartbeat(r, p);
}

function sendHeartbeat(r: Raft, p: Progress): void {
  const m = makeMessage(MessageType.MsgHeartbeat, p.id, r.term);
  // Never more than the follower is known to hold: a heartbeat verifies nothing.
  m.commit = Math.min(p.match, r.log.committed);
  // For the host of a follower that lags: by `commit` alone it could not tell that it does.
  m.index = r.log.committed;
  m.readToken = r.reads.token;
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
  confirmRead(r, p, m.readToken);
  return StepStatus.Ok;
}
