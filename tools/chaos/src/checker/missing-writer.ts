import type { KeyPlan, PlannedStep } from './key-plan.js';
import { ANY } from './step.js';
import { ABSENT } from './value-table.js';

/**
 * A required step that can have no place whatever the order: its answer contradicts itself, or nobody
 * who could have left the value that it needs was called before it returned. A quick look before the
 * search, and what finds a value out of nowhere in a long history without trying all orders of the rest.
 */
export function findMissingWriter(plan: KeyPlan): PlannedStep | null {
  const earliestBase: number[] = [];
  const note = (step: PlannedStep): void => {
    const { invoke } = step.operation;
    for (const id of step.bases) {
      earliestBase[id] = Math.min(earliestBase[id] ?? Number.POSITIVE_INFINITY, invoke);
    }
  };
  for (const step of plan.required) note(step);
  for (const { step } of plan.optional) note(step);
  for (const step of plan.required) {
    if (step.isImpossible) return step;
    if (step.needs === ANY || step.needs === ABSENT) continue;
    // Appending to an absent value can make anything.
    if (plan.hasAppends) continue;
    const base = earliestBase[step.needs] ?? Number.POSITIVE_INFINITY;
    if (base > step.operation.return) return step;
  }
  return null;
}
