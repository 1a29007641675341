import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Coverage } from './coverage.js';
import { drawPlan } from './plan/draw-plan.js';
import { namedWorkload } from './plan/plan.js';
import { profileNames } from './plan/profiles.js';
import { runPlan } from './run.js';
import { sweep, tellSweep } from './sweep.js';

/** For so long fresh seeds are run, and at least so many of them. */
const SECONDS = Number(process.env.DOUG_RAFT_SECONDS ?? 10);
const RUNS = Number(process.env.DOUG_RAFT_RUNS ?? 1);
/** Runs from fixed seeds that may be spent on what chance has not brought. */
const MAX_FIXED = 400;

jest.setTimeout(120_000 + SECONDS * 1_000 + RUNS * 2_000);

const profileOf = (i: number): string => profileNames[i % profileNames.length] ?? 'all';

describe('raft-core alone on a model disk and network', () => {
  /** What has happened in the runs so far. */
  const coverage = new Coverage();

  it('breaks nothing in runs from fresh seeds, and they heal', () => {
    const until = performance.now() + SECONDS * 1000;
    const result = sweep({
      base: `${Date.now()}`,
      isEnough: (count) => count >= RUNS && performance.now() >= until,
      onFailure: (failure) => {
        throw new Error(failure.report, { cause: failure });
      },
    });
    console.log(tellSweep(result));
    coverage.add(result.coverage);
    for (const name of ['elected', 'committed', 'read'] as const) {
      expect([name, result.coverage.counts[name] > 0]).toEqual([name, true]);
    }
  });

  it('meets everything that it counts, in fresh runs or in some from fixed seeds', () => {
    for (let i = 0; i < MAX_FIXED && coverage.missing.length > 0; i++) {
      coverage.add(runPlan(drawPlan(`coverage-${i}`, profileOf(i), 10)).coverage);
    }
    expect(coverage.missing).toEqual([]);
  });

  it('makes equal traces for equal seeds, byte for byte', () => {
    for (let i = 0; i < 20; i++) {
      const first = runPlan(drawPlan(`equal-${i}`, profileOf(i), 2), { isTraceWhole: true });
      const second = runPlan(drawPlan(`equal-${i}`, profileOf(i), 2), { isTraceWhole: true });
      expect(first.lines.length).toBeGreaterThan(200);
      expect(second.lines.join('\n') === first.lines.join('\n')).toBe(true);
      expect(second.digest).toBe(first.digest);
    }
  });

  it('makes them in another process too', () => {
    const main = join(__dirname, '../../dist/raft/main.js');
    if (!existsSync(main)) throw new Error('compile first: npx tsc -b tools/simulator');
    for (const profile of ['churn', 'damage']) {
      const args = [main, '--seed', 'process', '--profile', profile, '--length', '5'];
      const there = execFileSync(process.execPath, args, { encoding: 'utf8' });
      const here = runPlan(drawPlan('process', profile, 5));
      expect(there.trim()).toBe(`${profile} trace ${here.digest}`);
    }
  });

  it('runs the workload by which speed is told', () => {
    const { events, coverage: met } = runPlan(namedWorkload('named', 30));
    expect(events).toBeGreaterThan(20_000);
    expect(met.counts.committed).toBeGreaterThan(200);
  });
});
