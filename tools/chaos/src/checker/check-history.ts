import type { History, Operation } from '../history/operation.js';
import { planKey } from './key-plan.js';
import { findMissingWriter } from './missing-writer.js';
import { Search } from './search.js';

export type Verdict = 'linearizable' | 'not-linearizable' | 'undecided';

export interface CheckOptions {
  /**
   * Bound on the work, in configurations of the search. Each key gets {@link firstLook} of it for itself;
   * those that need more share this. Default {@link defaultMaxWork}.
   */
  readonly maxWork?: number | undefined;
}

/** What was found. */
export interface CheckReport {
  /** `not-linearizable` if one key is; else `undecided` if one key is. */
  readonly verdict: Verdict;
  readonly operations: number;
  readonly keys: number;
  /** Of all keys, in the unit of the bound. */
  readonly work: number;
  readonly notLinearizable: readonly string[];
  readonly undecided: readonly string[];
}

/** A minute or so and some hundred MB, if it is used up. */
export const defaultMaxWork = 2_000_000;

/** Work that is spent on each key before any gets more: hard keys do not starve the easy ones behind them. */
export const firstLook = 20_000;

/**
 * Whether what clients saw is what a store could have shown that executes one operation at a time, each
 * between its call and its return. Keys are independent registers, so each is judged by itself.
 * Deterministic: same history, same report.
 */
export function checkHistory(history: History, options: CheckOptions = {}): CheckReport {
  const maxWork = options.maxWork ?? defaultMaxWork;
  const byKey = operationsByKey(history.operations);
  const notLinearizable: string[] = [];
  let work = 0;
  /** The keys of these that are still undecided when each has had so much work. */
  const undecidedOf = (keys: Iterable<string>, limitOf: () => number): string[] =>
    [...keys].filter((key) => {
      const judged = checkKey(byKey.get(key) ?? [], limitOf());
      work += judged.work;
      if (judged.verdict === 'not-linearizable') notLinearizable.push(key);
      return judged.verdict === 'undecided';
    });
  const hard = undecidedOf(byKey.keys(), () => Math.min(firstLook, maxWork));
  const end = work + maxWork;
  const undecided = undecidedOf(hard, () => Math.max(0, end - work));
  return {
    verdict:
      notLinearizable.length > 0
        ? 'not-linearizable'
        : undecided.length > 0
          ? 'undecided'
          : 'linearizable',
    operations: history.operations.length,
    keys: byKey.size,
    work,
    notLinearizable,
    undecided,
  };
}

/** Judges one key. @param operations - all of them, in any order */
export function checkKey(
  operations: readonly Operation[],
  limit: number,
): { verdict: Verdict; work: number } {
  const plan = planKey(operations);
  if (findMissingWriter(plan) !== null) return { verdict: 'not-linearizable', work: 0 };
  const search = new Search(plan, limit, 'verdict');
  const outcome = search.run();
  return { verdict: verdictOf[outcome], work: search.work };
}

const verdictOf = {
  found: 'linearizable',
  none: 'not-linearizable',
  'gave-up': 'undecided',
} as const;

/** All operations of each key, in the order of the history. */
export function operationsByKey(operations: readonly Operation[]): Map<string, Operation[]> {
  const byKey = new Map<string, Operation[]>();
  for (const operation of operations) {
    const own = byKey.get(operation.call.key);
    if (own === undefined) byKey.set(operation.call.key, [operation]);
    else own.push(operation);
  }
  return byKey;
}
