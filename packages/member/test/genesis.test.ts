import { SimRandom } from '@dougdb/ports/sim';
import {
  AskRequest,
  AskResponse,
  DescribeRequest,
  DescribeResponse,
  MemberListRequest,
  MemberListResponse,
  OfferRequest,
  OfferResponse,
} from '@dougdb/rpc-proto';
import { makeRecord } from '../src/genesis/record.js';
import { TestCluster, TestNode, testSettings } from './test-cluster.js';

async function clusterIdOf(node: TestNode): Promise<string> {
  const bytes = await node.unary('/dougdb.v1.Routes/Describe', DescribeRequest.encode({}).finish());
  return Buffer.from(DescribeResponse.decode(bytes).clusterId).toString('hex');
}

async function clusterIds(nodes: readonly TestNode[]): Promise<Set<string>> {
  const ids = new Set<string>();
  for (const node of nodes) ids.add(await clusterIdOf(node));
  return ids;
}

/** Restarts whatever does not run, until all serve; one cluster must come of it. */
async function converge(cluster: TestCluster): Promise<void> {
  for (const node of cluster.nodes) {
    if (node.running) continue;
    node.crash();
    node.start();
  }
  await cluster.ready();
  expect((await clusterIds(cluster.nodes)).size).toBe(1);
}

async function closeAll(cluster: TestCluster): Promise<void> {
  for (const node of cluster.nodes) {
    const { fs } = node;
    await node.close();
    expect(fs.openPaths).toEqual([]);
  }
}

describe('genesis', () => {
  it.each([1, 2, 3, 4, 5])('makes one cluster of %i members that elect a leader', async (count) => {
    const cluster = new TestCluster(count);
    cluster.startAll();
    await cluster.ready();
    expect((await clusterIds(cluster.nodes)).size).toBe(1);
    const bytes = await cluster
      .node(0)
      .unary('/dougdb.admin.v1.Admin/MemberList', MemberListRequest.encode({}).finish());
    expect(MemberListResponse.decode(bytes).nodes.map((n) => [n.nodeId, n.address])).toEqual(
      cluster.nodes.map((node, at) => [at + 1, node.address]),
    );
    for (const node of cluster.nodes) expect(node.deaths).toEqual([]);
    await closeAll(cluster);
  });

  it('comes to an end in whatever order the members start', async () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
    ]) {
      const cluster = new TestCluster(3, order.join());
      for (const at of order) {
        cluster.node(at).start();
        await cluster.advance(1_700);
      }
      await cluster.ready();
      expect((await clusterIds(cluster.nodes)).size).toBe(1);
    }
  });

  it('waits for a member that is missing, and says so every 5 s', async () => {
    const cluster = new TestCluster(3);
    cluster.node(0).start();
    cluster.node(1).start();
    await cluster.advance(16_000);
    const { logger, notReadyReason } = cluster.node(0);
    const waiting = logger.of('genesis.waiting');
    expect(waiting.map((line) => line.fields.missing)).toEqual(['n3:4400', 'n3:4400', 'n3:4400']);
    expect(notReadyReason).toContain('no answer from n3:4400');
    cluster.node(2).start();
    await cluster.ready();
    expect((await clusterIds(cluster.nodes)).size).toBe(1);
  });

  it.each<[string, TestNode['options'], string]>([
    ['another list', { join: ['n1:4400', 'n3:4400'] }, '--join'],
    [
      'another replication factor',
      { settings: { ...testSettings, replicationFactor: 3 } },
      'replication factor',
    ],
    ['other election times', { settings: { ...testSettings, tickMs: 20 } }, 'election times'],
    ['leases', { settings: { ...testSettings, leaseReads: true } }, 'lease reads'],
  ])(
    'nobody bootstraps while one member has %s, and each says why',
    async (_what, options, why) => {
      const cluster = new TestCluster(3);
      cluster.node(2).options = options;
      cluster.startAll();
      await cluster.advance(6_000);
      for (const node of cluster.nodes) {
        expect(node.notReadyReason).toContain('waiting for genesis');
        const said = node.logger.of('genesis.waiting').map((line) => String(line.fields.differs));
        expect(said.join()).toContain(why);
      }
      cluster.node(2).options = {};
      cluster.node(2).crash();
      cluster.node(2).start();
      await cluster.ready();
    },
  );

  it('is not taken part in by a node that is not in its own list: it is told and waits', async () => {
    const cluster = new TestCluster(3);
    cluster.startAll();
    await cluster.ready();
    const stranger = new TestCluster(1);
    expect(stranger.join).toEqual([]);
    const late = cluster.node(0);
    // The disk of a listed member is lost: it comes back empty.
    late.wipe();
    late.start();
    await cluster.advance(11_000);
    expect(late.deaths).toEqual([]);
    expect(late.notReadyReason).toContain('disk wiped');
    expect(late.logger.of('genesis.waiting').length).toBe(2);
    await cluster.ready(cluster.nodes.slice(1));
  });

  it('answers whoever asks with the record, before and after a restart', async () => {
    const cluster = new TestCluster(3);
    cluster.startAll();
    await cluster.ready();
    const ask = async (): Promise<AskResponse> =>
      AskResponse.decode(
        await cluster
          .node(1)
          .unary(
            '/dougdb.raft.v1.Genesis/Ask',
            AskRequest.encode({ uuid: new Uint8Array(16), address: 'x:1' }).finish(),
          ),
      );
    const before = await ask();
    expect([before.empty, before.record?.nodes.length]).toEqual([false, 3]);
    cluster.node(1).crash();
    cluster.node(1).start();
    await cluster.ready();
    expect((await ask()).record).toEqual(before.record);
  });

  it('takes no record that it is not part of, and none of another cluster', async () => {
    const cluster = new TestCluster(3);
    const offer = async (node: TestNode, record: OfferRequest['record']): Promise<OfferResponse> =>
      OfferResponse.decode(
        await node.unary('/dougdb.raft.v1.Genesis/Offer', OfferRequest.encode({ record }).finish()),
      );
    const foreign = makeRecord(
      [{ uuid: new Uint8Array(16).fill(1), address: 'x:1' }],
      { replicationFactor: 5, heartbeatMs: 50, electionMinMs: 160, splitAt: [], leaseReads: false },
      new Uint8Array(16).fill(2),
      1.7e12,
    );
    cluster.node(0).start();
    await cluster.advance(10);
    expect(await offer(cluster.node(0), foreign)).toMatchObject({
      accepted: false,
      reason: expect.stringContaining('not in its record'),
    });
    expect((await offer(cluster.node(0), undefined)).accepted).toBe(false);
    cluster.startAll();
    await cluster.ready();
    const own = AskResponse.decode(
      await cluster
        .node(1)
        .unary(
          '/dougdb.raft.v1.Genesis/Ask',
          AskRequest.encode({ uuid: new Uint8Array(16), address: '' }).finish(),
        ),
    ).record;
    expect((await offer(cluster.node(0), own)).accepted).toBe(true);
    expect(await offer(cluster.node(0), foreign)).toMatchObject({
      accepted: false,
      reason: expect.stringContaining('belongs to cluster'),
    });
  });

  it('is not begun by a second process with the same address', async () => {
    const cluster = new TestCluster(3);
    const twin = new TestNode(cluster, 'n1:4400', cluster.random.fork('twin'));
    // Another uuid than the first one's.
    twin.options = { random: new SimRandom('twin') };
    cluster.startAll();
    twin.start();
    await cluster.until('members', () =>
      cluster.nodes.slice(1).every((n) => n.notReadyReason === null),
    );
    expect((await clusterIds(cluster.nodes.slice(1))).size).toBe(1);
    const made = [...cluster.nodes, twin].flatMap((node) => node.logger.of('genesis.made'));
    expect(made.length).toBe(1);
    const claims = cluster.nodes.slice(1).flatMap((n) => n.logger.of('genesis.claimed.twice'));
    expect(claims.length).toBeGreaterThan(0);
  });

  it('with a lossy network still makes one cluster', async () => {
    const cluster = new TestCluster(5);
    cluster.network.cut('n1:4400', 'n4:4400');
    cluster.network.cut('n2:4400', 'n5:4400');
    cluster.startAll();
    await cluster.advance(3_000);
    cluster.network.heal();
    await cluster.ready();
    expect((await clusterIds(cluster.nodes)).size).toBe(1);
  });
});

