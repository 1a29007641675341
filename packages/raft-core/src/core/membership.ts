import { changeConf, isJoint } from '../confchange/changer.js';
import type { ConfChange } from '../confchange/conf-change.js';
import { EntryType, type ProposalData } from '../entry.js';
import { type LogIndex, NONE } from '../ids.js';
import { RaftInvariantError } from '../invariant.js';
import { DropReason, type Proposed } from '../ready.js';
import type { ConfState } from '../storage.js';
import { AppendDue } from '../tracker/progress.js';
import { type Succession, Tracker } from '../tracker/tracker.js';
import { broadcastAppend, requestAppend } from './append-sender.js';
import { beginStepDown } from './hand-over.js';
import type { Raft } from './raft.js';
import { recheckReads } from './reads.js';
import { maybeCommit, proposeEntries, recount, whyNotPropose } from './replication.js';
import { becomeFollower } from './roles.js';
import { checkTransferTarget } from './transfer.js';

/** What became of a committed change. */
export interface AppliedConf {
  readonly confState: ConfState;
  /** Why the change was void, on all replicas alike; null: it is in force. */
  readonly refused: string | null;
}

/**
 * Proposes a change of the configuration. The checks are a courtesy (the configuration that counts is
 * the one in force when the entry is applied) but for one: only one change is under way at a time.
 */
export function proposeConfChange(
  r: Raft,
  change: ConfChange,
  { data, type }: { readonly data: ProposalData; readonly type: EntryType },
): Proposed {
  const reason = whyNotPropose(r) ?? whyNotChange(r, change);
  if (reason !== null) return { dropped: reason };
  const proposed = proposeEntries(r, [data], type);
  if (!('dropped' in proposed)) {
    r.pendingConfIndex = proposed.last;
    r.trace('ChangeConf');
  }
  return proposed;
}

/**
 * INVARIANT(one-conf-change): a change is proposed only when the one before it is applied here, and
 * when an entry of this term is committed, or two changes that know nothing of each other could make
 * two quorums that do not meet (Ongaro's fix of the single-server change, raft-dev 2015).
 */
function whyNotChange(r: Raft, change: ConfChange): DropReason | null {
  const { confChangeChecks } = r.config;
  if (confChangeChecks === 'none') return null;
  if (r.pendingConfIndex > r.log.applied) return DropReason.ConfChangePending;
  if (confChangeChecks === 'all' && !r.committedInTerm) return DropReason.ConfChangePending;
  const conf = r.tracker.confState;
  if (isJoint(conf) && change.changes.length > 0) return DropReason.JointConf;
  if (!isJoint(conf) && change.changes.length === 0) return DropReason.NotJointConf;
  if (confChangeChecks === 'etcd') return null;
  if (change.changes.some(({ id }) => r.retired.has(id) && r.tracker.get(id) === undefined)) {
    return DropReason.RetiredId;
  }
  return 'refused' in changeConf(conf, change) ? DropReason.InvalidConfChange : null;
}

/** A committed change takes effect; null voids it. It is of entry `log.nextConfChange`. */
export function applyConfChange(r: Raft, change: ConfChange | null): AppliedConf {
  const index = r.log.nextConfChange(r.lastConfApplied);
  // INVARIANT(conf-change-in-log): a configuration comes from a committed entry and from nowhere else.
  if (index === 0) {
    throw new RaftInvariantError('conf-change-in-log', 'no configuration change was handed out');
  }
  r.lastConfApplied = index;
  const applied = applyAt(r, index, change);
  // Entries above a change wait until it is applied, also if nothing comes of it.
  if (applied.refused !== null) recount(r);
  return applied;
}

function applyAt(r: Raft, index: LogIndex, change: ConfChange | null): AppliedConf {
  // Entries handed out before a snapshot came are applied to the configuration that they follow.
  const before = r.log.isInstalling ? r.confBeforeInstall : null;
  const conf = before ?? r.tracker.confState;
  if (change === null) return { confState: conf, refused: 'voided by the host' };
  const changed = changeConf(conf, change);
  if ('refused' in changed) {
    r.info('raft.conf.refused', { index, reason: changed.refused });
    return { confState: conf, refused: changed.refused };
  }
  const { fresh } = changed;
  if (before !== null) {
    r.confBeforeInstall = changed.conf;
    return { confState: changed.conf, refused: null };
  }
  r.confBefore = { quorum: r.tracker.quorum, lastIndex: r.log.lastIndex };
  switchToConf(r, changed.conf, { before: r.tracker, fresh, lastIndex: r.log.lastIndex });
  r.trace('ApplyConfChange');
  return { confState: changed.conf, refused: null };
}

/** A snapshot brings the configuration as of its index. */
export function adoptConf(r: Raft, conf: ConfState): void {
  r.confBeforeInstall ??= r.tracker.confState;
  r.confBefore = null;
  switchToConf(r, conf, null);
}

function switchToConf(r: Raft, conf: ConfState, succession: Succession | null): void {
  const before = r.tracker;
  r.tracker = new Tracker(conf, r.config, succession);
  for (const { id } of before.members) {
    if (r.tracker.get(id) === undefined) r.retired.add(id);
  }
  r.info('raft.conf', {
    voters: conf.voters.join(),
    outgoing: conf.votersOutgoing.join(),
    learners: conf.learners.join(),
  });
  if (!r.isLeader) return;
  if (!r.tracker.isVoter(r.id)) {
    leadNoMore(r);
    return;
  }
  checkTransferTarget(r);
  afterConfChange(r);
}

/** A smaller quorum may have committed more, and confirmed more reads; newcomers are probed at once. */
function afterConfChange(r: Raft): void {
  if (maybeCommit(r)) {
    broadcastAppend(r);
  } else {
    for (const p of r.tracker.members) requestAppend(r, p, AppendDue.IfEntries);
  }
  recheckReads(r);
}

/**
 * This leader is no voter any more. That is committed, or it would not be applied, and its followers
 * have to learn so (etcd#10563).
 */
function leadNoMore(r: Raft): void {
  const { stepDownOnRemoval, handOverOnRemoval } = r.config;
  if (!handOverOnRemoval) {
    if (stepDownOnRemoval) becomeFollower(r, r.term, NONE);
    return;
  }
  checkTransferTarget(r);
  afterConfChange(r);
  broadcastAppend(r);
  if (stepDownOnRemoval) beginStepDown(r, 'removed');
}

/** The host reports entries as applied: each change among them must have been given to applyConfChange. */
export function checkConfApplied(r: Raft, index: LogIndex): void {
  const next = r.log.nextConfChange(r.lastConfApplied);
  if (next === 0 || next > index) return;
  throw new RaftInvariantError(
    'conf-change-in-log',
    `applied(${index}) without applyConfChange() for entry ${next}`,
  );
}

/**
 * Leaves a joint configuration that is to be left by itself. Tried again and again until it works: a
 * transfer may be going on, or the byte limit may refuse the entry.
 */
export function maybeAutoLeave(r: Raft): void {
  const { confState } = r.tracker;
  if (!r.isLeader || !confState.autoLeave || r.pendingConfIndex > r.log.applied) return;
  if (r.config.confChangeChecks === 'all' && !r.committedInTerm) return;
  if (whyNotPropose(r) !== null) return;
  const proposed = proposeEntries(r, [EMPTY], EntryType.EntryConfChangeV2);
  if ('dropped' in proposed) return;
  r.pendingConfIndex = proposed.last;
  r.info('raft.conf.auto-leave', { index: proposed.last });
}

const EMPTY: ProposalData = Object.freeze({ data: new Uint8Array(0), checksum: 0 });
