import { loadWith } from '../../../../packages/raft-core/test/mutants/module-loader.js';
import { drawPlan, profileNames } from '../../src/raft/plan.js';
import { RunFailure, runPlan } from '../../src/raft/run.js';
import { shrink } from '../../src/raft/shrink.js';
import type { RaftCore } from '../../src/raft/world.js';
import { foundBugs } from './planted-bugs.js';
import { coreWith } from './planted-core.js';

function failureOf(core: RaftCore, profile: string, seed: string): RunFailure | null {
  try {
    runPlan(drawPlan(seed, profile), { core });
    return null;
  } catch (error) {
    if (error instanceof RunFailure) return error;
    throw error;
  }
}

describe('planted bugs of the core, under the simulator', () => {
  it.each(foundBugs)(
    '$name: $property in profile $profile',
    ({ name, profile, seed, property }) => {
      expect(failureOf(coreWith(name), profile, seed)?.property).toBe(property);
    },
  );

  it('the runs that show them are clean without them', () => {
    for (const { profile, seed } of foundBugs.slice(0, 4)) {
      expect(failureOf(coreWith(null), profile, seed)).toBeNull();
    }
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
      expect([profile, failureOf(core, profile, 'canary')]).toEqual([profile, expect.anything()]);
    }
  });

  it('a failure says how it is replayed, and is shown by fewer actions', () => {
    const core = coreWith('two configuration changes at once');
    const failure = failureOf(core, 'churn', 'hunt-0');
    expect(failure?.report).toContain('npm run sim:raft -- --seed hunt-0 --profile churn');
    expect(failure?.lastLines.length).toBe(200);
    if (failure === null) return;
    const shorter = shrink(failure, { core });
    expect(shorter.property).toBe(failure.property);
    expect(shorter.plan.actions.length).toBeLessThan(failure.plan.actions.length);
  });
});
