import { put } from './support/commands.js';
import { brief } from './support/sink.js';
import { TestCluster } from './support/test-cluster.js';
import type { TestNode } from './support/test-node.js';

const YEAR_MS = 365.25 * 86_400_000;

describe('INVARIANT(log-time-monotonic) where wall clocks differ', () => {
  it('takes over the log times that stand before the empty entry of a term', async () => {
    const cluster = await TestCluster.started();
    const [a, b, c] = cluster.nodes as [TestNode, TestNode, TestNode];
    await restartAhead(cluster, a, 5_000);
    await lead(cluster, a);
    expect(brief(await cluster.run(a.write(put('k', '1'))))).toBe('written 1');
    // B misses an entry, and gets it from the next leader, followed by the empty entry of its term.
    b.crash();
    await cluster.scheduler.advance(1000);
    expect(brief(await cluster.run(a.write(put('k', '2'))))).toBe('written 2');
    a.crash();
    await cluster.run(b.start());
    await cluster.untilLed([b, c]);
    await cluster.untilEqual();
    await lead(cluster, b);
    expect(brief(await cluster.run(b.write(put('k', '3'))))).toBe('written 3');
    await cluster.untilEqual();
    await cluster.run(a.start());
    await cluster.untilEqual();
    expect(states(cluster)).toEqual(['serving', 'serving', 'serving']);
  });

  it('stamps nothing that the replicas could not read, whatever the year is said to be', async () => {
    const cluster = await TestCluster.started();
    const [a] = cluster.nodes as [TestNode];
    await restartAhead(cluster, a, 70 * YEAR_MS);
    await lead(cluster, a);
    expect(brief(await cluster.run(a.write(put('k', '1'))))).toBe('written 1');
    expect(brief(await cluster.run(a.write(put('k', '2'))))).toBe('written 2');
    await cluster.untilEqual();
    expect(states(cluster)).toEqual(['serving', 'serving', 'serving']);
  });
});

async function restartAhead(cluster: TestCluster, node: TestNode, aheadMs: number): Promise<void> {
  node.wallOffsetMs = aheadMs;
  node.crash();
  await cluster.run(node.start());
  await cluster.scheduler.advance(500);
}

async function lead(cluster: TestCluster, node: TestNode): Promise<void> {
  for (let i = 0; i < 20 && cluster.leader !== node; i++) {
    cluster.leader?.replica.transferLeadership(node.replicaId);
    await cluster.scheduler.advance(200);
  }
  expect(cluster.leader).toBe(node);
  await cluster.untilLed();
}

function states(cluster: TestCluster): string[] {
  return cluster.nodes.map((node) => node.replica.status().state);
}
