import type { MemberSettings } from '@dougdb/member';
import { SimRandom } from '@dougdb/ports/sim';
import { drawFaults, scheduleFaults } from './nemesis.js';
import { runScenario, type ScenarioResult } from './scenario.js';

/**
 * A run whose size, faults and their times all come from the seed.
 * @param partitions - of users' data; left out: 1 or 4, by the seed
 */
export function runSwarm(seed: string, partitions?: number): Promise<ScenarioResult> {
  const random = new SimRandom(seed).fork('swarm');
  const members = random.pick([1, 3, 5]);
  const drawn = random.pick([1, 4]);
  const operationsPerClient = 20 + random.int(60);
  const faults = drawFaults(random.fork('faults'), members, 20_000);
  return runScenario({
    seed,
    members,
    partitions: partitions ?? drawn,
    clients: 1 + random.int(5),
    operationsPerClient,
    meanPauseMs: random.pick([5, 50, 150]),
    settings: drawSettings(random.fork('settings')),
    plan: (cluster) => scheduleFaults(cluster, faults),
  });
}

/** Room for blocks and memtables: where it is short, looks wait for disks, and replicas freeze for each other. */
function drawSettings(random: SimRandom): Partial<MemberSettings> {
  return {
    blockCacheBytes: random.pick([0, 4 << 10, 1 << 20]),
    memtableBudgetBytes: random.pick([96 << 10, 256 << 10, 1 << 20]),
    memtableBytes: random.pick([2 << 10, 8 << 10]),
  };
}
