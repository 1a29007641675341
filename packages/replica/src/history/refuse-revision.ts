import type { DougError } from '@dougdb/rpc-proto';
import type { Refusals } from '../refusals.js';
import type { ReplicaState } from '../state/replica-state.js';

/**
 * Whether the state as of a revision must not be shown any more; null: it may, as far as history goes. For every
 * read, scan and watch that names a revision, at the moment at which it opens its view: from then on the view
 * holds what it shows.
 *
 * INVARIANT(history-floor-by-entry): the floor is what entries made of it, so replicas that applied the same refuse
 * alike, whatever their compactions have removed.
 */
export function refuseRevision(
  { historyFloor }: ReplicaState,
  revision: number,
  refusals: Refusals,
): DougError | null {
  if (revision >= historyFloor) return null;
  return refusals.compacted(
    `revision ${revision} is below the history that is kept, which begins at ${historyFloor}`,
  );
}

/** Whether history cannot be compacted up to a revision; null: it can. */
export function refuseCompaction(
  revision: number,
  state: ReplicaState,
  refusals: Refusals,
): DougError | null {
  if (revision <= state.revision) return null;
  return refusals.futureRevision(`the newest revision is ${state.revision}`);
}