describe('genesis under crashes', () => {
  /** The disk operations of a member from its first start until it serves. */
  async function mutations(count: number, at: number): Promise<number> {
    const cluster = new TestCluster(count);
    cluster.startAll();
    await cluster.ready();
    return cluster.node(at).fs.mutationCount;
  }

  it.each([
    ['every', 'the only member', 1, 0, 1, 1],
    ['every third', 'the maker of the record', 3, 0, 1, 3],
    ['every third', 'a member that gets the record', 3, 2, 2, 3],
  ])(
    'at %s disk operation of %s: never two clusters, always one in the end',
    async (_how, _what, count, at, first, step) => {
      const total = await mutations(count, at);
      expect(total).toBeGreaterThan(20);
      for (let mutation = first; mutation <= total; mutation += step) {
        const cluster = new TestCluster(count, `${at}/${mutation}`);
        const node = cluster.node(at);
        node.fs.crashAtMutation(mutation);
        cluster.startAll();
        await cluster.until('the crash', () => node.fs.crashed, 3_000);
        const random = new SimRandom(mutation);
        node.crash(random.pick([0, 50, 100]));
        await cluster.advance(random.int(400));
        await converge(cluster);
        expect(node.deaths.every(({ exitCode }) => exitCode !== 3)).toBe(true);
      }
    },
    60_000,
  );

  it('INVARIANT(one-genesis): of all members at random moments: never two clusters, always one in the end', async () => {
    for (let seed = 1; seed <= 15; seed++) {
      const random = new SimRandom(seed);
      const cluster = new TestCluster(3, seed);
      cluster.startAll();
      for (let round = 0; round < 6; round++) {
        await cluster.advance(random.int(80));
        const node = random.pick(cluster.nodes);
        node.crash(random.pick([0, 50, 100]));
        if (random.chance(0.7)) node.start();
      }
      await converge(cluster);
    }
  }, 60_000);
});
