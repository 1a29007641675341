import { recordingMetrics } from '@dougdb/ports/sim';
import { encodePut, PipeRequestWriter, PipeResponse } from '@dougdb/rpc-proto';
import { layoutOf } from '../src/data-dir/layout.js';
import { bytes, errorOf, followersOf, leaderOf, put, value } from './requests.js';
import { DATA_DIR, TestCluster, type TestNode, testSettings } from './test-cluster.js';

const layout = layoutOf(DATA_DIR);

async function readyCluster(count: number, seed = 1): Promise<TestCluster> {
  const cluster = new TestCluster(count, seed);
  cluster.startAll();
  await cluster.ready();
  return cluster;
}

describe('restarts', () => {
  it.each([1, 3])('of all %i members keep what was acknowledged', async (count) => {
    const cluster = await readyCluster(count);
    const leader = await leaderOf(cluster);
    for (let at = 0; at < 20; at++) await put(leader, `k${at}`, `v${at}`);
    for (let round = 0; round < 3; round++) {
      for (const node of cluster.nodes) node.crash(round * 50);
      cluster.startAll();
      await cluster.ready();
      for (let at = 0; at < 20; at++) {
        expect(await value(cluster.node(0), `k${at}`)).toBe(`v${at}`);
      }
    }
  });

  it('of the leader: another one takes over, and the old one comes back as a follower', async () => {
    const cluster = await readyCluster(3);
    const leader = await leaderOf(cluster);
    await put(leader, 'a', '1');
    leader.crash();
    const others = cluster.nodes.filter((node) => node !== leader);
    await cluster.until('a new leader', () => false, 1_000).catch(() => undefined);
    await cluster.ready(others);
    const next = await leaderOf(cluster);
    expect(next).not.toBe(leader);
    await put(next, 'b', '2');
    leader.start();
    await cluster.ready();
    expect(await value(leader, 'b')).toBe('2');
  });

  it('at another address: the peers learn it from its handshake', async () => {
    const cluster = await readyCluster(3);
    const [follower] = (await followersOf(cluster)) as [TestNode];
    follower.crash();
    follower.moveTo('moved:4400');
    follower.start();
    await cluster.ready();
    await put(await leaderOf(cluster), 'a', '1');
    expect(await value(follower, 'a')).toBe('1');
    expect(follower.deaths).toEqual([]);
  });
});

