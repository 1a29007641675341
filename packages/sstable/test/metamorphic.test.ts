import { SimRandom } from '@dougdb/ports/sim';
import { Machine } from './support/databases.js';
import { Host } from './support/host.js';
import {
  calmSetup,
  drawCrash,
  drawSetup,
  planAccidents,
  type Setup,
} from './support/option-axes.js';
import { endSteps, playSteps } from './support/play-steps.js';
import { drawSteps } from './support/random-steps.js';
import { isFull, replayOf, seed, TIMEOUT_MS } from './support/share.js';
import { shrinkList } from './support/shrink-list.js';
import type { Step } from './support/steps.js';

// Dozens of runs of one list: on a busy machine they take their time.
jest.setTimeout(TIMEOUT_MS);

const LISTS = isFull ? 10 : 1;
const SETUPS = isFull ? 100 : 50;
const STEPS = 120;

interface Run {
  readonly shown: string[];
  readonly host: Host;
}

/** Plays the steps under a setup; its accidents come from the seed alone. */
async function run(steps: readonly Step[], setup: Setup, runSeed: string): Promise<Run> {
  const random = new SimRandom(runSeed);
  const machine = new Machine(setup.options(), setup.syncDelayMs, runSeed);
  machine.jobs = setup.jobs;
  const crashes = random.fork('crashes');
  let starts = 0;
  const host = new Host(machine, {
    freezes: setup.freezes,
    crash: () => drawCrash(crashes),
    afterFailure: () => crashes.pick(['restart', 'power loss'] as const),
    onStart: (startsInVain) =>
      planAccidents(machine.fs, setup, random.fork(`start ${starts++}`), startsInVain),
  });
  await host.ensureUp();
  const shown = await playSteps(host, steps);
  await endSteps(host);
  return { shown, host };
}

/** What is wrong with a run, null if nothing is. */
async function problemOf(
  steps: readonly Step[],
  setup: Setup,
  runSeed: string,
  expected: readonly string[] | null,
): Promise<{ problem: string | null; run: Run | null }> {
  try {
    const made = await run(steps, setup, runSeed);
    const at = expected?.findIndex((line, i) => line !== made.shown[i]) ?? -1;
    if (at < 0) return { problem: null, run: made };
    return { problem: `shows ${made.shown[at]}, should show ${expected?.[at]}`, run: made };
  } catch (error) {
    return { problem: causesOf(error), run: null };
  }
}

/** An error with all that led to it. */
function causesOf(error: unknown): string {
  const lines: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    lines.push(at.stack ?? at.message);
  return lines.join('\ncaused by ');
}

/** The shortest list that still goes wrong, with what goes wrong, for whoever has to mend it. */
async function report(
  steps: readonly Step[],
  setup: Setup,
  runSeed: string,
  problem: string,
): Promise<string> {
  const fails = async (candidate: readonly Step[]): Promise<boolean> =>
    (await problemOf(candidate, setup, runSeed, null)).problem !== null;
  const short = await shrinkList(steps, fails);
  const { problem: shortProblem } = await problemOf(short, setup, runSeed, null);
  return [
    `replay: ${replayOf('metamorphic')}`,
    `with ${setup.label} (run ${runSeed}): ${problem}`,
    `${short.length} of ${steps.length} steps: ${shortProblem ?? 'fails only as a whole'}`,
    ...short.map((step) => `  ${JSON.stringify(step)},`),
  ].join('\n');
}

describe('metamorphic: one list of steps', () => {
  it(`shows the same under ${SETUPS} sets of options, power losses and failures, and what a map shows`, async () => {
    const seen = { replays: 0, failures: 0, starts: 0, lines: 0 };
    for (let list = 0; list < LISTS; list++) {
      const random = new SimRandom(`${seed}/${list}`);
      const steps = drawSteps(random.fork('steps'), STEPS);
      const calm = await problemOf(steps, calmSetup, `${seed}/${list}/calm`, null);
      if (calm.problem !== null) {
        throw new Error(await report(steps, calmSetup, `${seed}/${list}/calm`, calm.problem));
      }
      const expected = calm.run?.shown ?? [];
      seen.lines += expected.length;
      for (let i = 0; i < SETUPS; i++) {
        const setup = drawSetup(random.fork(`setup ${i}`));
        const runSeed = `${seed}/${list}/${i}`;
        const { problem, run: made } = await problemOf(steps, setup, runSeed, expected);
        if (problem !== null) throw new Error(await report(steps, setup, runSeed, problem));
        seen.replays += made?.host.replays ?? 0;
        seen.failures += made?.host.failures ?? 0;
        seen.starts += made?.host.starts ?? 0;
      }
    }
    console.log(
      `seed ${seed}: ${LISTS} lists under ${SETUPS} sets of options, ${JSON.stringify(seen)}`,
    );
    // A quiet run is a failed test: there were things to see, and accidents on the way.
    expect(seen.lines).toBeGreaterThan(20 * LISTS);
    expect(seen.starts).toBeGreaterThan(6 * SETUPS * LISTS);
    expect(seen.replays).toBeGreaterThan(SETUPS * LISTS);
    expect(seen.failures).toBeGreaterThan(0);
  });
});

describe('shrinkList', () => {
  it('finds the shortest list that fails, in order, and stops at its bound', async () => {
    const list = Array.from({ length: 100 }, (_, i) => i);
    const needs = [3, 50, 51, 97];
    let tries = 0;
    const fails = async (candidate: readonly number[]): Promise<boolean> => {
      tries++;
      return needs.every((needed) => candidate.includes(needed));
    };
    expect(await shrinkList(list, fails)).toEqual(needs);
    expect(tries).toBeLessThan(200);
    tries = 0;
    await shrinkList(list, fails, 10);
    expect(tries).toBe(10);
  });
});
