import type { ExpireOperation } from '@dougdb/rpc-proto';
import { Overlay } from './overlay.js';
import type { PairFound, Place } from './place.js';
import type { Plan } from './plan.js';
import type { Planning } from './planning.js';

/**
 * Deletes the keys whose time is over: each only if it is as the leader saw it, and over by the time of this
 * entry. A key that was written since stays, and so does one whose time another clock thought over.
 */
export function* planExpire({ keys }: ExpireOperation, place: Place): Planning<Plan> {
  const gone = new Overlay();
  for (const { key, revision } of keys) {
    const found = yield* place.get(key, false);
    if (isOver(found, revision, place.logTime)) gone.add({ key, value: null, expiresAt: 0 });
  }
  return { effects: gone.effects, compareFailed: false, result: null, refusal: null };
}

/**
 * INVARIANT(expire-at-revision): a key goes at the revision that had the time, and when log time has passed it: no
 * clock but that of the log has a say.
 */
function isOver(found: PairFound | null, revision: number, logTime: number): boolean {
  if (found === null || found.revision !== revision) return false;
  return found.expiresAt > 0 && found.expiresAt <= logTime;
}
