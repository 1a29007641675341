import { NONE, type ReplicaId } from '../ids.js';
import type { Raft } from './raft.js';
import { becomeFollower } from './roles.js';
import { repeatTimeoutNow, transferLeader } from './transfer.js';

/**
 * The leader should lead no more: it was removed, its disk hangs, its log is damaged. It leads on for
 * at most one election timeout, takes no proposals, and hands over to the voter that lacks least; so a
 * group loses no time, and its followers learn what this leader committed last.
 */
export function beginStepDown(r: Raft, reason: string): void {
  if (!r.isLeader || r.steppingDown !== null) return;
  r.steppingDown = reason;
  r.steppingDownElapsed = 0;
  r.info('raft.leader.stepping-down', { reason });
  const to = bestSuccessor(r);
  if (to !== NONE) transferLeader(r, to);
}

/** True if the leadership ended. */
export function tickStepDown(r: Raft): boolean {
  if (r.steppingDown === null) return false;
  if (++r.steppingDownElapsed < r.config.electionTick) {
    if (r.steppingDownElapsed % r.config.heartbeatTick === 0) callSuccessor(r);
    return false;
  }
  r.info('raft.leader.stepped-down', { reason: r.steppingDown });
  r.snapshotWantedAt = r.ticks;
  becomeFollower(r, r.term, NONE);
  return true;
}

/**
 * A target that has not applied its configuration yet ignores the first call. One that is not heard, or
 * lacks more than another, may have been chosen when nothing was known of anybody.
 */
function callSuccessor(r: Raft): void {
  const chosen = r.tracker.get(r.leadTransferee);
  const isReady = chosen?.recentActive === true && chosen.match === r.log.lastIndex;
  const to = isReady ? NONE : bestSuccessor(r);
  if (to === NONE || to === r.leadTransferee) repeatTimeoutNow(r);
  else transferLeader(r, to);
}

/** The voter that lacks least, one that was heard of lately if there is any; NONE if it is alone. */
function bestSuccessor(r: Raft): ReplicaId {
  let best: ReplicaId = NONE;
  let bestScore = -1;
  for (const p of r.tracker.members) {
    if (p.id === r.id || !r.tracker.confState.voters.includes(p.id)) continue;
    const score = p.recentActive ? r.log.lastIndex + 1 + p.match : p.match;
    if (score <= bestScore) continue;
    best = p.id;
    bestScore = score;
  }
  return best;
}
