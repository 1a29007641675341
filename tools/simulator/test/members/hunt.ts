import { profileNames } from '../../src/index.js';
import { type PlantedBug, worldWith } from './planted-world.js';
import { failureOf, type RecordedRun } from './recorded-runs.js';

/** Where and how long a planted bug is looked for. */
export interface Hunt {
  readonly bug: PlantedBug;
  /** All in turn if it is not said. */
  readonly profiles?: readonly string[] | undefined;
  readonly rounds: number;
}

/** Events that may be spent on making a run small. */
const SHRINK_BUDGET = 300_000;

/** Looks for a run that shows a planted bug, and makes it small. */
export async function hunt(options: Hunt): Promise<RecordedRun | null> {
  const { bug, profiles = profileNames, rounds } = options;
  const world = worldWith(bug);
  for (let i = 0; i < rounds; i++) {
    for (const profile of profiles) {
      const failure = await failureOf(world.drawPlan(`hunt-${i}`, profile), world);
      // A time that ran out says little of what is wrong.
      if (failure === null || failure.property === 'error') continue;
      const { property, events, plan } = await world.shrink(failure, { budget: SHRINK_BUDGET });
      return { bug: bug.name, property, events, plan };
    }
  }
  return null;
}
