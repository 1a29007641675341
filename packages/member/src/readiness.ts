import type { Replica } from '@dougdb/replica';

/** A replica that has not heard from a leader for so long does not know what the others do. */
const LEADER_SILENCE_MS = 5_000;

/** Null when every replica here serves and follows a leader, or is one. */
export function notReadyReason(replicas: readonly Replica[]): string | null {
  for (const replica of replicas) {
    const { partitionId, replicaId, state, leaderReplicaId } = replica.status();
    const name = `replica ${replicaId} of partition ${partitionId}`;
    if (state === 'starting') return `${name} replays its log`;
    if (state !== 'serving') return `${name} is ${state}`;
    if (leaderReplicaId === 0) return `${name} knows no leader`;
    const { ageMs } = replica.header();
    if (ageMs > LEADER_SILENCE_MS) {
      return `${name} has not heard from its leader for ${Math.round(ageMs)} ms`;
    }
  }
  return null;
}
