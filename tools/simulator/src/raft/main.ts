// npm run sim:raft -- --seed N --profile P replays one run. Without a seed: fresh ones, for --seconds S or --seeds COUNT.
import { parseArgs } from 'node:util';
import { drawPlan } from './plan/draw-plan.js';
import { namedWorkload } from './plan/plan.js';
import { profileNames } from './plan/profiles.js';
import { RunFailure, runPlan } from './run.js';
import { shrink } from './shrink.js';
import { cpuSeconds, sweep, tellSweep } from './sweep.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    seconds: { type: 'string' },
    profile: { type: 'string' },
    /** Simulated seconds of a run before it heals. */
    length: { type: 'string', default: '20' },
    /** All lines of the trace, with --seed. */
    trace: { type: 'boolean', default: false },
    /** Looks for the fewest actions that show the same violation. */
    shrink: { type: 'boolean', default: false },
    /** The named workload, and how fast it goes. */
    bench: { type: 'boolean', default: false },
  },
});
const length = Number(values.length);

if (values.bench) bench();
else if (values.seed !== undefined && values.seeds === undefined) replay(values.seed);
else search();

function replay(seed: string): void {
  for (const profile of values.profile === undefined ? profileNames : [values.profile]) {
    const plan = drawPlan(seed, profile, length);
    try {
      const result = runPlan(plan, { isTraceWhole: values.trace });
      if (values.trace) console.log(result.lines.join('\n'));
      console.log(`${profile} trace ${result.digest}`);
    } catch (error) {
      fail(error);
    }
  }
}

function search(): void {
  const until = performance.now() + Number(values.seconds ?? 1e9) * 1000;
  const most = Number(values.seeds ?? (values.seconds === undefined ? 100 : 1e9));
  const result = sweep({
    base: values.seed ?? `${Date.now()}`,
    ...(values.profile === undefined ? {} : { profiles: [values.profile] }),
    length,
    isEnough: (count) => count >= most || performance.now() >= until,
    onFailure: fail,
  });
  const { coverage, runs, failed } = result;
  console.log(tellCounts(Object.entries(coverage.counts)));
  console.log(tellCounts([...runs]));
  console.log(tellSweep(result));
  if (values.profile === undefined && failed === 0 && coverage.missing.length > 0) {
    console.error(`never happened: ${coverage.missing.join(', ')}`);
    process.exitCode = 1;
  }
}

function tellCounts(counts: readonly (readonly [string, number])[]): string {
  return counts.map(([name, count]) => `${name} ${count}`).join(', ');
}

function fail(error: unknown): void {
  process.exitCode = 1;
  if (!(error instanceof RunFailure)) throw error;
  console.error(error.report);
  if (!values.shrink) return;
  const { plan, property } = shrink(error);
  const lines = plan.actions.map((action) => JSON.stringify(action));
  console.error(`${property} needs ${lines.length} of them:\n${lines.join('\n')}`);
}

function bench(): void {
  const seconds = Number(values.seconds ?? 600);
  runPlan(namedWorkload('warm-up', 60));
  for (let i = 0; i < 5; i++) {
    const before = cpuSeconds();
    const { events, simulatedUs } = runPlan(namedWorkload(`bench-${i}`, seconds));
    const spent = cpuSeconds() - before;
    console.log(
      `${events} events in ${spent.toFixed(2)} s of CPU: ${Math.round(events / spent)} events/s, ${Math.round(simulatedUs / 1e6 / spent)} simulated s/s`,
    );
  }
}
