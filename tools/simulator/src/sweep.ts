import { Coverage } from './coverage.js';
import { drawPlan } from './plan/draw-plan.js';
import { profileNames } from './plan/profiles.js';
import { RunFailure, runPlan } from './run.js';

/** Failures after which a sweep has seen enough. */
const MAX_FAILURES = 5;

export interface SweepOptions {
  /** Its runs have the seeds `base-0`, `base-1` and so on. */
  readonly base: string;
  /** In turn; all if it is not said. */
  readonly profiles?: readonly string[];
  /** Simulated seconds of a run before it heals. */
  readonly length?: number | undefined;
  /** Asked before each run with the number of those that were made. */
  readonly isEnough: (count: number) => boolean;
  readonly onFailure: (failure: RunFailure) => void;
}

/** What many runs were like. */
export interface SweepResult {
  readonly base: string;
  readonly coverage: Coverage;
  readonly runs: ReadonlyMap<string, number>;
  readonly count: number;
  readonly failed: number;
  readonly operations: number;
  readonly events: number;
  readonly simulatedMs: number;
  readonly cpuSeconds: number;
}

/** Runs fresh seeds, the profiles in turn. */
export async function sweep(options: SweepOptions): Promise<SweepResult> {
  const { base, profiles = profileNames, length, isEnough, onFailure } = options;
  const coverage = new Coverage();
  const runs = new Map<string, number>(profiles.map((name) => [name, 0]));
  const before = cpuSeconds();
  let [count, failed, operations, events, simulatedMs] = [0, 0, 0, 0, 0];
  for (; failed < MAX_FAILURES && !isEnough(count); count++) {
    const profile = profiles[count % profiles.length] ?? 'mixed';
    runs.set(profile, (runs.get(profile) ?? 0) + 1);
    try {
      const result = await runPlan(drawPlan(`${base}-${count}`, profile, length));
      coverage.add(result.coverage);
      operations += result.coverage.counts.ok;
      events += result.events;
      simulatedMs += result.simulatedMs;
    } catch (error) {
      if (!(error instanceof RunFailure)) throw error;
      failed++;
      onFailure(error);
    }
  }
  const spent = cpuSeconds() - before;
  return {
    base,
    coverage,
    runs,
    count,
    failed,
    operations,
    events,
    simulatedMs,
    cpuSeconds: spent,
  };
}

/** In one line: how much was run, and how fast. */
export function tellSweep(result: SweepResult): string {
  const { base, count, failed, operations, events, simulatedMs, cpuSeconds: spent } = result;
  const hours = (simulatedMs / 3.6e6).toFixed(2);
  const speed = `${Math.round(events / spent)} events and ${Math.round(simulatedMs / 1e3 / spent)} simulated seconds`;
  return `${count} runs from seed ${base}, ${failed} failed, ${hours} simulated hours, ${operations} operations, ${events} events, ${speed} per second of one core`;
}

export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
