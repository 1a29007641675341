import type { NodeDescriptor } from '@dougdb/rpc-proto';
import { initialMetaRows } from '../src/meta/initial-rows.js';
import { MapWatcher } from './map-watcher.js';
import { describeCluster, errorOf, leaderOf, put, transferLeader, value } from './requests.js';
import { TestCluster, type TestNode } from './test-cluster.js';

// Virtual minutes take real seconds on a machine that is busy.
jest.setTimeout(60_000);

async function readyCluster(count: number, seed: number | string = 1): Promise<TestCluster> {
  const cluster = new TestCluster(count, seed, ['m']);
  cluster.startAll();
  await cluster.ready();
  return cluster;
}

/** Of the replicas of the meta group: index and hash of what is applied. */
const metaHashes = (cluster: TestCluster): string[] =>
  cluster.nodes.map((node) => {
    const { appliedIndex = 0, hash = null } = node.opened?.replicaStatuses()[0] ?? {};
    return `${appliedIndex} ${hash}`;
  });

const metaRevisions = (cluster: TestCluster): (number | undefined)[] =>
  cluster.nodes.map((node) => node.opened?.replicaStatuses()[0]?.revision);

async function addressesOn(node: TestNode): Promise<string[]> {
  return (await describeCluster(node)).nodes.map(({ address }: NodeDescriptor) => address);
}

describe('the meta group', () => {
  it('holds its rows from the beginning on, on all members alike, whatever crashes while it is made', async () => {
    const hashes = new Set<string>();
    for (let at = 0; at < 12; at++) {
      const cluster = new TestCluster(3, `made-${at}`, ['m']);
      cluster.startAll();
      // Power losses of all at a moment between the record and the first flushes.
      await cluster.advance(40 + at * 3);
      for (const node of cluster.nodes) node.crash([0, 50, 100][at % 3]);
      cluster.startAll();
      await cluster.ready();
      await cluster.until('equal', () => new Set(metaRevisions(cluster)).size === 1);
      const watcher = new MapWatcher(cluster.node(at % 3));
      await cluster.advance(20);
      expect([watcher.partitions.flat(), watcher.revision]).toEqual([[1, 2, 3], 9]);
      expect(metaRevisions(cluster)).toEqual([9, 9, 9]);
      await cluster.until('equal hashes', () => new Set(metaHashes(cluster)).size === 1);
      hashes.add(metaHashes(cluster)[0]?.split(' ')[1] ?? '');
    }
    // The uuids of the nodes are in the rows: each cluster has a hash of its own.
    expect(hashes.size).toBe(12);
    expect(hashes).not.toContain('0');
  });

  it('keeps them over restarts', async () => {
    const cluster = await readyCluster(3);
    for (let round = 0; round < 3; round++) {
      for (const node of cluster.nodes) node.crash(round * 50);
      cluster.startAll();
      await cluster.ready();
      expect(metaRevisions(cluster)).toEqual([9, 9, 9]);
    }
  });

  it('may be away: reads and writes go on, and nodes stay ready', async () => {
    const cluster = await readyCluster(5);
    for (const at of [0, 1, 2]) cluster.node(at).member.stopPartition(1);
    await cluster.advance(10_000);
    for (const node of cluster.nodes) expect(node.notReadyReason).toBeNull();
    await cluster.advance(500);
    for (const [key, partitionId] of [
      ['a', 2],
      ['z', 3],
    ] as const) {
      await put(await leaderOf(cluster, partitionId), key, 'on');
      for (const node of cluster.nodes) expect(await value(node, key)).toBe('on');
    }
    // Nobody leads it, and its leader of before cannot be asked to give it away.
    const reasons = [];
    for (const node of cluster.nodes) {
      reasons.push((await errorOf(transferLeader(node, 1, 4, 300))).reason);
    }
    expect(reasons).toEqual(reasons.map(() => 'NO_LEADER'));
    // A data partition can still move.
    const from = await leaderOf(cluster, 3);
    const toNodeId = (cluster.nodes.indexOf(from) + 1) % 5;
    expect((await transferLeader(from, 3, toNodeId + 1)).leaderNodeId).toBe(toNodeId + 1);

    for (const at of [0, 1, 2]) expect(cluster.node(at).member.resumePartition(1)).toBe(true);
    await cluster.until('it is led again', () =>
      cluster.nodes.every((n) => n.member.replicaStatuses()[0]?.leaderReplicaId !== 0),
    );
    expect(cluster.node(0).member.resumePartition(9)).toBe(false);
    expect(cluster.node(0).member.stopPartition(9)).toBe(false);
  });

  it('is not needed by one partition that is stopped either: the others of the node go on', async () => {
    const cluster = await readyCluster(3);
    const node = await leaderOf(cluster, 2);
    node.member.stopPartition(2);
    expect((await errorOf(put(node, 'a', '1'))).reason).toBe('NO_LEADER');
    expect(node.notReadyReason).toContain('partition 2 is stopped');
    await cluster.until('another one leads', () =>
      cluster.nodes.some(
        (other) => other !== node && other.member.replicaStatuses()[1]?.role === 'leader',
      ),
    );
    const next = cluster.nodes.find(
      (other) => other !== node && other.member.replicaStatuses()[1]?.role === 'leader',
    ) as TestNode;
    await put(next, 'a', '1');
    expect(await value(node, 'z')).toBeUndefined();
    node.member.resumePartition(2);
    await cluster.ready();
    // It may have to hear of the leader that there is now.
    await cluster.advance(500);
    expect(await value(node, 'a')).toBe('1');
  });
});

