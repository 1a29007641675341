import { compareEnds, compareKeys } from '@dougdb/facade';
import type { PartitionDescriptor } from '@dougdb/rpc-proto';

/** By keyspace, then by range. */
export function compareDescriptors(a: PartitionDescriptor, b: PartitionDescriptor): number {
  return a.keyspace - b.keyspace || compareEnds(a.end, b.end);
}

/**
 * What is wrong with the ranges of partitions; null: nothing.
 *
 * INVARIANT(ranges-cover): the ranges of a keyspace cover it from the first key to the last, touch, and do
 * not overlap. A gap would lose keys, an overlap would have two groups answer for one key.
 */
export function rangesFault(partitions: readonly PartitionDescriptor[]): string | null {
  const sorted = [...partitions].sort(compareDescriptors);
  for (const [at, { partitionId, keyspace, start, end }] of sorted.entries()) {
    const before = at > 0 && sorted[at - 1]?.keyspace === keyspace ? sorted[at - 1] : undefined;
    const name = `partition ${partitionId} of keyspace ${keyspace}`;
    if (end.length > 0 && compareKeys(start, end) >= 0) return `${name} has an empty range`;
    if (before === undefined && start.length > 0)
      return `nothing holds the first keys before ${name}`;
    if (before !== undefined && (before.end.length === 0 || compareKeys(before.end, start) !== 0)) {
      return `${name} does not begin where partition ${before.partitionId} ends`;
    }
    const isLast = sorted[at + 1]?.keyspace !== keyspace;
    if (isLast && end.length > 0) return `nothing holds the last keys behind ${name}`;
  }
  return null;
}
