import type { Consistency as Served } from '@dougdb/replica';
import { Consistency, DougError, isConsistency } from '@dougdb/rpc-proto';

/** Unspecified is linearizable. @throws DougError INVALID_ARGUMENT for one that this version cannot serve */
export function servedConsistency(asked: Consistency): Served {
  if (!isConsistency(asked)) {
    throw new DougError('INVALID_ARGUMENT', `unknown consistency ${String(asked)}`);
  }
  return asked === Consistency.CONSISTENCY_EVENTUAL ? 'eventual' : 'linearizable';
}

/** The number on the wire of what was served. */
export function wireConsistency(served: Served): Consistency {
  return served === 'eventual'
    ? Consistency.CONSISTENCY_EVENTUAL
    : Consistency.CONSISTENCY_LINEARIZABLE;
}
