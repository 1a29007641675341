import type { CrashOptions } from '@dougdb/ports/sim';
import { History } from './history.js';
import { Rig } from './rig.js';
import { seeds } from './scale.js';

const STEPS = 35;
const STATES: readonly CrashOptions[] = [
  { keepUnsyncedPercent: 0 },
  { keepUnsyncedPercent: 50 },
  { keepUnsyncedPercent: 70, sector: 64, garbage: true },
  { keepUnsyncedPercent: 100 },
];

/** Runs the workload on a disk that loses its power before the k-th change. */
async function runUntil(seed: number, mutation: number): Promise<{ rig: Rig; history: History }> {
  const rig = new Rig({}, seed);
  const history = new History(seed);
  rig.fs.crashAtMutation(mutation);
  try {
    const { wal } = await rig.open();
    await history.run(rig, wal, STEPS);
    await rig.close(wal);
  } catch (error) {
    if (!rig.fs.crashed) throw error;
  }
  return { rig, history };
}

async function countMutations(seed: number): Promise<number> {
  const { rig } = await runUntil(seed, Number.POSITIVE_INFINITY);
  return rig.fs.mutationCount;
}

describe('Wal after a power loss', () => {
  it.each(seeds(1, 2))(
    'INVARIANT(acked-entry-survives): shows an acknowledged state or a later one, whenever it happens (seed %i)',
    async (seed) => {
      const mutations = await countMutations(seed);
      const tally = { torn: 0, unacked: 0 };
      for (let mutation = 1; mutation <= mutations; mutation++) {
        const { rig, history } = await runUntil(seed, mutation);
        for (const crash of STATES) {
          const disk = rig.afterCrash(crash);
          const { wal, report } = await disk.copy().open();
          const state = history.check(wal);
          if (report.tail === 'torn') tally.torn++;
          if (state > history.acked) tally.unacked++;
          if (mutation % 4 === seed % 4) await crashAgain(disk, crash, history, state, mutation);
        }
      }
      // A quiet fault run is a failed test.
      expect(tally.torn).toBeGreaterThan(3);
      expect(tally.unacked).toBeGreaterThan(5);
    },
  );
});

/** The power fails again while the WAL is being opened: the start after that finds the same. */
async function crashAgain(
  disk: Rig,
  crash: CrashOptions,
  history: History,
  state: number,
  mutation: number,
): Promise<void> {
  const probe = disk.copy();
  await probe.open();
  const opening = probe.fs.mutationCount;
  for (let at = 1 + (mutation % 2); at <= opening; at += 2) {
    const second = disk.copy();
    second.fs.crashAtMutation(at);
    await second.open().catch(() => null);
    const { wal } = await second.afterCrash(crash).open();
    expect(history.check(wal)).toBe(state);
  }
}
