import { LookupRequest, WatchMapResponse } from '@dougdb/rpc-proto';
import { MapWatcher } from './map-watcher.js';
import {
  bytes,
  describeCluster,
  errorOf,
  leaderCounts,
  leaderOf,
  lookup,
  partitionList,
  transferLeader,
} from './requests.js';
import { TestCluster } from './test-cluster.js';

// Virtual minutes take real seconds on a machine that is busy.
jest.setTimeout(60_000);

const SPLIT = ['g', 'p'];

async function readyCluster(count: number, seed: number | string = 1): Promise<TestCluster> {
  const cluster = new TestCluster(count, seed, SPLIT);
  cluster.startAll();
  await cluster.ready();
  return cluster;
}

/** Lets the map take in what has happened. */
const settle = (cluster: TestCluster): Promise<void> => cluster.advance(200);

describe('routes', () => {
  it('are known to every node: all partitions, with leaders and addresses', async () => {
    const cluster = await readyCluster(3);
    await settle(cluster);
    const leaders = [];
    for (const id of [1, 2, 3, 4])
      leaders.push(cluster.nodes.indexOf(await leaderOf(cluster, id)) + 1);
    for (const node of cluster.nodes) {
      const { partitions, nodes } = await describeCluster(node);
      const listed = await partitionList(node);
      for (const routes of [partitions, listed]) {
        expect(routes.map((r) => [r.partition?.keyspace, r.partition?.partitionId])).toEqual([
          [0, 1],
          [1, 2],
          [1, 3],
          [1, 4],
        ]);
        expect(routes.map((r) => r.leaderNodeId)).toEqual(leaders);
        expect(routes.every((r) => r.nodes.length === 3 && r.logTime > 0)).toBe(true);
      }
      expect(nodes.length).toBe(3);
      expect(await lookup(node, 'a')).toEqual([2, leaders[1]]);
      expect(await lookup(node, 'g')).toEqual([3, leaders[2]]);
      expect(await lookup(node, 'zz')).toEqual([4, leaders[3]]);
    }
  });

  it('of bad requests are refused', async () => {
    const cluster = await readyCluster(1);
    const node = cluster.node(0);
    const ask = (key: Uint8Array, clusterId = new Uint8Array(0)) =>
      node.unary(
        '/dougdb.v1.Routes/Lookup',
        LookupRequest.encode({
          key,
          context: { clusterId, partitionId: 0, epochVersion: 0 },
        }).finish(),
      );
    expect((await errorOf(ask(new Uint8Array(0)))).reason).toBe('INVALID_ARGUMENT');
    expect((await errorOf(ask(new Uint8Array(8193)))).reason).toBe('INVALID_ARGUMENT');
    expect((await errorOf(ask(bytes('a'), new Uint8Array(16)))).reason).toBe('CLUSTER_MISMATCH');
    for (const method of [
      '/dougdb.v1.Routes/Lookup',
      '/dougdb.admin.v1.Admin/PartitionList',
    ] as const) {
      expect((await errorOf(node.unary(method, Uint8Array.of(255)))).reason).toBe(
        'INVALID_ARGUMENT',
      );
    }
  });

  it('are served by a node whose replica of the meta group cannot be read', async () => {
    const cluster = await readyCluster(3);
    await settle(cluster);
    const node = cluster.node(1);
    expect(node.member.stopPartition(1)).toBe(true);
    const before = await partitionList(node);
    await cluster.advance(3_000);
    const after = await partitionList(node);
    expect(after.map((r) => r.partition?.partitionId)).toEqual([1, 2, 3, 4]);
    expect(after[2]?.leaderNodeId).toBe(before[2]?.leaderNodeId);
  });
});

