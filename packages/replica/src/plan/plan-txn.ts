import {
  type KeyValue,
  type TxnDelete,
  type TxnDeleteRange,
  type TxnGet,
  type TxnOperation,
  type TxnPut,
  TxnResult,
  type TxnScan,
  type TxnStep,
  type TxnStepResult,
} from '@dougdb/rpc-proto';
import { ApplyOutcome } from '../state/apply-outcome.js';
import { expiryOf } from '../ttl/expiry-of.js';
import { MAX_COMMAND_KEYS, MAX_RESULT_BYTES } from './command-bounds.js';
import { allHold } from './compares.js';
import type { Place } from './place.js';
import { type Plan, WorkBoundError } from './plan.js';
import type { Planning } from './planning.js';
import { TxnView } from './txn-view.js';
import { WorkBound } from './work-bound.js';

/**
 * Compares, then carries out one of the two lists over what is there. A put is blind unless it is to tell what was
 * there before; a delete looks, and does nothing where nothing is.
 */
export function* planTxn(txn: TxnOperation, place: Place): Planning<Plan> {
  const work = new WorkBound();
  const succeeded = yield* allHold(txn.compares, place, work);
  const view = new TxnView(place, work);
  const steps: TxnStepResult[] = [];
  for (const step of succeeded ? txn.success : txn.failure) {
    const result = yield* carryOut(step, { view, work, logTime: place.logTime });
    steps.push({ result });
  }
  const result = TxnResult.encode({ succeeded, steps }).finish();
  if (result.length > MAX_RESULT_BYTES) throw new WorkBoundError(ApplyOutcome.ResultTooLarge);
  return { effects: view.effects, compareFailed: !succeeded, result, refusal: null };
}

type StepResult = TxnStepResult['result'];

interface StepContext {
  readonly view: TxnView;
  readonly work: WorkBound;
  readonly logTime: number;
}

function* carryOut({ step }: TxnStep, context: StepContext): Planning<StepResult> {
  switch (step?.$case) {
    case 'put':
      return yield* put(step.value, context);
    case 'delete':
      return yield* remove(step.value, context);
    case 'get':
      return yield* get(step.value, context);
    case 'scan':
      return yield* scan(step.value, context);
    case 'deleteRange':
      return yield* deleteRange(step.value, context);
    case undefined:
      // Whoever read the command has refused it.
      return undefined;
  }
}

function* put(
  { key, value, ttlMs, returnPrevious }: TxnPut,
  { view, work, logTime }: StepContext,
): Planning<StepResult> {
  work.touch();
  const previous = returnPrevious ? yield* view.get(key, false) : null;
  view.write({ key, value, expiresAt: expiryOf(logTime, ttlMs) });
  return { $case: 'put', value: { existed: false, previous: answered(previous, work) } };
}

function* remove(
  { key, returnPrevious }: TxnDelete,
  { view, work }: StepContext,
): Planning<StepResult> {
  work.touch();
  const found = yield* view.get(key, !returnPrevious);
  if (found !== null) view.write({ key, value: null, expiresAt: 0 });
  const previous = answered(returnPrevious ? found : null, work);
  return { $case: 'delete', value: { existed: found !== null, previous } };
}

function* get({ key }: TxnGet, { view, work }: StepContext): Planning<StepResult> {
  work.touch();
  return { $case: 'get', value: { kv: answered(yield* view.get(key, false), work) } };
}

function* scan(
  { start, end, limit, reverse, keysOnly }: TxnScan,
  { view }: StepContext,
): Planning<StepResult> {
  const most = limit === 0 ? MAX_COMMAND_KEYS : limit;
  const { pairs, more } = yield* view.range({ start, end, reverse, keysOnly }, most);
  return { $case: 'scan', value: { kvs: pairs, more } };
}

function* deleteRange({ start, end }: TxnDeleteRange, { view }: StepContext): Planning<StepResult> {
  const range = { start, end, reverse: false, keysOnly: true };
  const { pairs } = yield* view.range(range, Number.POSITIVE_INFINITY);
  for (const { key } of pairs) view.write({ key, value: null, expiresAt: 0 });
  return { $case: 'deleteRange', value: { deleted: pairs.length } };
}

function answered(pair: KeyValue | null, work: WorkBound): KeyValue | undefined {
  if (pair === null) return undefined;
  work.answer(pair.key.length + pair.value.length);
  return pair;
}
