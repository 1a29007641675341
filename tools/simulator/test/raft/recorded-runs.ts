import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan } from '../../src/raft/plan/plan.js';
import { planOf, type RecordedRun, recordPlan } from '../../src/raft/plan/recorded-run.js';
import { RunFailure, runPlan } from '../../src/raft/run.js';
import { shrink } from '../../src/raft/shrink.js';
import type { GroupOptions, RaftCore } from '../../src/raft/world.js';

const FILE = join(__dirname, 'recorded-runs.json');
/** Seeds that are tried with a recorded plan; all but the first only when the core or the simulator has changed. */
const TRIES = 100;
/** Other seeds by which it is told how much a plan depends on its seed. */
const OTHERS = 20;
/** A plan that fewer of them show is not worth recording, unless there is no better one. */
const ENOUGH = 6;

export const readRuns = (): readonly RecordedRun[] =>
  JSON.parse(readFileSync(FILE, 'utf8')) as readonly RecordedRun[];

/** Puts a run in the place of the one that shows the same bug. */
export function writeRun(run: RecordedRun): void {
  const others = readRuns().filter(({ bug }) => bug !== run.bug);
  const all = [...others, run].sort((a, b) => (a.bug < b.bug ? -1 : 1));
  writeFileSync(FILE, `${JSON.stringify(all, null, 2)}\n`);
}

export function failureOf(plan: Plan, options: GroupOptions): RunFailure | null {
  try {
    runPlan(plan, options);
    return null;
  } catch (error) {
    if (error instanceof RunFailure) return error;
    throw error;
  }
}

const seedOf = (seed: string, i: number): string => (i === 0 ? seed : `${seed}~${i}`);

/** The recorded run shows its bug, if need be with a seed next to its own. */
export function findAgain(
  { plan: recorded, property }: RecordedRun,
  core: RaftCore,
): { readonly failure: RunFailure; readonly tries: number } | null {
  const plan = planOf(recorded);
  for (let i = 0; i < TRIES; i++) {
    const failure = failureOf({ ...plan, seed: seedOf(plan.seed, i) }, { core });
    if (failure?.property === property) return { failure, tries: i + 1 };
  }
  return null;
}

/** Makes the run of a failure small and tells how much of it is chance. */
export function record(bug: string, failure: RunFailure, core: RaftCore): RecordedRun {
  const options = { core };
  const recorded: RecordedRun[] = [];
  const { plan: whole, atUs } = failure;
  const lengths = [1.5 * atUs, atUs + 2_000_000, atUs + 6_000_000];
  const cut = lengths.map((durationUs) => until(whole, durationUs));
  for (const plan of [shrink(failure, options).plan, ...cut, whole]) {
    const run = toRecord(bug, { plan, property: failure.property }, core);
    if (run.ofTwenty >= ENOUGH && run.events > 0) return run;
    recorded.push(run);
  }
  return best(recorded);
}

/** The beginning of a plan. */
function until(plan: Plan, lengthUs: number): Plan {
  const durationUs = Math.min(plan.durationUs, Math.ceil(lengthUs / 100_000) * 100_000);
  return { ...plan, durationUs, actions: plan.actions.filter((a) => a.atUs <= durationUs) };
}

function best(runs: readonly RecordedRun[]): RecordedRun {
  return runs.reduce((a, b) => (b.ofTwenty > a.ofTwenty ? b : a));
}

function toRecord(
  bug: string,
  { plan, property }: Pick<RunFailure, 'plan' | 'property'>,
  core: RaftCore,
): RecordedRun {
  let shown: RunFailure | null = null;
  let ofTwenty = 0;
  for (let i = 0; i <= OTHERS; i++) {
    const failure = failureOf({ ...plan, seed: seedOf(plan.seed, i) }, { core });
    if (failure?.property !== property) continue;
    shown ??= failure;
    if (i > 0) ofTwenty++;
  }
  const { events = 0, plan: shownBy = plan } = shown ?? {};
  return { bug, property, events, ofTwenty, plan: recordPlan(shownBy) };
}
