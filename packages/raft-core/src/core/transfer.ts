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
  r.info('raft.transfer.start', { to });
  if (p.match === r.log.lastIndex) {
    sendTimeoutNow(r, to);
  } else {
    p.msgAppFlowPaused = false;
    requestAppend(r, p, AppendDue.EvenIfEmpty);
  }
  return true;
}

/** The target is caught up: it may campaign at once. */
export function maybeFinishTransfer(r: Raft, p: Progress): void {
  if (p.id === r.leadTransferee && p.match === r.log.lastIndex) sendTimeoutNow(r, p.id);
}

/** Calls the target again, if it is caught up. */
export function repeatTimeoutNow(r: Raft): void {
  const p = r.tracker.get(r.leadTransferee);
  if (p !== undefined) maybeFinishTransfer(r, p);
}

/** A transfer has one election timeout; then the leader serves proposals again. */
export function tickTransfer(r: Raft): void {
  if (r.leadTransferee === NONE || ++r.transferElapsed < r.config.electionTick) return;
  abortTransfer(r);
}

/** A target that is no voter any more cannot lead. */
export function checkTransferTarget(r: Raft): void {
  if (r.leadTransferee !== NONE && !r.tracker.isVoter(r.leadTransferee)) abortTransfer(r);
}

function abortTransfer(r: Raft): void {
  r.info('raft.transfer.abort', { to: r.leadTransferee });
  r.leadTransferee = NONE;
}

function sendTimeoutNow(r: Raft, to: ReplicaId): void {
  // INVARIANT(lease-before-transfer): the target's election passes all promises not to vote, so this
  // leader must not count on them any more, whenever the message arrives.
  r.lease?.revoke();
  r.send(makeMessage(MessageType.MsgTimeoutNow, to, r.term));
}
