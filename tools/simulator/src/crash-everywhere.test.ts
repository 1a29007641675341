import { SimRandom } from '@dougdb/ports/sim';
import { runScenario, type ScenarioOptions } from './scenario.js';

/** The members' disk operations in a run without faults: the places where a crash is tried. */
async function mutationsOfCalmRun(options: ScenarioOptions): Promise<number[]> {
  let before: number[] = [];
  let after: number[] = [];
  await runScenario({
    ...options,
    plan: (cluster) => {
      before = cluster.members.map((member) => member.fs.mutationCount);
    },
    everyMs: (cluster) => {
      after = cluster.members.map((member) => member.fs.mutationCount);
    },
  });
  return after.map((count, n) => count - (before[n] as number));
}

async function expectNothingLost(what: string, options: ScenarioOptions): Promise<void> {
  const result = await runScenario(options);
  if (result.violations.length > 0) {
    const run = `${what}, ${options.partitions} partitions, seed ${options.seed}`;
    throw new Error(`${run}:\n${result.violations.join('\n')}`);
  }
  expect(result.crashes).toBeGreaterThan(0);
  expect(result.history.some((op) => op.status === 'ok')).toBe(true);
}

jest.setTimeout(180_000);

/** The small workload on five members. */
const FIVE = { clients: 3, operationsPerClient: 15 };

describe('crashes at disk operations of a small workload lose nothing acknowledged', () => {
  it.each<[number, number[][]]>([
    [1, [[0, 50, 100]]],
    // Logs and tables of five replicas: each operation with another part of the unsynced data.
    [4, [[0], [50], [100]]],
  ])('the only member, with %i partitions, at every operation', async (partitions, kept) => {
    const calm: ScenarioOptions = {
      ...{ seed: 'alone', members: 1, partitions, clients: 2, operationsPerClient: 8 },
    };
    const [count] = await mutationsOfCalmRun(calm);
    expect(count).toBeGreaterThan(10);
    for (let k = 1; k <= (count as number); k++) {
      for (const keepUnsyncedPercent of kept[k % kept.length] as number[]) {
        await expectNothingLost(`crash at operation ${k}, ${keepUnsyncedPercent} % kept`, {
          ...calm,
          keepUnsyncedPercent,
          plan: ({ members: [only] }) => only?.fs.crashAtMutation(only.fs.mutationCount + k),
        });
      }
    }
  });

  it('one of five members, at operations drawn for ten seconds, and all five at once', async () => {
    const seed = `${Date.now()}`;
    const random = new SimRandom(seed);
    const sizes = [];
    for (const partitions of [1, 4]) {
      const calm: ScenarioOptions = { seed, partitions, ...FIVE };
      sizes.push({ calm, counts: await mutationsOfCalmRun(calm) });
    }
    const until = Date.now() + 10_000;
    let runs = 0;
    for (; Date.now() < until; runs++) {
      const { calm, counts } = random.pick(sizes);
      const victim = random.int(5);
      await crashOneOfFive(calm, {
        victim,
        operation: 1 + random.int(counts[victim] as number),
        keepUnsyncedPercent: random.pick([0, 50, 100]),
        all: runs % 3 === 2,
      });
    }
    console.log(`seed ${seed}: ${runs} runs`);
    expect(runs).toBeGreaterThan(0);
  });

  if (process.env.DOUG_SIM_FULL === '1') {
    it('each of five members, at every operation', async () => {
      const calm: ScenarioOptions = { seed: 'every', partitions: 4, ...FIVE };
      const counts = await mutationsOfCalmRun(calm);
      let runs = 0;
      for (const [victim, count] of counts.entries()) {
        for (let operation = 1; operation <= count; operation++) {
          for (const keepUnsyncedPercent of [0, 50, 100]) {
            const all = runs % 3 === 2;
            await crashOneOfFive(calm, { victim, operation, keepUnsyncedPercent, all });
            runs++;
          }
        }
      }
      console.log(`${runs} runs over ${counts.join(', ')} operations`);
    }, 3_600_000);
  }
});

interface Crash {
  readonly victim: number;
  readonly operation: number;
  readonly keepUnsyncedPercent: number;
  /** The others lose power as soon as the victim has. */
  readonly all: boolean;
}

async function crashOneOfFive(calm: ScenarioOptions, crash: Crash): Promise<void> {
  const { victim, operation, keepUnsyncedPercent, all } = crash;
  await expectNothingLost(`member ${victim + 1} crashes: ${JSON.stringify(crash)}`, {
    ...calm,
    keepUnsyncedPercent,
    plan: ({ members }) => {
      const { fs } = members[victim] as (typeof members)[number];
      fs.crashAtMutation(fs.mutationCount + operation);
    },
    everyMs: ({ members }) => {
      if (!all || members[victim]?.running !== false) return;
      for (const member of members) if (member.running) member.fs.crashAtOperation(0);
    },
  });
}
