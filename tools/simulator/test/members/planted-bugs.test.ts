import { drawPlan, profileNames } from '../../src/index.js';
import { hunt } from './hunt.js';
import { canary, plantedBugs } from './planted-bugs.js';
import { worldWith } from './planted-world.js';
import { failureOf, findAgain, planOf, readRuns, writeRun } from './recorded-runs.js';

const runs = readRuns();

/** A bug whose run is to be recorded anew, or `all`; and the profiles to look in, or all in turn. */
const HUNTED = process.env.DOUG_SIM_HUNT ?? '';
const PROFILES = process.env.DOUG_SIM_HUNT_PROFILES?.split(',');
const ROUNDS = Number(process.env.DOUG_SIM_HUNT_ROUNDS ?? 12);

/** Longer runs are as good as fresh ones. */
const MAX_CLEAN_MS = 1_500;

jest.setTimeout(600_000);

describe('planted bugs of whole members and their clients', () => {
  it.each(runs)('$bug: $property', async (run) => {
    const bug = plantedBugs.find(({ name }) => name === run.bug) ?? null;
    const found = await findAgain(run, worldWith(bug));
    // Which of its effects is met first depends on chance.
    expect(found?.failure.property).toEqual(expect.any(String));
    expect(found?.failure.property).not.toBe('error');
    if (found !== null && found.tries > 1) {
      console.log(`${run.bug}: found by try ${found.tries}; DOUG_SIM_HUNT records it anew`);
    }
  });

  it('the runs that show them are clean without them', async () => {
    const world = worldWith(null);
    const short = runs.filter(({ plan }) => planOf(plan).durationMs <= MAX_CLEAN_MS);
    expect(short.length).toBeGreaterThan(runs.length / 2);
    for (const { bug, plan } of short) {
      const failure = await failureOf(planOf(plan), world);
      expect([bug, failure?.message ?? null]).toEqual([bug, null]);
    }
  });

  it('each has a recorded run', () => {
    expect(runs.map(({ bug }) => bug)).toEqual(plantedBugs.map(({ name }) => name).sort());
  });

  it('the canary dies in every profile', async () => {
    const world = worldWith(canary);
    for (const profile of profileNames) {
      const failure = await failureOf(drawPlan('canary', profile, 1), world);
      expect([profile, failure?.property]).toEqual([profile, expect.any(String)]);
    }
  });

  it('a failure says how it is replayed, and is shown by fewer actions', async () => {
    const world = worldWith(canary);
    const failure = await failureOf(drawPlan('shrink', 'mixed'), world);
    expect(failure?.report).toContain('npm run sim -- --seed shrink --profile mixed');
    if (failure === null) return;
    const shorter = await world.shrink(failure, { budget: 50_000 });
    expect(shorter.property).toBe(failure.property);
    expect(shorter.plan.actions.length).toBeLessThan(failure.plan.actions.length);
    expect(shorter.plan.clients.length).toBeLessThanOrEqual(failure.plan.clients.length);
  });

  const hunted = plantedBugs.filter(({ name }) => HUNTED === 'all' || HUNTED === name);
  for (const bug of hunted) {
    it(`a run that shows it is recorded: ${bug.name}`, async () => {
      const run = await hunt({ bug, profiles: PROFILES, rounds: ROUNDS });
      console.log(`${bug.name}: ${JSON.stringify(run)}`);
      if (run !== null) writeRun(run);
      expect(run).not.toBeNull();
    }, 3_600_000);
  }
});
