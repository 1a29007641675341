import type { Contender, LoadResult, Operation } from './contender.js';
import { cpuUs } from './cpu.js';
import { median, spread } from './statistics.js';

/** How a comparison is measured. */
export interface Plan {
  readonly rounds: number;
  /** Of each window. */
  readonly seconds: number;
  readonly operations: readonly Operation[];
  readonly inFlight: readonly number[];
}

interface Window {
  readonly result: LoadResult;
  /** µs of CPU per operation, in the order of the contender's processes. */
  readonly cpu: readonly number[];
}

interface Case {
  readonly operation: Operation;
  readonly inFlight: number;
  readonly windows: Map<Contender, Window[]>;
}

/**
 * Measures contenders against the first one: every round gives each of them one window of every case,
 * in an order that turns, so that what else happens on the machine meets all alike.
 * @returns the table, as Markdown
 */
export async function compare(
  title: string,
  contenders: readonly Contender[],
  plan: Plan,
  tell: (line: string) => void,
): Promise<string> {
  const cases: Case[] = plan.operations.flatMap((operation) =>
    plan.inFlight.map((inFlight) => ({
      operation,
      inFlight,
      windows: new Map(contenders.map((contender) => [contender, []])),
    })),
  );
  for (let round = 0; round < plan.rounds; round++) {
    for (const one of cases) {
      for (let n = 0; n < contenders.length; n++) {
        const contender = contenders[(n + round) % contenders.length] as Contender;
        const window = await measure(contender, one, plan.seconds);
        one.windows.get(contender)?.push(window);
      }
      const rates = contenders.map(
        (contender) =>
          `${contender.name} ${one.windows.get(contender)?.at(-1)?.result.opsPerSecond.toFixed(0)}/s`,
      );
      tell(`round ${round + 1} ${one.operation} x${one.inFlight}: ${rates.join(', ')}`);
    }
  }
  return table(title, contenders, cases, plan);
}

async function measure(contender: Contender, one: Case, seconds: number): Promise<Window> {
  const groups = [...contender.processes.values()];
  const before = groups.map(cpuOf);
  const result = await contender.load(one.operation, one.inFlight, seconds);
  // The warm-up second is counted too: scale by the share of the measured time.
  const share = seconds / (seconds + 1);
  const cpu = groups.map(
    (pids, n) => ((cpuOf(pids) - (before[n] as number)) * share) / result.operations,
  );
  return { result, cpu };
}

/** Mean of a group. */
function cpuOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuUs(pid), 0) / Math.max(1, pids.length);
}

function table(
  title: string,
  contenders: readonly Contender[],
  cases: readonly Case[],
  plan: Plan,
): string {
  const [base] = contenders as [Contender];
  const lines = [
    `### ${title}`,
    '',
    `${plan.rounds} interleaved rounds of ${plan.seconds} s windows; ratio to ${base.name}: median [min-max].`,
    '',
    '| operation | contender | ops/s | ratio | p50 / p99 ms | CPU us/op |',
    '|---|---|---|---|---|---|',
  ];
  for (const one of cases) {
    const baseRates = rates(one, base);
    for (const contender of contenders) {
      const windows = one.windows.get(contender) ?? [];
      const ratios = rates(one, contender).map((rate, n) => rate / (baseRates[n] as number));
      const cpu = [...contender.processes.keys()].map(
        (name, n) => `${name} ${median(windows.map((w) => w.cpu[n] as number)).toFixed(1)}`,
      );
      lines.push(
        `| ${one.operation} x${one.inFlight} | ${contender.name} | ${median(rates(one, contender)).toFixed(0)} ` +
          `| ${contender === base ? '1' : spread(ratios)} | ${latency(windows)} | ${cpu.join(', ')} |`,
      );
    }
  }
  return lines.join('\n');
}

function rates(one: Case, contender: Contender): number[] {
  return (one.windows.get(contender) ?? []).map((window) => window.result.opsPerSecond);
}

function latency(windows: readonly Window[]): string {
  const of = (pick: (result: LoadResult) => number | undefined): string => {
    const values = windows.map((w) => pick(w.result)).filter((value) => value !== undefined);
    return values.length === 0 ? '-' : median(values).toFixed(2);
  };
  return `${of((r) => r.p50Ms)} / ${of((r) => r.p99Ms)}`;
}
