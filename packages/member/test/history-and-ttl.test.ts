import { compact, errorOf, get, leaderOf, put, scan, text } from './requests.js';
import { TestCluster } from './test-cluster.js';

async function readyCluster(): Promise<TestCluster> {
  const cluster = new TestCluster(3);
  cluster.startAll();
  await cluster.ready();
  return cluster;
}

describe('a key with a time to live', () => {
  it('is told with its time by Get and Scan, and is gone when it is over', async () => {
    const cluster = await readyCluster();
    const leader = await leaderOf(cluster);
    const { header } = await put(leader, 'timed', 'v', { ttlMs: 2000 });
    await put(leader, 'plain', 'v');
    const { kv } = await get(leader, 'timed');
    const ttlMs = ((kv?.expiresAt ?? 0) - (header?.logTime ?? 0)) / 4096;
    expect([ttlMs > 1900, ttlMs <= 2000, text(kv?.value)]).toEqual([true, true, 'v']);
    expect((await get(leader, 'plain')).kv?.expiresAt).toBe(0);
    const [chunk] = await scan(cluster, leader);
    expect(chunk?.kvs.map(({ key, expiresAt }) => [text(key), expiresAt])).toEqual([
      ['plain', 0],
      ['timed', kv?.expiresAt],
    ]);
    await cluster.scheduler.advance(2200);
    expect((await get(leader, 'timed')).kv).toBeUndefined();
  });
});

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
