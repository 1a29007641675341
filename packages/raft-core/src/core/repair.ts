import type { Entry } from '../entry.js';
import { type LogIndex, NONE } from '../ids.js';
import { type Message, MessageType, makeMessage } from '../message.js';
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
  if (!r.config.repair) return;
  r.repairs.found([index]);
  if (r.isLeader) beginStepDown(r, 'damaged-entry');
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
  repairs.compactTo(Math.min(r.log.applied, r.log.firstIndex - 1));
  const first = repairs.firstDamaged;
  if (first === 0 || r.isLeader) return;
  // A committed entry is on a quorum: nobody's word can make it disappear.
  const canBeDenied = first > r.log.committed;
  const isLed = r.ticks - r.leaderHeardAt < config.electionTick;
  if ((isLed && canBeDenied) || ++repairs.askElapsed < config.electionTick) return;
  repairs.askElapsed = 0;
  const term = Math.max(0, r.log.term(first));
  // Words count in one term above the entry's, or one who has not got it now might get it later from
  // the leader who made it.
  if (canBeDenied && r.term <= term) becomeFollower(r, r.term + 1, NONE);
  repairs.denials = canBeDenied ? { index: first, term: r.term, deniers: new Set() } : null;
  for (const index of repairs.damaged.slice(0, MAX_ASKED)) {
    ask(r, index, canBeDenied && index === first ? r.term : 0);
  }
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
  denials.deniers.add(m.from);
  const verdict = r.tracker.quorum.voteResult((id) => (denials.deniers.has(id) ? false : null));
  if (verdict !== VoteResult.VoteLost || m.index <= r.log.committed) return StepStatus.Ok;
  r.info('raft.entry.denied', { index: m.index, last: r.log.lastIndex });
  r.repairs.denials = null;
  r.truncateFrom(m.index);
  r.log.dropped(m.index);
  return StepStatus.Ok;
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
