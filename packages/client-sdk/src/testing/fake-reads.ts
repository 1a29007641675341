import { Consistency, DougError, type ReadLevel } from '@dougdb/rpc-proto';
import type { FakePartition } from './fake-partition.js';

/** Why a partition does not serve a read of this level; null: it does. */
export function readRefusal(partition: FakePartition, level: ReadLevel): DougError | null {
  if (level.consistency !== Consistency.CONSISTENCY_AT_REVISION) return null;
  return revisionRefusal(partition, level.argument);
}

/** Why a partition cannot be read as of a revision. */
export function revisionRefusal(partition: FakePartition, at: number): DougError | null {
  const { historyFloor, revision } = partition;
  if (at < historyFloor) {
    return new DougError('COMPACTED', `revision ${at} is below ${historyFloor}, the oldest kept`);
  }
  if (at > revision) {
    return new DougError(
      'FUTURE_REVISION',
      `revision ${at} is yet to come, the newest is ${revision}`,
    );
  }
  return null;
}
