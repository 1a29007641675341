import { Consistency } from '@dougdb/rpc-proto';
import { errorOf, followersOf, get, leaderOf, multiGet, put, scan, text } from './requests.js';
import { TestCluster, type TestNode } from './test-cluster.js';

jest.setTimeout(60_000);

const LINEARIZABLE = Consistency.CONSISTENCY_LINEARIZABLE;
const LEASE = Consistency.CONSISTENCY_LEASE;
const BOUNDED = Consistency.CONSISTENCY_BOUNDED;
const AT_REVISION = Consistency.CONSISTENCY_AT_REVISION;

async function made(leaseReads: boolean): Promise<{ cluster: TestCluster; leader: TestNode }> {
  const cluster = new TestCluster(3, 1, [], { leaseReads });
  cluster.startAll();
  await cluster.ready();
  const leader = await leaderOf(cluster);
  await put(leader, 'k', 'v1');
  await put(leader, 'k', 'v2');
  await cluster.advance(200);
  return { cluster, leader };
}

describe('levels of reads', () => {
  it('stand in the header of what was served', async () => {
    const { cluster, leader } = await made(true);
    const leased = { consistency: LEASE };
    const one = await get(leader, 'k', leased);
    expect([text(one.kv?.value), one.header?.served]).toEqual(['v2', LEASE]);
    expect((await multiGet(leader, ['k', 'x'], leased)).headers[0]?.served).toBe(LEASE);
    expect((await scan(cluster, leader, leased))[0]?.header?.served).toBe(LEASE);
    for (const node of cluster.nodes) {
      const bounded = { consistency: BOUNDED, maxAgeMs: 100 };
      for (const header of [
        (await get(node, 'k', bounded)).header,
        (await multiGet(node, ['k'], bounded)).headers[0],
        (await scan(cluster, node, bounded))[0]?.header,
      ]) {
        expect(header?.served).toBe(BOUNDED);
        expect(header?.ageMs).toBeLessThanOrEqual(100);
      }
      const before = await get(node, 'k', { revision: 1 });
      expect([text(before.kv?.value), before.header?.served]).toEqual(['v1', AT_REVISION]);
      const [chunk] = await scan(cluster, node, { revision: 1 });
      expect(chunk?.kvs.map((kv) => text(kv.value))).toEqual(['v1']);
      expect([chunk?.header?.revision, chunk?.header?.served]).toEqual([1, AT_REVISION]);
    }
  });

  it('are refused where they cannot be served', async () => {
    const { cluster, leader } = await made(true);
    const [follower] = (await followersOf(cluster)) as [TestNode];
    const leased = { consistency: LEASE };
    const refused = [
      await errorOf(get(follower, 'k', leased)),
      await errorOf(multiGet(follower, ['k'], leased)),
      await errorOf(scan(cluster, follower, leased)),
    ];
    const [leaderStatus] = leader.member.replicaStatuses().filter((s) => s.partitionId === 2);
    expect(refused.map((e) => [e.reason, e.route?.leaderNodeId])).toEqual(
      refused.map(() => ['NOT_LEADER', leaderStatus?.leaderNodeId]),
    );
    expect((await errorOf(get(leader, 'k', { revision: 99 }))).reason).toBe('FUTURE_REVISION');
    const both = { revision: 1, consistency: LINEARIZABLE };
    expect((await errorOf(get(leader, 'k', both))).reason).toBe('INVALID_ARGUMENT');
    const withoutRevision = { consistency: AT_REVISION };
    expect((await errorOf(multiGet(leader, ['k'], withoutRevision))).reason).toBe(
      'INVALID_ARGUMENT',
    );
  });

  it('know of no leases in a cluster that was made without', async () => {
    const { leader } = await made(false);
    const error = await errorOf(get(leader, 'k', { consistency: LEASE }));
    expect(error.reason).toBe('INVALID_ARGUMENT');
    expect(error.message).toContain('--lease-reads');
  });

  it('are linearizable by a round while the leader cannot have a lease', async () => {
    const { cluster, leader } = await made(true);
    await leader.close();
    await cluster.until('the next one leads', () =>
      cluster.nodes.some(
        (node) =>
          node.running &&
          node.member.replicaStatuses().some((s) => s.partitionId === 2 && s.role === 'leader'),
      ),
    );
    const led = await leaderOf(cluster);
    const answer = await get(led, 'k', { consistency: LEASE });
    expect(text(answer.kv?.value)).toBe('v2');
    expect([LEASE, LINEARIZABLE]).toContain(answer.header?.served);
  });
});