describe('the address of a node', () => {
  it('is written by the leader of the meta group when the node says another one, and told to watchers', async () => {
    const cluster = await readyCluster(3);
    await cluster.advance(200);
    const watchers = cluster.nodes.map((node) => new MapWatcher(node));
    const moved = cluster.nodes.find(
      (node) => node.member.replicaStatuses()[0]?.role !== 'leader',
    ) as TestNode;
    const at = cluster.nodes.indexOf(moved);
    moved.crash();
    moved.moveTo('moved:4400');
    moved.start();
    await cluster.ready();
    await cluster.until('the row is everywhere', () =>
      metaRevisions(cluster).every((r) => r === 10),
    );
    for (const [index, watcher] of watchers.entries()) {
      if (index === at) continue;
      await cluster.until('told', () => watcher.addresses.get(at + 1) === 'moved:4400');
      await cluster.until('revision', () => watcher.revision === 10);
    }
    for (const node of cluster.nodes) expect((await addressesOn(node))[at]).toBe('moved:4400');
    const before = metaRevisions(cluster);
    await cluster.advance(20_000);
    expect(metaRevisions(cluster)).toEqual(before);
    // A watch that goes on from before hears of the node alone.
    const again = new MapWatcher(cluster.node((at + 1) % 3), { sinceRevision: 9 });
    await cluster.advance(20);
    expect([again.partitions, [...again.addresses]]).toEqual([[[]], [[at + 1, 'moved:4400']]]);
  });

  it('is known from the meta group to a node that has not heard it itself', async () => {
    const cluster = await readyCluster(3);
    const [one, two, three] = cluster.nodes as [TestNode, TestNode, TestNode];
    two.crash();
    two.moveTo('moved:4400');
    two.start();
    await cluster.until('written', () => metaRevisions(cluster).every((r) => r === 10));
    // Everybody starts again, and two is away: who tells?
    one.crash();
    three.crash();
    two.crash();
    one.start();
    three.start();
    await cluster.until('open', () => one.opened !== null && three.opened !== null);
    await cluster.ready([one, three]);
    await cluster.advance(100);
    expect((await addressesOn(one))[1]).toBe('moved:4400');
    two.start();
    await cluster.ready();
  });

  it('that goes to and fro costs one write in five seconds', async () => {
    const cluster = await readyCluster(3);
    const moved = cluster.nodes.find(
      (node) => node.member.replicaStatuses()[0]?.role !== 'leader',
    ) as TestNode;
    const home = moved.address;
    const began = cluster.scheduler.nowMs;
    for (let round = 0; round < 10; round++) {
      moved.crash();
      moved.moveTo(round % 2 === 0 ? 'moved:4400' : home);
      moved.start();
      await cluster.advance(900);
    }
    const seconds = (cluster.scheduler.nowMs - began) / 1000;
    await cluster.until(
      'it is written in the end',
      () => (metaRevisions(cluster)[0] ?? 0) > 9,
      10_000,
    );
    await cluster.advance(12_000);
    const writes = Math.max(...metaRevisions(cluster).map((r) => r ?? 0)) - 9;
    expect(writes).toBeGreaterThan(0);
    expect(writes).toBeLessThanOrEqual(Math.ceil((seconds + 12) / 5) + 1);
    for (const node of cluster.nodes) {
      expect((await addressesOn(node))[cluster.nodes.indexOf(moved)]).toBe(moved.address);
    }
  });
});

describe('rows of genesis', () => {
  it('are the revisions that a new cluster begins with', async () => {
    const cluster = await readyCluster(1);
    const { partitions } = await describeCluster(cluster.node(0));
    // Three partitions, a node, settings, version, ids.
    expect(metaRevisions(cluster)).toEqual([partitions.length + 4]);
    expect(typeof initialMetaRows).toBe('function');
  });
});
