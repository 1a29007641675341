import type { LogLine } from '@dougdb/ports/sim';
import { leaderCounts, leaderOf, put, transferLeader, value } from './requests.js';
import { TestCluster, type TestNode } from './test-cluster.js';

// Virtual minutes take real seconds on a machine that is busy.
jest.setTimeout(60_000);

const SPLIT = ['f', 'k', 'p', 'u'];
/** Five partitions of data and the meta group. */
const PARTITIONS = 6;

/** Minutes pass in these tests: ticks are rare, so that they pass quickly. */
async function readyCluster(count: number, seed = 'lead', tickMs = 50): Promise<TestCluster> {
  const cluster = new TestCluster(count, seed, SPLIT, { tickMs });
  cluster.startAll();
  await cluster.ready();
  return cluster;
}

const linesOf = (cluster: TestCluster, event: string): LogLine[] =>
  cluster.nodes.flatMap((node) => node.logger.of(event));

const spread = (counts: readonly number[]): number => {
  const up = counts.filter((count) => count >= 0);
  return Math.max(...up) - Math.min(...up);
};

describe('leaders', () => {
  it.each([
    [3, 1],
    [5, 2],
    [5, 3],
  ])('of %i members are spread as soon as the cluster is made (seed %i)', async (count, seed) => {
    const cluster = await readyCluster(count, `first-${seed}`, 10);
    expect(leaderCounts(cluster).reduce((sum, n) => sum + n, 0)).toBe(PARTITIONS);
    expect(spread(leaderCounts(cluster))).toBeLessThanOrEqual(1);
    expect(linesOf(cluster, 'leader.balance')).toEqual([]);
  });

  it('INVARIANT(restart-silence): do not campaign at once in a later start', async () => {
    const cluster = await readyCluster(3, 'silent', 10);
    for (const node of cluster.nodes) node.crash();
    cluster.startAll();
    const startedMs = cluster.scheduler.nowMs;
    await cluster.until('open', () => cluster.nodes.every((n) => n.notReadyReason !== 'not open'));
    while (cluster.scheduler.nowMs - startedMs < 155) {
      for (const node of cluster.nodes) {
        const roles = node.member.replicaStatuses().map(({ role }) => role);
        expect(roles.filter((role) => role !== 'follower')).toEqual([]);
      }
      await cluster.advance(5);
    }
    await cluster.ready();
  });

  it('are spread again after an outage, one at a time, and then stay where they are', async () => {
    const cluster = await readyCluster(5, 'outage', 100);
    const lost = cluster.node(1);
    lost.crash();
    const others = cluster.nodes.filter((node) => node !== lost);
    await cluster.ready(others);
    await cluster.until('spread', () => spread(leaderCounts(cluster)) <= 1, 30_000);
    lost.start();
    await cluster.ready();
    await cluster.until('spread again', () => spread(leaderCounts(cluster)) <= 2, 60_000);
    const moves = linesOf(cluster, 'leader.balance').length;
    const changes = linesOf(cluster, 'raft.leader.elected').length;
    await cluster.advance(40_000);
    expect(linesOf(cluster, 'leader.balance').length).toBe(moves);
    expect(linesOf(cluster, 'raft.leader.elected').length).toBe(changes);
    expect(moves).toBeLessThanOrEqual(10);
  });

  it('that all fell to one node are given away until nobody leads two more, without oscillation', async () => {
    const cluster = await readyCluster(3);
    // The others are away until one node has won every election.
    const [one, two, three] = cluster.nodes as [TestNode, TestNode, TestNode];
    three.crash();
    await cluster.advance(1_000);
    cluster.network.cut(one.address, two.address);
    await cluster.advance(1_000);
    two.crash();
    cluster.network.heal();
    three.start();
    await cluster.until(
      'one leads all',
      () => {
        const statuses = [one, three].filter((n) => n.notReadyReason !== 'not open');
        const leads = statuses
          .flatMap((n) => n.member.replicaStatuses())
          .filter((s) => s.role === 'leader');
        return leads.length === PARTITIONS;
      },
      60_000,
    );
    two.start();
    await cluster.ready();
    await cluster.until('spread', () => spread(leaderCounts(cluster)) <= 2, 60_000);
    const moved = linesOf(cluster, 'leader.balance').length;
    await cluster.advance(60_000);
    expect(linesOf(cluster, 'leader.balance').length - moved).toBeLessThanOrEqual(1);
    const all = linesOf(cluster, 'leader.balance').map((line) => line.fields.partition);
    // Nobody who was given a partition gives it on.
    expect(new Set(all).size).toBe(all.length);
  });

  it('INVARIANT(given-leader-stays): stay where an operator has put them', async () => {
    const cluster = await readyCluster(3);
    const won = new Set<number>();
    for (let partitionId = 1; partitionId <= PARTITIONS; partitionId++) {
      const from = await leaderOf(cluster, partitionId);
      if (from === cluster.node(0)) won.add(partitionId);
      else await transferLeader(from, partitionId, 1);
    }
    expect(leaderCounts(cluster)).toEqual([PARTITIONS, 0, 0]);
    await cluster.advance(60_000);
    // What node 1 had won by itself it may give away; what it was given it keeps.
    const moved = linesOf(cluster, 'leader.balance').map(
      ({ fields }) => fields.partition as number,
    );
    expect(moved.filter((partitionId) => !won.has(partitionId))).toEqual([]);
    expect(leaderCounts(cluster)[0]).toBe(PARTITIONS - moved.length);
    expect(moved.length).toBe(won.size);
  });

  it('of a node that goes down go to all others, and none comes to it', async () => {
    const cluster = await readyCluster(5);
    const [first, second] = cluster.nodes as [TestNode, TestNode];
    for (let partitionId = 1; partitionId <= PARTITIONS; partitionId++) {
      const from = await leaderOf(cluster, partitionId);
      if (from !== first) await transferLeader(from, partitionId, 1);
    }
    expect(leaderCounts(cluster)).toEqual([PARTITIONS, 0, 0, 0, 0]);
    await cluster.run(first.member.drain(8_000));
    expect(leaderCounts(cluster)[0]).toBe(0);
    expect(spread(leaderCounts(cluster).slice(1))).toBeLessThanOrEqual(1);
    // It is still there, leads fewest, and could take what others have won meanwhile.
    second.crash();
    await cluster.advance(10_000);
    second.start();
    await cluster.until('second serves', () => second.notReadyReason === null);
    await cluster.advance(20_000);
    expect(leaderCounts(cluster)[0]).toBe(0);
    const targets = linesOf(cluster, 'leader.balance').map(({ fields }) => fields.to);
    expect(targets).not.toContain(1);
  });

  it('are moved under writes without a loss', async () => {
    const cluster = await readyCluster(3, 'writes', 20);
    const lost = cluster.node(0);
    lost.crash();
    await cluster.advance(3_000);
    lost.start();
    await cluster.ready();
    const acknowledged = new Map<string, string>();
    const endMs = cluster.scheduler.nowMs + 8_000;
    for (let at = 0; cluster.scheduler.nowMs < endMs; at++) {
      const key = `${'agmqv'[at % 5]}${at % 20}`;
      const leader = await leaderOf(cluster, 2 + (at % 5)).catch(() => null);
      const isDone =
        leader !== null &&
        (await put(leader, key, `${at}`).then(
          () => true,
          () => false,
        ));
      if (isDone) acknowledged.set(key, `${at}`);
      else acknowledged.delete(key);
      await cluster.advance(40);
    }
    expect(linesOf(cluster, 'leader.balance').length).toBeGreaterThan(0);
    expect(acknowledged.size).toBeGreaterThan(15);
    for (const [key, expected] of acknowledged) expect(await value(lost, key)).toBe(expected);
  });
});
