import { NONE, type ReplicaId } from '../ids.js';
import { MessageType, makeMessage } from '../message.js';
import { AppendDue, type Progress } from '../tracker/progress.js';
import { requestAppend } from './append-sender.js';
import type { Raft } from './raft.js';

/** Leadership transfer (dissertation 3.10). True if `to` is being handed the leadership now. */
export function transferLeader(r: Raft, to: ReplicaId): boolean {
  const p = r.tracker.get(to);
  if (!r.isLeader || to === r.id || p === undefined || p.isLearner) return false;
  if (r.leadTransferee === to) return true;
  r.leadTransferee = to;
  r.transferElapsed = 0;
  r.config.logger?.info('raft.transfer.start', { id: r.id, to });
  if (p.match === r.log.lastIndex) sendTimeoutNow(r, to);
  else requestAppend(r, p, AppendDue.EvenIfEmpty);
  return true;
}

/** The target is caught up: it may campaign at once. */
export function maybeFinishTransfer(r: Raft, p: Progress): void {
  if (p.id === r.leadTransferee && p.match === r.log.lastIndex) sendTimeoutNow(r, p.id);
}

/** A transfer has one election timeout; then the leader serves proposals again. */
export function tickTransfer(r: Raft): void {
  if (r.leadTransferee === NONE || ++r.transferElapsed < r.config.electionTick) return;
  r.config.logger?.info('raft.transfer.abort', { id: r.id, to: r.leadTransferee });
  r.leadTransferee = NONE;
}

function sendTimeoutNow(r: Raft, to: ReplicaId): void {
  r.send(makeMessage(MessageType.MsgTimeoutNow, to, r.term));
}
