import type { SimCluster } from '../cluster.js';
import type { Observation } from '../observation.js';
import { violations } from '../oracle.js';
import { checkLinearizability } from './linearizability.js';

/** Judges a whole history of registers by what clients were told alone, one partition after the other. */
export function judge(cluster: SimCluster, history: readonly Observation[]): void {
  const { partitionOf } = cluster.partitioning;
  const byPartition = new Map<number, Observation[]>();
  for (const op of history) {
    const id = partitionOf(op.key);
    const part = byPartition.get(id) ?? [];
    part.push(op);
    byPartition.set(id, part);
  }
  for (const [id, part] of byPartition) {
    for (const violation of violations(part)) {
      cluster.truth.report('revisions-in-order', `partition ${id}: ${violation}`);
    }
  }
  checkLinearizability(history, cluster);
}
