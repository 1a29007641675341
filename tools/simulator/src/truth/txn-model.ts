import { LOG_TIME_PER_MS } from '@dougdb/replica';
import { type Compare, CompareRelation, type TxnOperation, type TxnStep } from '@dougdb/rpc-proto';
import type { Pair, StepAnswer } from './answer.js';
import { type Overlay, TooManyKeys } from './overlay.js';
import { textOf } from './text.js';

const MAX_KEYS = 1024;

/** Carries a transaction out on the overlay. @throws TooManyKeys */
export function carryOutTxn(
  { compares, success, failure }: TxnOperation,
  overlay: Overlay,
  logTime: number,
): { readonly succeeded: boolean; readonly steps: readonly StepAnswer[] } {
  const succeeded = compares.every((compare) => holds(compare, overlay));
  const touched = new Set<string>();
  const steps = (succeeded ? success : failure).map((step) =>
    carryOutStep(step, overlay, logTime, touched),
  );
  if (touched.size > MAX_KEYS) throw new TooManyKeys();
  return { succeeded, steps };
}

function carryOutStep(
  { step }: TxnStep,
  overlay: Overlay,
  logTime: number,
  touched: Set<string>,
): StepAnswer {
  switch (step?.$case) {
    case 'put': {
      const { ttlMs, returnPrevious } = step.value;
      const key = textOf(step.value.key);
      const there = overlay.get(key);
      touched.add(key);
      overlay.put(
        key,
        textOf(step.value.value),
        ttlMs === 0 ? 0 : logTime + ttlMs * LOG_TIME_PER_MS,
      );
      // A put is blind: it does not tell.
      return { kind: 'written', existed: false, previous: returnPrevious ? there : null };
    }
    case 'delete': {
      const key = textOf(step.value.key);
      const there = overlay.get(key);
      touched.add(key);
      if (there !== null) overlay.remove(key);
      const previous = step.value.returnPrevious ? there : null;
      return { kind: 'written', existed: there !== null, previous };
    }
    case 'get': {
      const key = textOf(step.value.key);
      touched.add(key);
      return { kind: 'found', pair: overlay.get(key) };
    }
    case 'scan': {
      const { start, end, limit, reverse, keysOnly } = step.value;
      const pairs = overlay.range(textOf(start), textOf(end));
      if (reverse) pairs.reverse();
      const told = limit === 0 ? pairs : pairs.slice(0, limit);
      for (const { key } of told) touched.add(key);
      return {
        kind: 'scanned',
        pairs: keysOnly ? told.map((pair) => ({ ...pair, value: '' })) : told,
        more: told.length < pairs.length,
      };
    }
    case 'deleteRange': {
      const pairs = overlay.range(textOf(step.value.start), textOf(step.value.end));
      for (const { key } of pairs) {
        touched.add(key);
        overlay.remove(key);
      }
      return { kind: 'deleted', count: pairs.length };
    }
    case undefined:
      throw new Error('an empty step in a log');
  }
}

function holds(compare: Compare, overlay: Overlay): boolean {
  const key = textOf(compare.key);
  if (compare.rangeEnd.length === 0) return holdsFor(compare, overlay.get(key));
  const pairs = overlay.range(key, textOf(compare.rangeEnd));
  if (compare.target?.$case === 'exists') {
    return relates(compare.relation, Number(pairs.length > 0), Number(compare.target.value));
  }
  return pairs.every((pair) => holdsFor(compare, pair));
}

function holdsFor({ relation, target }: Compare, pair: Pair | null): boolean {
  switch (target?.$case) {
    case 'revision':
      return relates(relation, pair?.revision ?? 0, target.value);
    case 'exists':
      return relates(relation, Number(pair !== null), Number(target.value));
    case 'value':
      if (pair === null) return relation === CompareRelation.COMPARE_RELATION_NOT_EQUAL;
      return relates(relation, pair.value, textOf(target.value));
    case undefined:
      throw new Error('a compare with nothing in a log');
  }
}

function relates<T extends number | string>(relation: CompareRelation, is: T, than: T): boolean {
  switch (relation) {
    case CompareRelation.COMPARE_RELATION_EQUAL:
      return is === than;
    case CompareRelation.COMPARE_RELATION_NOT_EQUAL:
      return is !== than;
    case CompareRelation.COMPARE_RELATION_LESS:
      return is < than;
    case CompareRelation.COMPARE_RELATION_GREATER:
      return is > than;
    default:
      throw new Error(`relation ${relation} in a log`);
  }
}
