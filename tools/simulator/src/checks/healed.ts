import type { SimCluster } from '../cluster.js';

/** All members have applied the same, and all of what anybody has ever applied. */
export function checkHealed({ members, truth }: SimCluster): void {
  for (const { name, member } of members) {
    for (const { partitionId, appliedIndex, revision } of member?.replicaStatuses() ?? []) {
      const { lastIndex, model } = truth.partition(partitionId);
      const isBehind =
        appliedIndex !== lastIndex || (partitionId > 1 && revision !== model.revision);
      if (!isBehind) continue;
      const is = `entry ${appliedIndex}, revision ${revision}`;
      truth.report('convergence', `partition ${partitionId} on ${name}: ${is} of ${lastIndex}`);
    }
  }
}
