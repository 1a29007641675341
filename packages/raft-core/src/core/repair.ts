import { isJoint } from '../confchange/changer.js';
import { type Entry, openingEntry } from '../entry.js';
import { type LogIndex, NONE } from '../ids.js';
import { RaftInvariantError } from '../invariant.js';
import { type Message, MessageType, makeMessage } from '../message.js';
import type { JointConfig } from '../quorum/joint.js';
import type { MajorityConfig } from '../quorum/majority.js';
import { VoteResult } from '../quorum/vote-result.js';
import { StepStatus } from '../ready.js';
import { COMPACTED } from '../storage.js';
import { beginStepDown } from './hand-over.js';
import type { Raft } from './raft.js';
import { becomeFollower } from './roles.js';

/** Damaged entries asked for at a time. */
const MAX_ASKED = 16;

/** A read met a damaged entry. Who leads must not: it could not send that entry to anybody. */
export function noteDamage(r: Raft, index: LogIndex): void {
  r.config.logger?.info('raft.entry.faulty', { id: r.id, index });
  // What the state machine holds for good is as good as compacted.
  if (!r.config.repair || index <= r.frontier) return;
  found(r, [index]);
  if (!r.isLeader) return;
  const self = r.tracker.get(r.id);
  // A damaged copy is no durable copy: what this leader lacks has to be on a quorum without it.
  if (self !== undefined) self.match = Math.min(self.match, r.repairs.firstDamaged - 1);
  beginStepDown(r, 'damaged-entry');
}

/**
 * Entries whose bytes are lost. Those that open a term need nobody's help: whoever made them, they are
 * empty. So the entry by which a leader began, and which it may be alone to have, never stands in its way.
 */
export function found(r: Raft, indexes: readonly LogIndex[]): void {
  r.repairs.found(indexes, r.term);
  for (const index of indexes) {
    const term = r.log.term(index);
    const before = r.log.term(index - 1);
    if (before >= 0 && term > before) r.repairs.fetched(openingEntry(term, index));
  }
}

/** The state machine holds everything up to `index` durably: entries up to there need no repair. */
export function flushed(r: Raft, index: LogIndex): void {
  // INVARIANT(applied-in-order): what is durable in the state machine was applied before.
  if (!(index <= r.log.applied)) {
    throw new RaftInvariantError(
      'applied-in-order',
      `flushed(${index}), but only ${r.log.applied} is applied`,
    );
  }
  r.frontier = Math.max(r.frontier, index);
  r.repairs.compactTo(r.frontier);
  checkRecovered(r);
}

/** Entries of a leader, or of a replica with the same (index, term): their bytes mend what is damaged here. */
export function repairEntries(r: Raft, entries: readonly Entry[]): void {
  for (const entry of entries) {
    // INVARIANT(repair-same-entry): bytes go only to the place of the very entry they belong to.
    if (r.log.term(entry.index) === entry.term) r.repairs.fetched(entry);
  }
}

/**
 * Once an election timeout asks everybody for what is damaged here. What is not committed only without
 * a leader (who would send it, or replace it); what is committed always: the leader's log may begin
 * above it.
 */
export function tickRepairs(r: Raft): void {
  const { repairs, config } = r;
  repairs.compactTo(Math.max(r.frontier, Math.min(r.log.applied, r.log.firstIndex - 1)));
  const first = repairs.firstDamaged;
  if (first === 0 || r.isLeader) return;
  const isLed = r.ticks - r.leaderHeardAt < config.electionTick;
  const isOpen = first > r.log.committed;
  if ((isLed && isOpen) || ++repairs.askElapsed < config.electionTick) return;
  repairs.askElapsed = 0;
  const canBeDenied = isDeniable(r, first);
  const term = Math.max(0, r.log.term(first));
  // Words count in one term above the entry's, or one who has not got it now might get it later from
  // the leader who made it; and above all in which this replica may have acknowledged it, or a leader
  // of that term might send it to one who denied it and count the old acknowledgement.
  if (canBeDenied && r.term <= Math.max(term, repairs.foundTerm)) {
    becomeFollower(r, r.term + 1, NONE);
  }
  repairs.denials = canBeDenied ? { index: first, term: r.term, deniers: new Set() } : null;
  for (const index of repairs.damaged.slice(0, MAX_ASKED)) {
    ask(r, index, canBeDenied && index === first ? r.term : 0);
  }
}

/**
 * A committed entry is on a quorum: nobody's word can make it disappear. Of one that may be committed the
 * quorum has to be known, so all configuration changes below it have to be applied here: by the words of
 * those who left long ago a committed entry would be dropped. But for one change of a joint
 * configuration, which ends it or is void.
 */
function isDeniable(r: Raft, index: LogIndex): boolean {
  const { log } = r;
  const isOpen = index > Math.max(log.committed, r.commitHeard);
  const isKnown = log.confPendingBelow(index) <= (isJoint(r.tracker.confState) ? 1 : 0);
  return isOpen && isKnown;
}

function ask(r: Raft, index: LogIndex, denyTerm: number): void {
  for (const p of r.tracker.members) {
    if (p.id === r.id) continue;
    const m = makeMessage(MessageType.MsgEntryReq, p.id, 0);
    m.index = index;
    m.logTerm = Math.max(0, r.log.term(index));
    m.readToken = r.repairs.lifeToken;
    m.denyTerm = denyTerm;
    r.send(m);
  }
}

