import type { Replica } from '@dougdb/replica';
import { META_PARTITION_ID } from './genesis/record.js';

/** A replica that has not heard from a leader for so long does not know what the others do. */
const LEADER_SILENCE_MS = 5_000;

/**
 * Null when every replica of users' data here serves and follows a leader, or is one. Of the meta group it
 * is asked only that its log is replayed: while that group has no leader nothing about the cluster can
 * change, but reads and writes go on, and a node that says "not ready" would be taken out of service.
 */
export function notReadyReason(replicas: readonly Replica[]): string | null {
  for (const replica of replicas) {
    const { partitionId, replicaId, state, leaderReplicaId } = replica.status();
    const name = `replica ${replicaId} of partition ${partitionId}`;
    if (state === 'starting') return `${name} replays its log`;
    if (partitionId === META_PARTITION_ID) continue;
    if (state !== 'serving') return `${name} is ${state}`;
    if (leaderReplicaId === 0) return `${name} knows no leader`;
    const { ageMs } = replica.header();
    if (ageMs > LEADER_SILENCE_MS) {
      return `${name} has not heard from its leader for ${Math.round(ageMs)} ms`;
    }
  }
  return null;
}
