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
const SECONDS = Number(process.env.DOUG_SIM_SECONDS ?? 15);
const RUNS = Number(process.env.DOUG_SIM_RUNS ?? 1);
/** Runs from fixed seeds that may be spent on what chance has not brought. */
const MAX_FIXED = 300;
/** Those that meet most, first: with them it is a matter of seconds. */
const RICH = [97, 155, 129, 134, 94, 109, 54, 43, 101, 126, 87, 110];

jest.setTimeout(180_000 + SECONDS * 1_000 + RUNS * 4_000);

const profileOf = (i: number): string => profileNames[i % profileNames.length] ?? 'mixed';

describe('whole members, their disks and their clients', () => {
  /** What has happened in the runs so far. */
  const coverage = new Coverage();

  it('break nothing in runs from fresh seeds, and they heal', async () => {
    const until = performance.now() + SECONDS * 1000;
    const result = await sweep({
      base: `${Date.now()}`,
      isEnough: (count) => count >= RUNS && performance.now() >= until,
      onFailure: (failure) => {
        throw new Error(failure.report, { cause: failure });
      },
    });
    console.log(tellSweep(result));
    coverage.add(result.coverage);
    for (const name of ['elected', 'ok', 'compare-failed'] as const) {
      expect([name, result.coverage.counts[name] > 0]).toEqual([name, true]);
    }
  });

  it('meet everything that is counted, in fresh runs or in some from fixed seeds', async () => {
    for (const i of [...RICH, ...Array(MAX_FIXED).keys()]) {
      if (coverage.missing.length === 0) break;
      coverage.add((await runPlan(drawPlan(`coverage-${i}`, profileOf(i), 3))).coverage);
    }
    expect(coverage.missing).toEqual([]);
  });

  it('make equal traces for equal seeds, byte for byte', async () => {
    const keep = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 20; i++) {
      const plan = drawPlan(`equal-${i}`, profileOf(i), 0.5);
      const first = await runPlan(plan, { keep });
      const second = await runPlan(plan, { keep });
      expect(first.lines.length).toBeGreaterThan(50);
      expect(second.lines.join('\n') === first.lines.join('\n')).toBe(true);
      expect(second.digest).toBe(first.digest);
    }
  });

  it('make them in another process too', async () => {
    const main = join(__dirname, '../dist/main.js');
    if (!existsSync(main)) throw new Error('compile first: npx tsc -b tools/simulator');
    for (const profile of ['crashes', 'clocks', 'mixed']) {
      const args = [main, '--seed', 'process', '--profile', profile, '--length', '2'];
      const there = execFileSync(process.execPath, args, { encoding: 'utf8' });
      const here = await runPlan(drawPlan('process', profile, 2));
      expect(there.trim()).toBe(`${profile} trace ${here.digest}`);
    }
  });

  it('run the workload by which speed is told', async () => {
    const { events, coverage: met } = await runPlan(namedWorkload('named', 10));
    expect(events).toBeGreaterThan(20_000);
    expect(met.counts.ok).toBeGreaterThan(150);
  });
});
