import { loadWith } from '../../../../packages/raft-core/test/mutants/module-loader.js';
import { plantedBugs } from '../../../../packages/raft-core/test/mutants/mutants.js';
import { drawPlan } from '../../src/raft/plan/draw-plan.js';
import { profileNames } from '../../src/raft/plan/profiles.js';
import { planOf } from '../../src/raft/plan/recorded-run.js';
import { shrink } from '../../src/raft/shrink.js';
import type { RaftCore } from '../../src/raft/world.js';
import { hunt } from './hunt.js';
import { notByChance } from './planted-bugs.js';
import { coreWith } from './planted-core.js';
import { failureOf, findAgain, readRuns, writeRun } from './recorded-runs.js';

const runs = readRuns();

/** A bug whose run is to be recorded anew, or `all`; and the profiles to look in, or all in turn. */
const HUNTED = process.env.DOUG_RAFT_HUNT ?? '';
const PROFILES = process.env.DOUG_RAFT_HUNT_PROFILES?.split(',');
const ROUNDS = Number(process.env.DOUG_RAFT_HUNT_ROUNDS ?? 12);

/** Longer runs are as good as fresh ones. */
const MAX_CLEAN_US = 5_000_000;

describe('planted bugs of the core, under the simulator', () => {
  it.each(runs)('$bug: $property', (run) => {
    const found = findAgain(run, coreWith(run.bug));
    expect(found?.failure.property).toBe(run.property);
    if (found !== null && found.tries > 1) {
      console.log(`${run.bug}: found by try ${found.tries}; DOUG_RAFT_HUNT records it anew`);
    }
  });

  it('the runs that show them are clean without them', () => {
    const core = coreWith(null);
    const short = runs.filter(({ plan }) => planOf(plan).durationUs <= MAX_CLEAN_US);
    expect(short.length).toBeGreaterThan(runs.length / 2);
    for (const { bug, plan } of short) {
      const failure = failureOf(planOf(plan), { core });
      expect([bug, failure?.message ?? null]).toEqual([bug, null]);
    }
  });

  it('each has a recorded run, or a reason why there is none', () => {
    const known = [...runs.map(({ bug }) => bug), ...Object.keys(notByChance)].sort();
    expect(known).toEqual(plantedBugs.map(({ name }) => name).sort());
  });

  it('a lease without a margin for clocks that differ: lease-read-fresh in profile lease-edge', () => {
    const core = coreWith('a lease without a margin for clocks that differ');
    let found: string | undefined;
    for (let i = 0; i < 40 && found === undefined; i++) {
      found = failureOf(drawPlan(`edge-${i}`, 'lease-edge', 10), { core })?.property;
    }
    expect(found).toBe('lease-read-fresh');
  });

  it('the canary: a leader that commits what it alone has dies in every profile', () => {
    const canary = {
      name: 'canary',
      file: 'core/replication.ts',
      find: 'const index = r.tracker.committedIndex();',
      replace: 'const index = r.log.lastIndex;',
    };
    const core = loadWith(canary, 'src/index.ts', {}) as unknown as RaftCore;
    for (const profile of profileNames) {
      // Of a group of one that is no bug.
      const plan = { ...drawPlan('canary', profile), voters: 3 };
      expect([profile, failureOf(plan, { core })]).toEqual([profile, expect.anything()]);
    }
  });

  it('a failure says how it is replayed, and is shown by fewer actions', () => {
    const core = coreWith('two configuration changes at once');
    const plan = drawPlan('shrink', 'churn');
    const failure = failureOf(plan, { core });
    expect(failure?.report).toContain('npm run sim:raft -- --seed shrink --profile churn');
    expect(failure?.lastLines.length).toBe(200);
    if (failure === null) return;
    const shorter = shrink(failure, { core, budget: 100_000 });
    expect(shorter.property).toBe(failure.property);
    expect(shorter.plan.actions.length).toBeLessThan(failure.plan.actions.length);
  });

  const hunted = plantedBugs.filter(({ name }) => HUNTED === 'all' || HUNTED === name);
  for (const { name: bug } of hunted) {
    it(`a run that shows it is recorded: ${bug}`, () => {
      const run = hunt({ bug, profiles: PROFILES, rounds: ROUNDS });
      console.log(`${bug}: ${JSON.stringify(run)}`);
      if (run !== null) writeRun(run);
      expect(run).not.toBeNull();
    }, 3_600_000);
  }
});
