import { type Entry, entrySizeBytes } from '../entry.js';
import type { LogIndex } from '../ids.js';
import { MessageType, makeMessage } from '../message.js';
import { COMPACTED, isMember, type SnapshotMetadata } from '../storage.js';
import { AppendDue, type Progress, ProgressState } from '../tracker/progress.js';
import type { Raft } from './raft.js';
import { noteDamage } from './repair.js';

const NO_ENTRIES: readonly Entry[] = Object.freeze([]) as readonly Entry[];

/**
 * The leader's sending side. Events only note what a follower is owed; ready() builds the messages,
 * so that any number of proposals of one turn share one MsgApp for each follower. With
 * Config.eagerAppend they are built at once, as etcd does.
 */
export function requestAppend(r: Raft, p: Progress, due: AppendDue): void {
  if (p.id === r.id || p.isPaused) return;
  if (r.config.eagerAppend) {
    maybeSendAppend(r, p, due === AppendDue.EvenIfEmpty);
  } else if (due > p.appendDue) {
    p.appendDue = due;
    r.appendsDue = true;
  }
}

/** There is something new for everybody: entries or a commit index. */
export function broadcastAppend(r: Raft): void {
  for (const p of r.tracker.members) requestAppend(r, p, AppendDue.EvenIfEmpty);
}

/** A window opened: fill it as far as entries go. */
export function fillWindow(r: Raft, p: Progress): void {
  if (p.id === r.id) return;
  if (r.config.eagerAppend) while (maybeSendAppend(r, p, false));
  else if (p.next <= r.log.lastIndex) requestAppend(r, p, AppendDue.IfEntries);
}

/** Builds the MsgApp messages that are owed. */
export function buildAppends(r: Raft): void {
  if (!r.appendsDue) return;
  r.appendsDue = false;
  for (const p of r.tracker.members) {
    if (p.appendDue === AppendDue.None) continue;
    const evenIfEmpty = p.appendDue === AppendDue.EvenIfEmpty;
    p.appendDue = AppendDue.None;
    if (maybeSendAppend(r, p, evenIfEmpty)) while (maybeSendAppend(r, p, false));
  }
}

/** One MsgApp (or MsgSnap) for `p` if it may have one now; false if nothing was sent. */
function maybeSendAppend(r: Raft, p: Progress, evenIfEmpty: boolean): boolean {
  if (p.isPaused) return false;
  const { log } = r;
  if (p.next < log.firstIndex) return maybeSendSnapshot(r, p);
  let entries = NO_ENTRIES;
  const windowFull = p.state === ProgressState.StateReplicate && p.inflights.full;
  if (!windowFull && p.next <= log.lastIndex) {
    const read = log.entries(p.next, log.lastIndex + 1, r.config.maxSizePerMsg);
    if (read === COMPACTED) return maybeSendSnapshot(r, p);
    if (read === 'faulty') {
      // What the state machine holds for good can travel as a snapshot.
      if (p.next <= r.frontier) return maybeSendSnapshot(r, p);
      noteDamage(r, p.next);
      return pause(r, p, 'raft.append.faulty');
    }
    entries = read;
  }
  if (entries.length === 0 && !evenIfEmpty) return false;
  const prev = p.next - 1;
  const m = makeMessage(MessageType.MsgApp, p.id, r.term);
  m.index = prev;
  m.logTerm = Math.max(0, log.term(prev));
  m.entries = entries;
  m.commit = log.committed;
  m.readToken = p.repairToken;
  m.repairIndex = p.repairUntil;
  let sizeBytes = 0;
  for (let i = 0; i < entries.length; i++) sizeBytes += entrySizeBytes(entries[i]!);
  p.sentEntries(entries.length, sizeBytes);
  p.sentCommit = log.committed;
  r.send(m);
  return true;
}

/** The entries that `p` needs are gone. */
function maybeSendSnapshot(r: Raft, p: Progress): boolean {
  const snapshot = snapshotFor(r, p, r.config.eagerAppend ? 0 : p.next);
  if (typeof snapshot === 'string') return pause(r, p, snapshot);
  sendSnapshot(r, p, snapshot);
  return true;
}

/** A snapshot that is of use to `p`, at `atLeast` or above; or the event that tells why there is none. */
export function snapshotFor(r: Raft, p: Progress, atLeast: LogIndex): SnapshotMetadata | string {
  // One that was never heard would only hold a snapshot open.
  if (!p.recentActive) return 'raft.snapshot.inactive';
  const snapshot = r.config.storage.snapshot();
  if (snapshot === null || snapshot.index < atLeast) return 'raft.snapshot.none';
  // It would refuse a state of a group that it was not part of yet.
  const isRefused = !r.config.eagerAppend && !isMember(snapshot.confState, p.id);
  return isRefused ? 'raft.snapshot.before-member' : snapshot;
}

/** The bytes travel by the host's own stream. */
export function sendSnapshot(r: Raft, p: Progress, snapshot: SnapshotMetadata): void {
  const m = makeMessage(MessageType.MsgSnap, p.id, r.term);
  m.snapshot = snapshot;
  p.becomeSnapshot(snapshot.index);
  r.send(m);
  r.info('raft.snapshot.send', { to: p.id, index: snapshot.index });
}

/** Nothing can be sent now; the answer to the next heartbeat tries again. */
function pause(r: Raft, p: Progress, event: string): boolean {
  // etcd tries again with each event instead.
  if (!r.config.eagerAppend) p.msgAppFlowPaused = true;
  r.info(event, { to: p.id, next: p.next });
  return false;
}
