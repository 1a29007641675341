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
    plan: (cluster) => scheduleFaults(cluster, faults),
  });
}
