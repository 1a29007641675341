import { drawPlan } from '../../src/raft/plan/draw-plan.js';
import { profileNames } from '../../src/raft/plan/profiles.js';
import type { RecordedRun } from '../../src/raft/plan/recorded-run.js';
import { coreWith } from './planted-core.js';
import { failureOf, record } from './recorded-runs.js';

/** Where and how long a planted bug is looked for. */
export interface Hunt {
  readonly bug: string;
  /** All in turn if it is not said. */
  readonly profiles?: readonly string[] | undefined;
  readonly rounds: number;
}

/** Looks for a run that shows a planted bug, and makes it small. */
export function hunt({ bug, profiles = profileNames, rounds }: Hunt): RecordedRun | null {
  const core = coreWith(bug);
  for (let i = 0; i < rounds; i++) {
    for (const profile of profiles) {
      const failure = failureOf(drawPlan(`hunt-${i}`, profile), { core });
      if (failure === null) continue;
      const run = record(bug, failure, core);
      if (run.events > 0) return run;
    }
  }
  return null;
}
