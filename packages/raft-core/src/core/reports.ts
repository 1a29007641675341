import type { ReplicaId } from '../ids.js';
import { ProgressState } from '../tracker/progress.js';
import type { Raft } from './raft.js';

/** A message to `id` was lost for certain: what is in flight to it may be gone as well. */
export function reportUnreachable(r: Raft, id: ReplicaId): void {
  const p = r.tracker.get(id);
  if (!r.isLeader || p === undefined || p.state !== ProgressState.StateReplicate) return;
  p.becomeProbe();
}

/** The stream of a snapshot to `id` ended. */
export function reportSnapshot(r: Raft, id: ReplicaId, ok: boolean): void {
  const p = r.tracker.get(id);
  if (!r.isLeader || p === undefined || p.state !== ProgressState.StateSnapshot) return;
  if (!ok) p.pendingSnapshot = 0;
  p.becomeProbe();
  // If it went well its acknowledgement is on its way; if not, the next heartbeat's answer tries again.
  p.msgAppFlowPaused = true;
}
