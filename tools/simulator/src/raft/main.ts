// npm run sim:raft -- --seed N --profile P replays one run. Without a seed: fresh ones, for --seconds S or --seeds COUNT.
import { parseArgs } from 'node:util';
import { Coverage } from './coverage.js';
import { drawPlan, namedWorkload, profileNames } from './plan.js';
import { RunFailure, runPlan } from './run.js';
import { shrink } from './shrink.js';

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
const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

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
  const base = values.seed ?? `${Date.now()}`;
  const names = values.profile === undefined ? profileNames : [values.profile];
  const until = performance.now() + Number(values.seconds ?? 1e9) * 1000;
  const most = Number(values.seeds ?? (values.seconds === undefined ? 100 : 1e9));
  const before = cpuSeconds();
  const coverage = new Coverage();
  const runs = new Map<string, number>(names.map((name) => [name, 0]));
  let events = 0;
  let simulatedUs = 0;
  let failed = 0;
  let count = 0;
  for (; count < most && performance.now() < until; count++) {
    const profile = names[count % names.length] ?? 'all';
    try {
      const result = runPlan(drawPlan(`${base}-${count}`, profile, length));
      coverage.add(result.coverage);
      events += result.events;
      simulatedUs += result.simulatedUs;
    } catch (error) {
      fail(error);
      if (++failed >= 5) break;
    }
    runs.set(profile, (runs.get(profile) ?? 0) + 1);
  }
  const spent = cpuSeconds() - before;
  console.log(
    Object.entries(coverage.counts)
      .map(([name, n]) => `${name} ${n}`)
      .join(', '),
  );
  console.log([...runs].map(([name, n]) => `${name}: ${n} runs`).join(', '));
  console.log(
    `${count} runs from seed ${base}, ${failed} failed, ${(simulatedUs / 3.6e9).toFixed(2)} simulated hours, ${events} events, ${Math.round(events / spent)} events and ${(simulatedUs / 1e6 / spent).toFixed(0)} simulated seconds per second of one core`,
  );
  if (values.profile === undefined && failed === 0 && coverage.missing.length > 0) {
    console.error(`never happened: ${coverage.missing.join(', ')}`);
    process.exitCode = 1;
  }
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