describe('a watch of the map', () => {
  it('tells everything first, then what changes, and something every 5 s', async () => {
    const cluster = await readyCluster(3);
    await settle(cluster);
    const watcher = new MapWatcher(cluster.node(0));
    await cluster.advance(20);
    expect(watcher.partitions).toEqual([[1, 2, 3, 4]]);
    expect([watcher.addresses.size, watcher.leaders.size, watcher.revision]).toEqual([3, 4, 10]);
    const [first] = watcher.messages;
    expect(first?.clusterId.length).toBe(16);

    // From a node that leads two to one that leads one: nobody has a reason to move more.
    const counts = leaderCounts(cluster);
    const from = cluster.node(counts.indexOf(2));
    const given =
      from.member.replicaStatuses().find(({ role }) => role === 'leader')?.partitionId ?? 0;
    const toNodeId = counts.indexOf(1) + 1;
    await transferLeader(from, given, toNodeId);
    await cluster.until('the new leader is told', () => watcher.leaders.get(given) === toNodeId);
    expect(watcher.partitions.slice(1).flat()).toEqual([]);

    const before = watcher.messages.length;
    await cluster.advance(21_000);
    const marks = watcher.messages.slice(before);
    expect(marks.length).toBeGreaterThanOrEqual(4);
    expect(marks.every((m) => m.leaders.length + m.nodes.length + m.partitions.length === 0)).toBe(
      true,
    );
    expect(marks.every((m) => m.revision === 10)).toBe(true);
    watcher.hangUp();
    await cluster.advance(20);
    expect(watcher.ended).toEqual({ error: null });
  });

  it('that goes on from a revision tells only what has changed since, and who leads', async () => {
    const cluster = await readyCluster(3);
    await settle(cluster);
    const again = new MapWatcher(cluster.node(1), { sinceRevision: 10 });
    const half = new MapWatcher(cluster.node(1), { sinceRevision: 2 });
    // More than this node knows: of another past, or of a node that is ahead.
    const ahead = new MapWatcher(cluster.node(1), { sinceRevision: 11 });
    await cluster.advance(20);
    expect([again.partitions, again.addresses.size, again.leaders.size]).toEqual([[[]], 0, 4]);
    expect([half.partitions, half.addresses.size]).toEqual([[[3, 4]], 3]);
    expect([ahead.partitions, ahead.addresses.size, ahead.revision]).toEqual([
      [[1, 2, 3, 4]],
      3,
      10,
    ]);
  });

  it('keeps nothing for a slow reader but what it has not been told', async () => {
    const cluster = await readyCluster(3);
    await settle(cluster);
    const watcher = new MapWatcher(cluster.node(0), {}, 'slow');
    await cluster.advance(20);
    const changes: number[] = [];
    for (let round = 0; round < 5; round++) {
      const from = await leaderOf(cluster, 2);
      const toNodeId = (cluster.nodes.indexOf(from) + 1) % 3;
      await transferLeader(from, 2, toNodeId + 1);
      changes.push(toNodeId + 1);
      await settle(cluster);
    }
    expect([watcher.messages.length, watcher.unread]).toEqual([1, 1]);
    watcher.readOn();
    await cluster.advance(20);
    expect(watcher.messages.length).toBe(2);
    expect(watcher.messages[1]?.leaders).toMatchObject([
      { partitionId: 2, leaderNodeId: changes.at(-1) },
    ]);
  });

  it('ends when its node goes down, also while it is not read', async () => {
    const cluster = await readyCluster(3);
    const node = cluster.node(2);
    const reading = new MapWatcher(node);
    const slow = new MapWatcher(node, {}, 'slow');
    await cluster.advance(20);
    await cluster.run(node.member.drain(5_000));
    await cluster.advance(20);
    expect(reading.ended?.error).toMatchObject({ reason: 'DRAINING', outcome: 'NOT_APPLIED' });
    expect(slow.ended).toBeNull();
    slow.hangUp();
    await cluster.advance(20);
    expect(slow.ended).not.toBeNull();
    const late = new MapWatcher(node);
    await cluster.advance(20);
    expect(late.ended?.error).toMatchObject({ reason: 'DRAINING' });
    const { clock } = node;
    await node.close();
    expect(clock.pendingCount).toBe(0);
  });

  it('is refused for garbage, another cluster, a node without one, and when there are too many', async () => {
    const cluster = await readyCluster(1);
    const node = cluster.node(0);
    const foreign = new MapWatcher(node, { clusterId: new Uint8Array(16) });
    const all = Array.from({ length: 1_025 }, () => new MapWatcher(node));
    const lone = new TestCluster(3);
    lone.node(0).start();
    await lone.advance(50);
    const early = new MapWatcher(lone.node(0));
    await cluster.advance(20);
    await lone.advance(20);
    expect(foreign.ended?.error).toMatchObject({ reason: 'CLUSTER_MISMATCH' });
    expect(early.ended?.error).toMatchObject({ reason: 'STARTING' });
    expect(all.filter((w) => w.ended !== null).length).toBe(1);
    expect(all.at(-1)?.ended?.error).toMatchObject({ reason: 'BUSY' });
    const garbage = node.member.watchMap(
      Uint8Array.of(255),
      { send: () => Promise.resolve() },
      new AbortController().signal,
    );
    expect((await errorOf(garbage)).reason).toBe('INVALID_ARGUMENT');
    for (const watcher of all) watcher.hangUp();
    await cluster.advance(20);
    expect(all.every((w) => w.ended !== null)).toBe(true);
    const next = new MapWatcher(node);
    await cluster.advance(20);
    expect(
      WatchMapResponse.encode(next.messages[0] as WatchMapResponse).finish().length,
    ).toBeGreaterThan(50);
  });
});
