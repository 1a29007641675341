import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Plan, plainPlan, type RunFailure } from '../../src/index.js';
import type { SimulatorWorld } from './planted-world.js';

const FILE = join(__dirname, 'recorded-runs.json');
/** Seeds that are tried with a recorded plan; all but the first only when something has changed. */
const TRIES = 20;

/** What of a plan differs from a plain one. */
type RecordedPlan = Pick<Plan, 'seed'> & {
  readonly [Part in keyof Plan]?: Plan[Part] extends readonly unknown[] | string | number | boolean
    ? Plan[Part]
    : Partial<Plan[Part]>;
};

/**
 * A run that shows a planted bug. The plan is recorded, not the seed that it was drawn from, so that it stays
 * what it is when plans are drawn in another way.
 */
export interface RecordedRun {
  readonly bug: string;
  /** What is violated first. */
  readonly property: string;
  /** Events until then. */
  readonly events: number;
  readonly plan: RecordedPlan;
}

export const readRuns = (): readonly RecordedRun[] =>
  JSON.parse(readFileSync(FILE, 'utf8')) as readonly RecordedRun[];

/** Puts a run in the place of the one that shows the same bug. */
export function writeRun(run: RecordedRun): void {
  const others = readRuns().filter(({ bug }) => bug !== run.bug);
  const all = [...others, run].sort((a, b) => (a.bug < b.bug ? -1 : 1));
  writeFileSync(FILE, `${JSON.stringify(all, null, 2)}\n`);
}

export function planOf({ network, clocks, room, ...rest }: RecordedPlan): Plan {
  const plain = plainPlan(rest.seed, 1);
  return {
    ...plain,
    ...rest,
    network: { ...plain.network, ...network },
    clocks: { ...plain.clocks, ...clocks },
    room: { ...plain.room, ...room },
  };
}

/** Null: nothing was violated. */
export async function failureOf(plan: Plan, world: SimulatorWorld): Promise<RunFailure | null> {
  try {
    await world.runPlan(plan);
    return null;
  } catch (error) {
    if (error instanceof world.RunFailure) return error;
    throw error;
  }
}

/** The recorded run shows its bug, if need be with a seed next to its own. */
export async function findAgain(
  { plan: recorded }: RecordedRun,
  world: SimulatorWorld,
): Promise<{ readonly failure: RunFailure; readonly tries: number } | null> {
  const plan = planOf(recorded);
  for (let i = 0; i < TRIES; i++) {
    const seed = i === 0 ? plan.seed : `${plan.seed}~${i}`;
    const failure = await failureOf({ ...plan, seed }, world);
    if (failure !== null) return { failure, tries: i + 1 };
  }
  return null;
}
