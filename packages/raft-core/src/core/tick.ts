import { NONE } from '../ids.js';
import { ProgressState } from '../tracker/progress.js';
import { campaignIfAllowed, isPromotable } from './election.js';
import { tickStepDown } from './hand-over.js';
import { broadcastHeartbeat } from './heartbeat.js';
import { maybeAutoLeave } from './membership.js';
import type { Raft } from './raft.js';
import { tickReads } from './reads.js';
import { tickRepairs } from './repair.js';
import { becomeFollower } from './roles.js';
import { tickTransfer } from './transfer.js';

/** Ticks that may be missing before the host must have been stalled. */
const STALL_TICKS = 4;

/** One step of the logical clock. An idle one allocates nothing. */
export function tick(r: Raft, nowMs: number): void {
  const isLate = isAfterStall(r, nowMs);
  r.nowMs = Math.max(r.nowMs, nowMs);
  r.ticks++;
  if (r.silenceLeft > 0) r.silenceLeft--;
  r.log.retryBlocked();
  if (!isLate) r.electionElapsed++;
  if (r.isLeader) tickLeader(r);
  else tickElection(r);
  tickReads(r);
  if (r.config.repair) tickRepairs(r);
}

/**
 * Whether the host did nothing for many ticks. What others sent meanwhile is still to be read, so this
 * tick does not count towards an election: silence of a leader and own deafness look alike.
 */
function isAfterStall(r: Raft, nowMs: number): boolean {
  const { tickMs } = r.config;
  return tickMs > 0 && r.nowMs > 0 && nowMs - r.nowMs > STALL_TICKS * tickMs;
}

function tickElection(r: Raft): void {
  if (r.electionElapsed < r.randomizedElectionTimeout || !isPromotable(r)) return;
  r.electionElapsed = 0;
  campaignIfAllowed(r);
}

function tickLeader(r: Raft): void {
  if (r.electionElapsed >= r.config.electionTick) {
    r.electionElapsed = 0;
    if (r.config.checkQuorum && !hasActiveQuorum(r)) {
      r.info('raft.leader.quorum-lost', {});
      becomeFollower(r, r.term, NONE);
      return;
    }
  }
  if (tickStepDown(r)) return;
  tickTransfer(r);
  tickSnapshots(r);
  maybeAutoLeave(r);
  if (++r.heartbeatElapsed >= r.config.heartbeatTick) {
    r.heartbeatElapsed = 0;
    broadcastHeartbeat(r);
  }
}

/** Whether a quorum was heard since the last check, which this is. */
function hasActiveQuorum(r: Raft): boolean {
  const active = r.tracker.quorumActive();
  for (const p of r.tracker.members) p.recentActive = p.id === r.id;
  return active;
}

/** A host that never reports the end of a snapshot must not hold a follower back for ever (etcd#10225). */
function tickSnapshots(r: Raft): void {
  const { members } = r.tracker;
  for (let i = 0; i < members.length; i++) {
    const p = members[i]!;
    if (p.state !== ProgressState.StateSnapshot) continue;
    if (++p.snapshotElapsed >= r.config.snapshotTimeoutTick) p.becomeProbe();
  }
}
