// npm run sim -- --seed N --profile P replays one run. Without a seed: fresh ones, for --seconds S or --seeds COUNT.
import { parseArgs } from 'node:util';
import { drawPlan } from './plan/draw-plan.js';
import { namedWorkload, type Plan } from './plan/plan.js';
import { profileNames } from './plan/profiles.js';
import { RunFailure, runPlan } from './run.js';
import { shrink } from './shrink.js';
import { cpuSeconds, sweep, tellSweep } from './sweep.js';

/** Runs between two words on how far a search has come. */
const TELL_EVERY = 50;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    seconds: { type: 'string' },
    profile: { type: 'string' },
    /** Simulated seconds of a run before it heals. */
    length: { type: 'string' },
    /** All lines of the trace, with --seed. */
    trace: { type: 'boolean', default: false },
    /** Looks for the fewest actions that show the same violation. */
    shrink: { type: 'boolean', default: false },
    /** The named workload, and how fast it goes; with so many --partitions. */
    bench: { type: 'boolean', default: false },
    partitions: { type: 'string', default: '1' },
  },
});
const length = values.length === undefined ? undefined : Number(values.length);

if (values.bench) await bench();
else if (values.seed !== undefined && values.seeds === undefined) await replay(values.seed);
else await search();

async function replay(seed: string): Promise<void> {
  for (const profile of values.profile === undefined ? profileNames : [values.profile]) {
    const keep = values.trace ? Number.POSITIVE_INFINITY : 200;
    try {
      const result = await runPlan(drawPlan(seed, profile, length), { keep });
      if (values.trace) console.log(result.lines.join('\n'));
      console.log(`${profile} trace ${result.digest}`);
    } catch (error) {
      await fail(error);
    }
  }
}

async function search(): Promise<void> {
  const until = performance.now() + Number(values.seconds ?? 1e9) * 1000;
  const most = Number(values.seeds ?? (values.seconds === undefined ? 100 : 1e9));
  const failures: RunFailure[] = [];
  const result = await sweep({
    base: values.seed ?? `${Date.now()}`,
    ...(values.profile === undefined ? {} : { profiles: [values.profile] }),
    length,
    isEnough: (count) => {
      if (count > 0 && count % TELL_EVERY === 0) console.error(`${count} runs`);
      return count >= most || performance.now() >= until;
    },
    onFailure: (failure) => {
      console.error(failure.report);
      failures.push(failure);
    },
  });
  const { coverage, runs, failed } = result;
  console.log(tellCounts(Object.entries(coverage.counts)));
  console.log(tellCounts([...runs]));
  console.log(tellSweep(result));
  for (const { plan, message } of failures) {
    console.error(`npm run sim -- --seed ${plan.seed} --profile ${plan.profile}: ${message}`);
    process.exitCode = 1;
  }
  if (values.profile === undefined && failed === 0 && coverage.missing.length > 0) {
    console.error(`never happened: ${coverage.missing.join(', ')}`);
    process.exitCode = 1;
  }
}

function tellCounts(counts: readonly (readonly [string, number])[]): string {
  return counts.map(([name, count]) => `${name} ${count}`).join(', ');
}

async function fail(error: unknown): Promise<void> {
  process.exitCode = 1;
  if (!(error instanceof RunFailure)) throw error;
  console.error(error.report);
  if (!values.shrink) return;
  const { plan, property } = await shrink(error);
  const lines = plan.actions.map((action) => JSON.stringify(action));
  console.error(`${property} needs ${lines.length} of them:\n${lines.join('\n')}`);
}

async function bench(): Promise<void> {
  const seconds = Number(values.seconds ?? 60);
  const partitions = Number(values.partitions);
  const planOf = (seed: string, length: number): Plan => ({
    ...namedWorkload(seed, length),
    partitions,
  });
  await runPlan(planOf('warm-up', 10));
  for (let i = 0; i < 5; i++) {
    const before = cpuSeconds();
    const { events, simulatedMs } = await runPlan(planOf(`bench-${i}`, seconds));
    const spent = cpuSeconds() - before;
    console.log(
      `${events} events in ${spent.toFixed(2)} s of CPU: ${Math.round(events / spent)} events/s, ${Math.round(simulatedMs / 1e3 / spent)} simulated s/s`,
    );
  }
}
