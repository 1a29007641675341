import type { LogIndex } from '../ids.js';
import { type Message, MessageType, makeMessage } from '../message.js';
import { DropReason, StepStatus } from '../ready.js';
import { isMember, type SnapshotMetadata } from '../storage.js';
import { type Progress, ProgressState } from '../tracker/progress.js';
import { sendSnapshot, snapshotFor } from './append-sender.js';
import { acknowledge, askForSnapshot, followLeader, isSecondLeader } from './follower.js';
import { beginStepDown } from './hand-over.js';
import { adoptConf } from './membership.js';
import type { Raft } from './raft.js';

/** A snapshot of the leader, whose bytes this host has received already. */
export function handleSnapshot(r: Raft, m: Message): StepStatus {
  const { snapshot } = m;
  if (snapshot === null || isSecondLeader(r, m)) return StepStatus.Invalid;
  followLeader(r, m);
  if (installs(r, snapshot)) {
    r.wantsSnapshot = false;
    r.info('raft.snapshot.install', { index: snapshot.index });
    acknowledge(r, m, Math.max(snapshot.index, r.log.committed));
  } else {
    acknowledge(r, m, r.log.committed);
  }
  return StepStatus.Ok;
}

/** True if log or state machine are to be replaced by the snapshot. */
function installs(r: Raft, snapshot: SnapshotMetadata): boolean {
  const { index, term, confState } = snapshot;
  const { log } = r;
  // INVARIANT(snapshot-for-member): a replica takes no state of a group that it is not part of.
  if (!isMember(confState, r.id)) return false;
  const matches = log.matches(index, term);
  // A damaged entry that is still to be applied, and that the leader's log does not reach any more. One
  // that is applied is the host's business (flushed): its state machine is whole and goes on.
  const { firstDamaged } = r.repairs;
  const isMending = firstDamaged > log.applied && firstDamaged <= index;
  const isWanted = (r.wantsSnapshot || isMending) && index >= log.applied;
  // One that comes again while it is installed would take the state machine back behind what is applied
  // by then; a newer one may not be wanted any more when the first is there.
  if (isWanted && matches && !log.isInstalling) {
    dropUnhanded(r, index);
    log.reinstall(snapshot);
    adoptConf(r, confState);
    if (isMending) r.installAnswer = acknowledgementOf(r, index);
    return true;
  }
  if (index <= log.committed) return false;
  if (matches) {
    // The log holds everything up to there: only that it is committed is news.
    log.commitTo(index);
    r.trace('Commit');
    return false;
  }
  replaceLog(r, snapshot);
  return true;
}

/** What lies up to `index` is whole once the snapshot is installed, and not before. */
function acknowledgementOf(r: Raft, index: LogIndex): Message {
  const ack = makeMessage(MessageType.MsgAppResp, r.leader, r.term);
  ack.from = r.id;
  ack.index = index;
  ack.commit = r.log.committed;
  ack.readToken = r.repairs.ackToken;
  r.traceMessage('Send', ack);
  return ack;
}

/** The snapshot at `index` is durable and in the state machine. */
export function snapshotInstalled(r: Raft, index: LogIndex): void {
  const { log, repairs } = r;
  if (log.installed(index)) {
    // Changes above it that were applied to the state before are handed out again.
    r.lastConfApplied = Math.min(r.lastConfApplied, index);
    r.frontier = Math.max(r.frontier, index);
  }
  repairs.compactTo(index);
  if (!log.isInstalling) r.confBeforeInstall = null;
}

function replaceLog(r: Raft, snapshot: SnapshotMetadata): void {
  r.installAnswer = null;
  dropUnhanded(r, r.log.committed);
  // What was committed stays promised until the snapshot takes its place.
  r.out.truncateFrom(r.log.committed + 1);
  r.repairs.truncateFrom(0);
  r.log.restore(snapshot);
  adoptConf(r, snapshot.confState);
}

/**
 * Entries that are committed and were not handed out are part of the snapshot now: whoever waits here
 * for one of them, from the time when this replica led, has to be told that nothing more will come.
 */
function dropUnhanded(r: Raft, until: LogIndex): void {
  if (!r.hasLed) return;
  const { log } = r;
  for (let first = log.handed + 1; first <= until; ) {
    const term = log.term(first);
    let last = first;
    while (last < until && log.term(last + 1) === term) last++;
    if (term > 0) {
      r.drops.push({ kind: 'proposals', term, first, last, reason: DropReason.Snapshot });
    }
    first = last + 1;
  }
}

/** The state machine of this replica is damaged, its log and hard state are whole (S11). */
export function requestSnapshot(r: Raft): void {
  if (!r.wantsSnapshot) r.snapshotWantedAt = r.ticks;
  r.wantsSnapshot = true;
  if (r.isLeader) beginStepDown(r, 'snapshot-wanted');
  else askForSnapshot(r);
}

/** A follower whose state machine is damaged. */
export function handleSnapshotRequest(r: Raft, p: Progress, m: Message): StepStatus {
  p.recentActive = true;
  if (p.state === ProgressState.StateSnapshot) return StepStatus.Ok;
  const snapshot = snapshotFor(r, p, m.index);
  // Its log is whole: without a snapshot it goes on getting entries.
  if (typeof snapshot !== 'string') sendSnapshot(r, p, snapshot);
  return StepStatus.Ok;
}
