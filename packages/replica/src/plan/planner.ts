import type { CommandBody } from '@dougdb/rpc-proto';
import type { MaybePromise } from '@dougdb/sstable';
import type { Place } from './place.js';
import { type Plan, refusedPlan, WorkBoundError } from './plan.js';
import { planCompact } from './plan-compact.js';
import { planDeleteRange } from './plan-delete-range.js';
import { planExpire } from './plan-expire.js';
import { planTxn } from './plan-txn.js';
import { type Planning, run } from './planning.js';

/**
 * Decides what a command of several keys does, from the command and what it finds at its place; nothing is
 * done yet. A promise if it has to wait.
 * @throws SstError if it finds damage
 */
export function planOf(body: CommandBody, place: Place): MaybePromise<Plan> {
  return run(planning(body, place));
}

function* planning(body: CommandBody, place: Place): Planning<Plan> {
  try {
    return yield* plannerOf(body, place);
  } catch (error) {
    if (error instanceof WorkBoundError) return refusedPlan(error.refusal);
    throw error;
  }
}

function* plannerOf(body: CommandBody, place: Place): Planning<Plan> {
  switch (body.kind) {
    case 'txn':
      return yield* planTxn(body.txn, place);
    case 'delete-range':
      return yield* planDeleteRange(body.deleteRange, place);
    case 'expire':
      return yield* planExpire(body.expire, place);
    case 'compact':
      return planCompact(body.compact, place);
  }
}
