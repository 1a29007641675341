import type { CompactOperation } from '@dougdb/rpc-proto';
import type { Place } from './place.js';
import type { Plan } from './plan.js';

/** Moves the history floor: never back, and not beyond what there is. */
export function planCompact({ revision }: CompactOperation, place: Place): Plan {
  const historyFloor = Math.min(revision, place.revision);
  return { effects: [], compareFailed: false, result: null, refusal: null, historyFloor };
}
