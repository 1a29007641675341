/** Data partitions of a run and the keys of its workload, spread over all of them. */
export interface Partitioning {
  readonly partitions: number;
  readonly keys: readonly string[];
  readonly splitAt: readonly Uint8Array[];
  /** Partition id of a key, by the split keys alone: the simulation's own opinion. */
  readonly partitionOf: (key: string) => number;
}

const FIRST_PARTITION = 2;
/** Few keys, so that operations meet on them. */
const FEWEST_KEYS = 5;
const KEYS_PER_PARTITION = 2;

export function partitioningOf(partitions: number): Partitioning {
  const count = Math.max(FEWEST_KEYS, partitions * KEYS_PER_PARTITION);
  const keys = Array.from({ length: count }, (_, at) => `key-${String(at).padStart(2, '0')}`);
  const placeOf = (key: string): number => Math.floor((keys.indexOf(key) * partitions) / count);
  const boundaries = keys.filter(
    (key, at) => at > 0 && placeOf(key) !== placeOf(keys[at - 1] ?? ''),
  );
  return {
    partitions,
    keys,
    splitAt: boundaries.map((key) => new TextEncoder().encode(key)),
    partitionOf: (key) => FIRST_PARTITION + boundaries.filter((boundary) => boundary <= key).length,
  };
}
