import { Consistency, EVENTUAL, LINEARIZABLE, type ReadLevel } from '@dougdb/rpc-proto';

/** As short as expectations want it: 'linearizable', 'eventual', 'lease', or what the functions below make. */
export type Level = 'linearizable' | 'eventual' | 'lease' | ReadLevel;

export function levelOf(level: Level): ReadLevel {
  switch (level) {
    case 'linearizable':
      return LINEARIZABLE;
    case 'eventual':
      return EVENTUAL;
    case 'lease':
      return { consistency: Consistency.CONSISTENCY_LEASE, argument: 0 };
    default:
      return level;
  }
}

export function bounded(maxAgeMs: number): ReadLevel {
  return { consistency: Consistency.CONSISTENCY_BOUNDED, argument: maxAgeMs };
}

export function at(revision: number): ReadLevel {
  return { consistency: Consistency.CONSISTENCY_AT_REVISION, argument: revision };
}
