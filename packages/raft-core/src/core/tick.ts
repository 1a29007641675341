import { NONE } from '../ids.js';
import { ProgressState } from '../tracker/progress.js';
import { campaignIfAllowed, isPromotable } from './election.js';
import { broadcastHeartbeat } from './heartbeat.js';
import type { Raft } from './raft.js';
import { tickReads } from './reads.js';
import { becomeFollower } from './roles.js';
import { tickTransfer } from './transfer.js';

/** One step of the logical clock. An idle one allocates nothing. */
export function tick(r: Raft): void {
  r.ticks++;
  if (r.silenceLeft > 0) r.silenceLeft--;
  r.log.retryBlocked();
  r.electionElapsed++;
  if (r.isLeader) tickLeader(r);
  else tickElection(r);
  tickReads(r);
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
      r.config.logger?.info('raft.leader.quorum-lost', { id: r.id, term: r.term });
      becomeFollower(r, r.term, NONE);
      return;
    }
  }
  tickTransfer(r);
  tickSnapshots(r);
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
