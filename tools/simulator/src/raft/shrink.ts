import type { Action } from './plan/actions.js';
import { type Plan, plainPlan } from './plan/plan.js';
import { RunFailure, runPlan } from './run.js';
import type { GroupOptions } from './world.js';

/** Events that may be spent on one failure. */
const BUDGET = 500_000;

/**
 * A smaller run with which the same thing is violated: it ends sooner, parts of the list of actions are left
 * out (delta debugging), and what does not matter is as in a plain plan.
 */
export function shrink(
  failure: RunFailure,
  options: GroupOptions & { readonly budget?: number } = {},
): RunFailure {
  const smaller = new Shrinking(failure, options, options.budget ?? BUDGET);
  smaller.cutEnd();
  smaller.dropActions();
  smaller.plainParts();
  return smaller.best;
}

class Shrinking {
  best: RunFailure;
  readonly #options: GroupOptions;
  /** Events that may still be spent. */
  #left: number;

  constructor(failure: RunFailure, options: GroupOptions, budget: number) {
    this.best = failure;
    this.#options = options;
    this.#left = budget;
  }

  /** Nothing that was planned for later matters. */
  cutEnd(): void {
    const { plan, atUs } = this.best;
    if (atUs >= plan.durationUs) return;
    const durationUs = Math.ceil(atUs / 100_000) * 100_000;
    const actions = plan.actions.filter((action) => action.atUs <= durationUs);
    this.#tryPlan({ ...plan, durationUs, actions });
  }

  dropActions(): void {
    for (let parts = 2; this.best.plan.actions.length > 0 && this.#left > 0; ) {
      const { actions } = this.best.plan;
      const size = Math.ceil(actions.length / parts);
      let isShorter = false;
      for (let from = 0; from < actions.length && !isShorter; from += size) {
        isShorter = this.#tryActions([...actions.slice(0, from), ...actions.slice(from + size)]);
      }
      if (isShorter) parts = Math.max(2, parts - 1);
      else if (size === 1) break;
      else parts = Math.min(actions.length, parts * 2);
    }
  }

  plainParts(): void {
    const plain = plainPlan('plain', 1);
    for (const key of Object.keys(this.best.plan.config)) {
      const config = Object.entries(this.best.plan.config).filter(([name]) => name !== key);
      this.#tryPlan({ ...this.best.plan, config: Object.fromEntries(config) });
    }
    for (const part of ['network', 'times', 'operations'] as const) {
      for (const key of Object.keys(plain[part])) {
        const value = plain[part][key as keyof (typeof plain)[typeof part]];
        this.#tryPlan({ ...this.best.plan, [part]: { ...this.best.plan[part], [key]: value } });
      }
    }
    for (const key of ['drift', 'compactEvery', 'fullCheckEvery', 'healsPartly'] as const) {
      this.#tryPlan({ ...this.best.plan, [key]: plain[key] });
    }
  }

  #tryActions(actions: readonly Action[]): boolean {
    return this.#tryPlan({ ...this.best.plan, actions });
  }

  #tryPlan(plan: Plan): boolean {
    if (this.#left <= 0) return false;
    try {
      this.#left -= runPlan(plan, this.#options).events;
      return false;
    } catch (error) {
      // A plan of parts that do not go together.
      if (!(error instanceof RunFailure)) return false;
      this.#left -= error.events;
      if (error.property !== this.best.property) return false;
      this.best = error;
      return true;
    }
  }
}