/** Another replica lost the bytes of (m.index, m.logTerm). */
export function handleEntryRequest(r: Raft, m: Message): StepStatus {
  const { log } = r;
  const answer = makeMessage(MessageType.MsgEntryResp, m.from, 0);
  answer.index = m.index;
  answer.logTerm = m.logTerm;
  answer.readToken = m.readToken;
  answer.denyTerm = m.denyTerm;
  const term = log.term(m.index);
  if (term === m.logTerm) {
    const found = m.index < log.firstIndex ? COMPACTED : log.entries(m.index, m.index + 1, 1);
    if (found === COMPACTED) return StepStatus.Ok;
    if (found === 'faulty') {
      noteDamage(r, m.index);
      return StepStatus.Ok;
    }
    if (r.repairs.isDamaged(m.index)) return StepStatus.Ok;
    answer.entries = found;
    r.send(answer);
    return StepStatus.Ok;
  }
  if (term === COMPACTED || m.denyTerm <= m.logTerm) return StepStatus.Ok;
  return deny(r, m, answer);
}

/**
 * INVARIANT(denial-durable): who says that it has no such entry has adopted, durably and before, a
 * term in which it can never get it from the leader who made it. Not while a leader is heard, and not
 * by one that does not know what it may have lost itself.
 */
function deny(r: Raft, m: Message, answer: Message): StepStatus {
  const isLed = r.isLeader || r.ticks - r.leaderHeardAt < r.config.electionTick;
  if (isLed || r.repairs.isRecovering || r.silenceLeft > 0) return StepStatus.Ok;
  if (m.denyTerm > r.term) becomeFollower(r, m.denyTerm, NONE);
  answer.reject = true;
  answer.denyTerm = r.term;
  r.sendWhenDurable(answer);
  return StepStatus.Ok;
}

export function handleEntryResponse(r: Raft, m: Message): StepStatus {
  if (m.readToken !== r.repairs.lifeToken || !r.repairs.isDamaged(m.index)) return StepStatus.Stale;
  if (!m.reject) {
    repairEntries(r, m.entries);
    return StepStatus.Ok;
  }
  if (r.isLeader || r.ticks - r.leaderHeardAt < r.config.electionTick) return StepStatus.Stale;
  if (m.denyTerm > r.term) {
    // The next try is made in that term.
    becomeFollower(r, m.denyTerm, NONE);
    return StepStatus.Ok;
  }
  return countDenial(r, m);
}

/**
 * INVARIANT(denied-by-quorum): an entry is given up only when so many do not have it, all in one term,
 * that no quorum can have it, hence that it was never committed and never will be by its maker.
 */
function countDenial(r: Raft, m: Message): StepStatus {
  const { denials } = r.repairs;
  const isCurrent = denials !== null && denials.index === m.index && denials.term === r.term;
  if (!isCurrent || m.denyTerm !== r.term || m.logTerm !== r.log.term(m.index)) {
    return StepStatus.Stale;
  }
  const { deniers } = denials;
  deniers.add(m.from);
  const lacks = (quorum: JointConfig | MajorityConfig): boolean =>
    quorum.voteResult((id) => (deniers.has(id) ? false : null)) === VoteResult.VoteLost;
  const { quorum } = r.tracker;
  // Without the incoming half neither the joint configuration nor the one after it decides.
  const isEnding = r.log.confPendingBelow(m.index) > 0;
  const before = confBeforeOf(r, m.index);
  const isLost =
    lacks(isEnding ? quorum.incoming : quorum) && (before === null || lacks(before.quorum));
  if (!isLost || !isDeniable(r, m.index)) return StepStatus.Ok;
  r.info('raft.entry.denied', { index: m.index, last: r.log.lastIndex });
  r.repairs.denials = null;
  r.truncateFrom(m.index);
  r.log.dropped(m.index);
  return StepStatus.Ok;
}

/**
 * The configuration before the one in force, if a leader may have counted copies of the entry by it; else
 * null. By INVARIANT(one-conf-commits) only the entry that opens a term is ever counted so, with what
 * stands between it and the change; and not if this replica knew of the change's commit before it had
 * the entry, for its acknowledgements say what it knows.
 */
function confBeforeOf(r: Raft, index: LogIndex): Raft['confBefore'] {
  const { log, confBefore } = r;
  if (confBefore === null || index > confBefore.lastIndex) return null;
  const isAmongOneTerm = log.term(index - 1) === log.lastTerm;
  return isAmongOneTerm ? null : confBefore;
}

/** Repairs that a ticket carried are durable. */
export function repairsDurable(r: Raft, entries: readonly Entry[]): void {
  if (entries.length === 0) return;
  r.repairs.repaired(entries);
  r.log.retryBlocked();
}

/** Looks whether a recovering replica has everything back. */
export function checkRecovered(r: Raft): void {
  if (!r.repairs.isRecovering || r.repairs.firstDamaged !== 0) return;
  if (r.repairs.maybeRecovered(Math.min(r.log.committed, r.log.durable))) {
    r.info('raft.recovered', { commit: r.log.committed });
  }
}
