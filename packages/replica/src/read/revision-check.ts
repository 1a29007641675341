import type { DougError } from '@dougdb/rpc-proto';
import type { Refusals } from '../refusals.js';
import type { ReplicaState } from '../state/replica-state.js';

/** Why the state at a revision, which is applied, is not told of; null: it is. */
export function refuseRevision(
  state: ReplicaState & { readonly historyFloor?: number },
  revision: number,
  refusals: Refusals,
): DougError | null {
  const floor = state.historyFloor ?? 0;
  if (revision >= floor) return null;
  return refusals.compacted(`history begins at revision ${floor}: ${revision} is gone`);
}
