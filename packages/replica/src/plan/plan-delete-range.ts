import { type DeleteRangeOperation, DeleteRangeResult } from '@dougdb/rpc-proto';
import { MAX_COMMAND_KEYS } from './command-bounds.js';
import type { Place } from './place.js';
import type { Effect, Plan } from './plan.js';
import type { Planning } from './planning.js';

/** Deletes the first keys of a range: as many as it says, at most {@link MAX_COMMAND_KEYS}. */
export function* planDeleteRange(
  { start, end, limit }: DeleteRangeOperation,
  place: Place,
): Planning<Plan> {
  const most = limit === 0 ? MAX_COMMAND_KEYS : Math.min(limit, MAX_COMMAND_KEYS);
  const effects: Effect[] = [];
  let resumeKey: Uint8Array | undefined;
  yield* place.walk({ start, end, reverse: false, keysOnly: true }, (key) => {
    if (effects.length === most) {
      resumeKey = key.slice();
      return false;
    }
    effects.push({ key: key.slice(), value: null, expiresAt: 0 });
    return true;
  });
  const result = DeleteRangeResult.encode({ deleted: effects.length, resumeKey }).finish();
  return { effects, compareFailed: false, result, refusal: null };
}
