import type { CommandBody } from '@dougdb/rpc-proto';
import type { MaybePromise } from '@dougdb/sstable';
import { ReplicaError, ReplicaErrorCode } from '../replica-error.js';
import type { Place } from './place.js';
import { type Plan, refusedPlan, WorkBoundError } from './plan.js';
import { planDeleteRange } from './plan-delete-range.js';
import { planTxn } from './plan-txn.js';
import { type Planning, run } from './planning.js';

/** Kinds that planOf() plans. A leader proposes no other: whoever applies one of those stops. */
export function isPlanned(kind: CommandBody['kind']): boolean {
  return kind === 'txn' || kind === 'delete-range';
}

/**
 * Decides what a command of several keys does, from the command and what it finds at its place; nothing is
 * done yet. A promise if it has to wait.
 * @throws SstError if it finds damage; ReplicaError REPLICA_ENTRY_FORMAT for a kind without a planner
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

function plannerOf(body: CommandBody, place: Place): Planning<Plan> {
  switch (body.kind) {
    case 'txn':
      return planTxn(body.txn, place);
    case 'delete-range':
      return planDeleteRange(body.deleteRange, place);
    case 'expire':
    case 'compact':
      throw new ReplicaError(
        ReplicaErrorCode.EntryFormat,
        `command of a kind that this version does not apply: ${body.kind}`,
      );
  }
}
