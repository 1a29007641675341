import type { Plan } from './plan/plan.js';
import { RunFailure, type RunOptions, runPlan } from './run.js';

/** Events that may be spent on one failure. */
const BUDGET = 2_000_000;

/**
 * A smaller run with which the same thing is violated: it ends sooner, and parts of the lists of actions and of
 * clients are left out (delta debugging).
 */
export async function shrink(
  failure: RunFailure,
  options: RunOptions & { readonly budget?: number } = {},
): Promise<RunFailure> {
  const shrinking = new Shrinking(failure, options, options.budget ?? BUDGET);
  await shrinking.cutEnd();
  await shrinking.dropParts('actions');
  await shrinking.dropParts('clients');
  return shrinking.best;
}

class Shrinking {
  best: RunFailure;
  readonly #options: RunOptions;
  /** Events that may still be spent. */
  #left: number;

  constructor(failure: RunFailure, options: RunOptions, budget: number) {
    this.best = failure;
    this.#options = options;
    this.#left = budget;
  }

  /** Nothing that was planned for later matters. */
  async cutEnd(): Promise<void> {
    const { plan, atMs } = this.best;
    const durationMs = Math.ceil(atMs / 100) * 100;
    if (durationMs >= plan.durationMs) return;
    const actions = plan.actions.filter((action) => action.atMs <= durationMs);
    await this.#tryPlan({ ...plan, durationMs, actions });
  }

  async dropParts(list: 'actions' | 'clients'): Promise<void> {
    for (let parts = 2; this.best.plan[list].length > 0 && this.#left > 0; ) {
      const all = this.best.plan[list];
      const size = Math.ceil(all.length / parts);
      let isShorter = false;
      for (let from = 0; from < all.length && !isShorter; from += size) {
        const kept = [...all.slice(0, from), ...all.slice(from + size)];
        isShorter = await this.#tryPlan({ ...this.best.plan, [list]: kept });
      }
      if (isShorter) parts = Math.max(2, parts - 1);
      else if (size === 1) break;
      else parts = Math.min(all.length, parts * 2);
    }
  }

  async #tryPlan(plan: Plan): Promise<boolean> {
    if (this.#left <= 0) return false;
    try {
      this.#left -= (await runPlan(plan, this.#options)).events;
      return false;
    } catch (error) {
      if (!(error instanceof RunFailure)) throw error;
      this.#left -= error.events;
      if (error.property !== this.best.property) return false;
      this.best = error;
      return true;
    }
  }
}
