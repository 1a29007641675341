import { createMemoryStore, type MemoryStore } from '../src/testing/index.js';
import { type ContractTarget, describeContract } from './contract/contract.js';
import { until } from './contract/target.js';

/** A store in memory; its trouble is everything that its switches can do. */
function target(store: MemoryStore): ContractTarget {
  return {
    // Short pauses: the trouble itself is over at once.
    connect: (options) => store.connect({ retry: { baseMs: 2, maxMs: 20 }, ...options }),
    disturb: () => disturb(store),
    close: () => store.close(),
  };
}

async function disturb(store: MemoryStore): Promise<void> {
  const { cluster } = store;
  const troubles = [
    () => store.moveLeader(),
    () => store.loseAnswers({ times: 3 }),
    () => store.loseRequests({ times: 3 }),
    () => store.refuse('BUSY', { times: 3, retryAfterMs: 3 }),
    () => store.refuse('IN_DOUBT', { times: 3 }),
    () => store.loseLeader(),
    () => store.moveLeader(),
    () => cluster.kill(2),
    () => cluster.kill(3),
    () => cluster.restart(2),
    () => cluster.restart(3),
    () => cluster.breakPipes(),
    ...cluster.facades.flatMap((facade) => [
      () => cluster.drain(facade),
      () => cluster.kill(facade),
      () => cluster.restart(facade),
    ]),
  ];
  for (const trouble of troubles) {
    // Each meets calls: those that arrive, or that ask where to go.
    const from = cluster.arrived + cluster.unaryCalls;
    trouble();
    await until(async () => cluster.arrived + cluster.unaryCalls >= from + 12);
  }
  store.clearFaults();
  for (const partition of cluster.partitions) expect(partition.leaderNodeId).not.toBe(0);
}

describeContract('on a store in memory', async () => target(createMemoryStore()));

describeContract('on a store in memory with five partitions', async () => {
  const store = createMemoryStore({ splitAt: ['c', 'i', 'p', 'w'] });
  for (const [n, key] of ['a', 'g', 'm', 't', 'z'].entries()) store.cluster.lead((n % 3) + 1, key);
  return target(store);
});

describeContract('on a store in memory behind two facades', async () =>
  target(createMemoryStore({ facades: 2, splitAt: ['c', 'i', 'p', 'w'] })),
);
