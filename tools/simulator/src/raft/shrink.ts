import type { Action } from './actions.js';
import type { GroupOptions } from './raft-group.js';
import { RunFailure, runPlan } from './run.js';

/** Runs that may be spent on one failure. */
const BUDGET = 300;

/**
 * Fewer actions with which the same thing is violated (delta debugging): parts of the list are left out
 * as long as that keeps the violation. Nothing else of a plan changes.
 */
export function shrink(failure: RunFailure, options: GroupOptions = {}): RunFailure {
  let best = failure;
  let runs = 0;
  const tryWith = (actions: readonly Action[]): boolean => {
    if (runs++ >= BUDGET) return false;
    try {
      runPlan({ ...best.plan, actions }, options);
      return false;
    } catch (error) {
      if (!(error instanceof RunFailure) || error.property !== failure.property) return false;
      best = error;
      return true;
    }
  };
  for (let parts = 2; best.plan.actions.length > 0 && runs < BUDGET; ) {
    const { actions } = best.plan;
    const size = Math.ceil(actions.length / parts);
    let isShorter = false;
    for (let from = 0; from < actions.length && !isShorter; from += size) {
      isShorter = tryWith([...actions.slice(0, from), ...actions.slice(from + size)]);
    }
    if (isShorter) parts = Math.max(2, parts - 1);
    else if (size === 1) break;
    else parts = Math.min(actions.length, parts * 2);
  }
  return best;
}
