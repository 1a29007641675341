import type { Consistency as Served } from '@dougdb/replica';
import { Consistency, DougError, readLevel } from '@dougdb/rpc-proto';

/** Unspecified is linearizable. @throws DougError INVALID_ARGUMENT for one that this version cannot serve */
export function servedConsistency(asked: Consistency): Served {
  const { consistency } = readLevel(asked, 0, 0);
  if (consistency === Consistency.CONSISTENCY_LINEARIZABLE) return 'linearizable';
  if (consistency === Consistency.CONSISTENCY_EVENTUAL) return 'eventual';
  throw new DougError('UNIMPLEMENTED', `reads of consistency ${consistency} are not served yet`);
}

/** The number on the wire of what was served. */
export function wireConsistency(served: Served): Consistency {
  return served === 'eventual'
    ? Consistency.CONSISTENCY_EVENTUAL
    : Consistency.CONSISTENCY_LINEARIZABLE;
}
