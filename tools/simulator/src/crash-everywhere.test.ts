import { SimRandom } from '@dougdb/ports/sim';
import { type Plan, plainPlan } from './plan/plan.js';
import { type RunOptions, type RunResult, runPlan } from './run.js';

/** For so long fresh places are tried. */
const SECONDS = Number(process.env.DOUG_SIM_CRASH_SECONDS ?? 8);
/** Everything, instead of a share. */
const isFull = process.env.DOUG_SIM_FULL === '1';
/** Parts of the unsynced data that a crash leaves, in percent. */
const KEPT = [0, 50, 100];

/** A short run: long enough for a freeze, a flush and a new segment. */
function shortPlan(seed: string, part: Partial<Plan>): Plan {
  return {
    ...plainPlan(seed, 300),
    profile: 'crash-everywhere',
    clients: ['registers', 'repeater', 'transactor', 'mortal'],
    meanPauseMs: 10,
    room: {
      memtableBytes: 8 << 10,
      memtableBudgetBytes: 1 << 20,
      blockCacheBytes: 1 << 20,
      freezeLogEntries: 20,
      historyMs: 600_000,
      ringBytes: 16 << 10,
      windowEvents: 100,
    },
    ...part,
  };
}

/** The members' disk operations in a run without faults: the places where a crash is tried. */
async function mutationsOfCalmRun(plan: Plan): Promise<number[]> {
  let before: number[] = [];
  let after: number[] = [];
  await runPlan(plan, {
    onServing: (cluster) => {
      before = cluster.members.map((member) => member.fs.mutationCount);
    },
    onEvent: (cluster) => {
      if (!cluster.healed) after = cluster.members.map((member) => member.fs.mutationCount);
    },
  });
  return after.map((count, n) => count - (before[n] as number));
}

async function crashed(what: string, plan: Plan, options: RunOptions): Promise<RunResult> {
  const result = await runPlan(plan, options).catch((cause: unknown) => {
    const run = `${what}, ${plan.partitions} partitions, seed ${plan.seed}`;
    throw new Error(`${run}: ${String(cause)}`, { cause });
  });
  expect(result.plannedCrashes).toBeGreaterThan(0);
  expect(result.coverage.counts.ok).toBeGreaterThan(0);
  return result;
}

jest.setTimeout(180_000);

describe('crashes at disk operations of a small workload lose nothing acknowledged', () => {
  it.each([
    [1, 1],
    // The operations of five replicas are many and of few kinds: a third of them, drawn anew each time.
    [4, isFull ? 1 : 3],
  ])('the only member, with %i partitions, at every operation', async (partitions, oneIn) => {
    const calm = shortPlan('alone', { members: 1, partitions });
    const [count] = await mutationsOfCalmRun(calm);
    expect(count).toBeGreaterThan(10);
    for (let k = 1 + (Date.now() % oneIn); k <= (count as number); k += oneIn) {
      // Each operation with another part of the unsynced data.
      for (const keepUnsyncedPercent of isFull ? KEPT : [KEPT[k % KEPT.length] as number]) {
        const what = `crash at operation ${k}, ${keepUnsyncedPercent} % kept`;
        await crashed(
          what,
          { ...calm, keepUnsyncedPercent },
          {
            onServing: ({ members: [only] }) => only?.fs.crashAtMutation(only.fs.mutationCount + k),
          },
        );
      }
    }
  });

  it(`one of five members, at operations drawn for ${SECONDS} seconds, and all five at once`, async () => {
    const seed = `${Date.now()}`;
    const random = new SimRandom(seed);
    const sizes = [];
    for (const partitions of [1, 4]) {
      const calm = shortPlan(seed, { partitions });
      sizes.push({ calm, counts: await mutationsOfCalmRun(calm) });
    }
    const until = Date.now() + SECONDS * 1_000;
    let runs = 0;
    for (; Date.now() < until; runs++) {
      const { calm, counts } = random.pick(sizes);
      const victim = random.int(5);
      await crashOneOfFive(calm, {
        victim,
        operation: 1 + random.int(counts[victim] as number),
        keepUnsyncedPercent: random.pick(KEPT),
        all: runs % 3 === 2,
      });
    }
    console.log(`seed ${seed}: ${runs} runs`);
    expect(runs).toBeGreaterThan(0);
  });

  if (isFull) {
    it('each of five members, at every operation', async () => {
      const calm = shortPlan('every', { partitions: 4 });
      const counts = await mutationsOfCalmRun(calm);
      let runs = 0;
      for (const [victim, count] of counts.entries()) {
        for (let operation = 1; operation <= count; operation++) {
          for (const keepUnsyncedPercent of KEPT) {
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

async function crashOneOfFive(calm: Plan, crash: Crash): Promise<void> {
  const { victim, operation, keepUnsyncedPercent, all } = crash;
  const what = `member ${victim + 1} crashes: ${JSON.stringify(crash)}`;
  await crashed(
    what,
    { ...calm, keepUnsyncedPercent },
    {
      onServing: ({ members }) => {
        const { fs } = members[victim] as (typeof members)[number];
        fs.crashAtMutation(fs.mutationCount + operation);
      },
      onEvent: ({ members, healed }) => {
        if (!all || healed || members[victim]?.running !== false) return;
        for (const member of members) if (member.running) member.fs.crashAtOperation(0);
      },
    },
  );
}
