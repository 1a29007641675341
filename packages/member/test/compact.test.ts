import { compact, errorOf, leaderOf, put } from './requests.js';
import { TestCluster } from './test-cluster.js';

async function readyCluster(): Promise<TestCluster> {
  const cluster = new TestCluster(3);
  cluster.startAll();
  await cluster.ready();
  return cluster;
}

describe('a compaction that an operator asks for', () => {
  it('is answered when the floor has moved, and status tells it on every member', async () => {
    const cluster = await readyCluster();
    const leader = await leaderOf(cluster);
    for (let i = 0; i < 5; i++) await put(leader, 'a', `${i}`);
    expect(await compact(leader, { revision: 3 })).toBe(3);
    expect(await compact(leader, { revision: 2 })).toBe(3);
    expect(await compact(leader, {})).toBe(5);
    const floors = (): (number | undefined)[] =>
      cluster.nodes.map(
        (node) =>
          node.member.replicaStatuses().find(({ partitionId }) => partitionId === 2)?.historyFloor,
      );
    await cluster.until('equal floors', () => floors().every((floor) => floor === 5));
  });

  it('is refused where it makes no sense, and by a member that does not lead', async () => {
    const cluster = await readyCluster();
    const leader = await leaderOf(cluster);
    await put(leader, 'a', '1');
    const reasons = [
      await errorOf(compact(leader, { revision: 2 })),
      await errorOf(compact(leader, { partitionId: 0 })),
      await errorOf(compact(leader, { partitionId: 9 })),
      await errorOf(compact(leader, { clusterId: new Uint8Array(16) })),
      await errorOf(leader.unary('/dougdb.admin.v1.Admin/Compact', Uint8Array.of(0xff))),
    ].map(({ reason, outcome }) => `${reason} ${outcome}`);
    expect(reasons).toEqual([
      'FUTURE_REVISION NOT_APPLIED',
      'INVALID_ARGUMENT NOT_APPLIED',
      'EPOCH_MISMATCH NOT_APPLIED',
      'CLUSTER_MISMATCH NOT_APPLIED',
      'INVALID_ARGUMENT NOT_APPLIED',
    ]);
    for (const node of cluster.nodes) {
      if (node === leader) continue;
      const error = await errorOf(compact(node, { revision: 1 }));
      expect([error.reason, error.route?.nodes.length]).toEqual(['NOT_LEADER', 3]);
    }
  });
});
