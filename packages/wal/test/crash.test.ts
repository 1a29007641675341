import { type CrashOptions, SimRandom } from '@dougdb/ports/sim';
import { CRASHES, checkRecovery, checkSecondCrash, collectStates } from './crash-states.js';
import { History } from './history.js';
import { Rig } from './rig.js';
import { FULL, LONG_MS, SEED, share } from './scale.js';
import { Session, WORKLOADS, type Workload } from './workloads.js';

const names = WORKLOADS.map((workload) => [workload.name, workload] as const);

async function runOnce(workload: Workload, seed: number): Promise<string> {
  const rig = new Rig(workload.options, seed);
  await workload.run(new Session(rig, new History(seed), seed));
  return rig.fs.hash();
}

function draw(random: SimRandom): CrashOptions {
  return {
    keepUnsyncedPercent: random.int(101),
    sector: random.pick([64, 512, 4096]),
    garbage: random.chance(0.3),
  };
}

describe('Wal after a power loss', () => {
  it.each(names)(
    'INVARIANT(acked-entry-survives): before every operation of "%s" it shows an acknowledged state or a later one, and the same after a second loss in the recovery',
    async (_, workload) => {
      const tally = { states: 0, torn: 0, unacked: 0, second: 0 };
      const rig = new Rig(workload.options, 1);
      const history = new History(1);
      const states = await collectStates(
        rig,
        history,
        (k) => (FULL ? CRASHES : [CRASHES[k % 4]!, CRASHES[(k + 2) % 4]!]),
        () => workload.run(new Session(rig, history, 1)),
      );
      for (const [i, state] of states.entries()) {
        const { found, shown } = await checkRecovery(state, history);
        tally.states++;
        if (found > state.moment.acked) tally.unacked++;
        if (i % (FULL ? 1 : 9) === 0) tally.second += await checkSecondCrash(state, shown);
      }
      // A quiet fault run is a failed test.
      expect(tally.states).toBeGreaterThan(60);
      expect(tally.unacked).toBeGreaterThan(3);
      expect(tally.second).toBeGreaterThan(50);
    },
    LONG_MS,
  );

  it(
    'shows such a state on every disk that may be left of a random history',
    async () => {
      const distinct = new Set<string>();
      await share(2, 150, async (i) => {
        const seed = `${SEED}/${i}`;
        const rig = new Rig({}, seed);
        const history = new History(seed);
        const random = new SimRandom(`crash/${seed}`);
        const states = await collectStates(
          rig,
          history,
          () => [draw(random), draw(random)],
          async () => {
            const { wal } = await rig.open();
            await history.run(rig, wal, 30);
            await rig.close(wal);
          },
        );
        for (const state of states) {
          distinct.add(state.rig.fs.hash());
          const { shown } = await checkRecovery(state, history);
          if (random.chance(0.02)) await checkSecondCrash(state, shown);
        }
      });
      expect(distinct.size).toBeGreaterThan(FULL ? 2000 : 200);
      console.log(`seed ${SEED}: ${distinct.size} different disks after a power loss`);
    },
    LONG_MS,
  );

  it.each(names)('leaves the same bytes of "%s" for the same seed', async (_, workload) => {
    expect(await runOnce(workload, 7)).toBe(await runOnce(workload, 7));
  });
});