describe('a data directory', () => {
  async function refusal(cluster: TestCluster, node: TestNode, limitMs = 3_000) {
    node.start();
    await cluster.until('its end', () => node.deaths.length > 0, limitMs);
    return node.deaths[0];
  }

  it.each<[string, (node: TestNode) => string]>([
    ['a flipped bit in NODE', (node) => damage(node, layout.nodeFile, 40)],
    ['a flipped bit in the manifest', (node) => damage(node, manifestOf(node), 60)],
    ['a flipped bit in the WAL before its promised tail', (node) => damage(node, walOf(node), 300)],
    [
      'a flipped bit in a hard state',
      (node) => damage(node, `${layout.raftMeta}/101`, 8).slice(-3),
    ],
    ['no hard state beside a log', (node) => remove(node, `${layout.raftMeta}/101`)],
    ['no raft-meta', (node) => remove(node, layout.raftMeta)],
    ['no WAL', (node) => remove(node, layout.wal)],
    ['no tables', (node) => remove(node, layout.partitions)],
  ])('with %s is refused: exit code 3, naming it', async (_what, harm) => {
    const cluster = await readyCluster(1);
    const node = cluster.node(0);
    for (let at = 0; at < 50; at++) await put(node, `k${at}`, 'x'.repeat(100));
    await node.close();
    const harmed = harm(node);
    const death = await refusal(cluster, node);
    expect(death?.exitCode).toBe(3);
    expect(death?.error.message).toContain(harmed);
    expect(node.fs.openPaths).toEqual([]);
  });

  it('of another cluster is refused when none of the listed nodes is known to it', async () => {
    const one = await readyCluster(1);
    await one.node(0).close();
    const cluster = await readyCluster(3, 2);
    const node = cluster.node(2);
    node.crash();
    node.fs = one.node(0).fs;
    node.moveTo('elsewhere:1');
    const death = await refusal(cluster, node);
    expect(death?.exitCode).toBe(3);
    expect(death?.error.message).toMatch(/belongs to cluster [0-9a-f]{32}, but n\d:4400/);
  });

  it.each([
    ['other election times', { tickMs: 20 }, 'election times'],
    ['leases, if it was made without,', { leaseReads: true }, 'lease reads off'],
  ])('is refused with %s than the cluster was made with', async (_what, other, why) => {
    const cluster = await readyCluster(1);
    const node = cluster.node(0);
    await node.close();
    node.options = { settings: { ...testSettings, ...other } };
    const death = await refusal(cluster, node);
    expect(death?.exitCode).toBe(3);
    expect(death?.error.message).toContain(why);
  });

  it('serves on with other settings that only describe its making', async () => {
    const cluster = await readyCluster(1);
    const node = cluster.node(0);
    await node.close();
    node.options = { settings: { ...testSettings, replicationFactor: 3 } };
    node.start();
    await cluster.ready();
    expect(node.logger.of('member.settings.ignored').length).toBe(1);
  });

  it.each<[string, TestNode['options']]>([
    ['an even replication factor', { settings: { ...testSettings, replicationFactor: 2 } }],
    [
      'keys to split at that do not ascend',
      { settings: { ...testSettings, splitAt: [bytes('m'), bytes('a')] } },
    ],
    ['its address listed twice', { join: ['n1:4400', 'N1:4400'] }],
    ['an address that is none', { advertise: 'nowhere' }],
  ])('is not touched by %s: exit code 2', async (_what, options) => {
    const cluster = new TestCluster(1);
    const node = cluster.node(0);
    node.options = options;
    expect((await refusal(cluster, node))?.exitCode).toBe(2);
    expect(node.fs.stat(DATA_DIR)).toBeNull();
  });

  it.each([
    ['WAL', /\/wal\//],
    ['hard states', /raft-meta/],
    ['NODE', /NODE/],
  ])('ends with exit code 4 when a sync of the %s fails', async (_what, path) => {
    const cluster = new TestCluster(1);
    const node = cluster.node(0);
    node.fs.failNext({ kind: 'datasync', path }, 'EIO');
    expect((await refusal(cluster, node))?.exitCode).toBe(4);
  });
});

describe('metrics', () => {
  it('tell who leads and how far the replicas are', async () => {
    const cluster = new TestCluster(1);
    const metrics = recordingMetrics();
    cluster.node(0).options = { metrics };
    cluster.startAll();
    expect(metrics.value('doug_server_has_leader')).toBe(undefined);
    await cluster.ready();
    await put(cluster.node(0), 'a', '1');
    const values = [
      'server_has_leader',
      'meta_has_leader',
      'partition_count',
      'partition_leaders',
      'partitions_without_leader',
      'partitions_out_of_service',
      'raft_commit_apply_gap',
      'map_watches',
      'scans_open',
    ];
    expect(values.map((name) => metrics.value(`doug_${name}`))).toEqual([
      1, 1, 2, 2, 0, 0, 0, 0, 0,
    ]);
    expect(metrics.value('doug_sst_memtable_bytes')).toBeGreaterThan(0);
    expect(metrics.value('doug_raft_term')).toBeGreaterThan(0);
    const labels = { method: '/dougdb.v1.Doug/Put', code: 'OK' };
    expect(metrics.value('doug_requests_total', labels)).toBe(1);
  });
});

describe('drain', () => {
  it('hands leadership over, refuses new work, and leaves nothing behind', async () => {
    const cluster = await readyCluster(3);
    const leader = await leaderOf(cluster);
    await put(leader, 'a', '1');
    const { clock, fs } = leader;
    await cluster.run(leader.member.drain(8_000));
    expect(leader.notReadyReason).toBe('draining');
    expect((await errorOf(put(leader, 'a', '2'))).reason).toBe('DRAINING');
    const pipe = leader.member.openPipe({
      send: (bytes_) => codes.push(PipeResponse.decode(bytes_).results.length),
      drained: () => undefined,
      fail: () => undefined,
    });
    const codes: number[] = [];
    const writer = new PipeRequestWriter();
    writer.begin(1, new Uint8Array(0));
    writer.addCommand(0, 0, 0, false, encodePut(null, bytes('a'), bytes('3')));
    pipe.received(writer.finish());
    await cluster.advance(1);
    expect(codes).toEqual([1]);
    await cluster.run(leader.member.close());
    expect(clock.pendingCount).toBe(0);
    expect(fs.openPaths).toEqual([]);
    const others = cluster.nodes.filter((node) => node !== leader);
    await cluster.ready(others);
    const next = await leaderOf({ ...cluster, nodes: others } as unknown as TestCluster);
    expect(await value(next, 'a')).toBe('1');
  });

  it('of a cluster of one is done at once', async () => {
    const cluster = await readyCluster(1);
    const began = cluster.scheduler.nowMs;
    await cluster.run(cluster.node(0).member.drain(8_000));
    expect(cluster.scheduler.nowMs - began).toBeLessThan(100);
    await cluster.node(0).close();
  });

  it('without a quorum ends by itself', async () => {
    const cluster = await readyCluster(3);
    const leader = await leaderOf(cluster);
    for (const node of cluster.nodes) if (node !== leader) node.crash();
    const began = cluster.scheduler.nowMs;
    await cluster.run(leader.member.drain(8_000));
    expect(cluster.scheduler.nowMs - began).toBeLessThanOrEqual(8_100);
    await leader.close();
  });

  it('while genesis is waited for is done at once, and the directory is free again', async () => {
    const cluster = new TestCluster(3);
    const node = cluster.node(0);
    node.start();
    await cluster.advance(200);
    await cluster.run(node.member.drain(8_000));
    const { clock, fs } = node;
    await node.close();
    expect(clock.pendingCount).toBe(0);
    expect(fs.openPaths).toEqual([]);
    node.start();
    await cluster.advance(50);
    expect(node.deaths).toEqual([]);
  });

  it('close twice is close once, at any moment of a start', async () => {
    for (let at = 0; at < 40; at += 3) {
      const cluster = new TestCluster(1, at);
      const node = cluster.node(0);
      node.start();
      await cluster.until('open', () => node.notReadyReason !== 'not open');
      await cluster.advance(at / 4);
      const { member, clock, fs } = node;
      const first = member.close();
      await cluster.run(Promise.all([first, member.close()]));
      expect(clock.pendingCount).toBe(0);
      expect(fs.openPaths).toEqual([]);
      expect(node.deaths).toEqual([]);
    }
  });
});

function damage(node: TestNode, path: string, at: number): string {
  node.fs.corrupt(path, at, 0x08);
  return path;
}

function remove(node: TestNode, path: string): string {
  node.fs.removeTree(path);
  return path.endsWith('101') ? '101' : path.endsWith('partitions') ? 'database' : path;
}

function manifestOf(node: TestNode): string {
  const dir = `${layout.partitions}/2-102`;
  const name = node.fs.list(dir).find((entry) => entry.startsWith('MANIFEST'));
  return `${dir}/${name}`;
}

function walOf(node: TestNode): string {
  return `${layout.wal}/${node.fs.list(layout.wal)[0]}`;
}
