import { decodeWatchToken, encodeWatchToken } from '@dougdb/facade';
import { Code, limits } from '@dougdb/rpc-proto';
import { bytes, del, followersOf, leaderOf, put, putStep, txn } from './requests.js';
import { TestCluster, type TestNode } from './test-cluster.js';
import { WatchClient } from './watch-client.js';

async function readyCluster(count: number, splitAt: readonly string[] = []): Promise<TestCluster> {
  const cluster = new TestCluster(count, 1, splitAt);
  cluster.startAll();
  await cluster.ready();
  return cluster;
}

async function opened(cluster: TestCluster, node: TestNode, from = {}): Promise<WatchClient> {
  const client = new WatchClient(node);
  client.create(1, from);
  await cluster.advance(100);
  return client;
}

/** So much that a connection which is not read is full. */
async function flood(cluster: TestCluster, node: TestNode, times: number): Promise<void> {
  for (let n = 0; n < times; n++) {
    await cluster.run(put(node, `flood`, new Uint8Array(100_000)));
  }
}

const noContext = { clusterId: new Uint8Array(0), partitionId: 0, epochVersion: 0 };

describe('a stream of watches', () => {
  it('tells each watch its own, on any node, and goes on elsewhere by a token', async () => {
    const cluster = await readyCluster(3);
    const leader = await leaderOf(cluster);
    const [follower, other] = (await followersOf(cluster)) as [TestNode, TestNode];
    await cluster.run(put(leader, 'a', '0'));
    const client = await opened(cluster, follower);
    client.create(2, { start: bytes('b'), end: bytes('c'), previous: true });
    client.create(7, { noPuts: true });
    await cluster.advance(100);
    const [created] = client.of(1);
    expect(created).toMatchObject({ created: true, events: [], costBytes: 0 });
    expect(created?.header).toMatchObject({ partitionId: 2, revision: 1 });
    await cluster.run(put(leader, 'a', '1'));
    await cluster.run(put(leader, 'b', '2'));
    await cluster.run(txn(leader, { txn: { success: [putStep('c', '3'), putStep('b', '3')] } }));
    await cluster.run(del(leader, 'b'));
    await cluster.advance(100);
    expect(client.events(1)).toEqual(['a=1@2', 'b=2@3', 'b=3@4', 'c=3@4', 'b@5']);
    expect(client.events(2)).toEqual(['b=2@3', 'b=3@4 was 2@3', 'b@5 was 3@4']);
    expect(client.events(7)).toEqual(['b@5']);
    const again = await opened(cluster, other, { token: client.token(2) });
    const past = await opened(cluster, other, { token: created?.token, start: bytes('b') });
    const from = await opened(cluster, leader, { fromRevision: 4 });
    expect(again.code(1)).toBe(Code.CODE_INVALID_ARGUMENT);
    again.create(2, { token: client.token(2), start: bytes('b'), end: bytes('c') });
    await cluster.run(put(leader, 'b', '5'));
    await cluster.advance(100);
    expect(again.events(2)).toEqual(['b=5@6']);
    expect(past.events(1)).toEqual(['b=2@3', 'b=3@4', 'c=3@4', 'b@5', 'b=5@6']);
    expect(from.events(1)).toEqual(['b=3@4', 'c=3@4', 'b@5', 'b=5@6']);
  });

  it('says with each answer where to go on, and with marks that it lives', async () => {
    const cluster = await readyCluster(1);
    const node = cluster.node(0);
    const client = await opened(cluster, node);
    const revisionOf = (at: number): number =>
      decodeWatchToken(client.answers[at]?.token ?? bytes(''), bytes('')).pieces[0]?.revision ?? -1;
    await cluster.run(put(node, 'a', '1'));
    await cluster.advance(10_000);
    expect(client.answers.map((_, at) => revisionOf(at))).toEqual([0, 1, 1, 1]);
    const [, told, mark] = client.answers;
    expect(told?.costBytes).toBeGreaterThan(5);
    expect(mark).toMatchObject({ events: [], costBytes: 0, created: false, error: undefined });
    expect(mark?.header).toMatchObject({ partitionId: 2, revision: 1 });
  });

  it('leaves out what one of several pieces of a token has told', async () => {
    const cluster = await readyCluster(1);
    const node = cluster.node(0);
    for (const key of ['a', 'm', 'b', 'n']) await cluster.run(put(node, key, key));
    const client = await opened(cluster, node);
    const { clusterId, pieces } = decodeWatchToken(client.token(1), new Uint8Array(0));
    const [piece] = pieces;
    if (piece === undefined) throw new Error('no piece');
    const token = encodeWatchToken({
      clusterId,
      pieces: [
        { ...piece, end: bytes('m'), revision: 0 },
        { ...piece, start: bytes('m'), revision: 3 },
      ],
    });
    const again = await opened(cluster, node, { token });
    expect(again.events(1)).toEqual(['a=a@1', 'b=b@3', 'n=n@4']);
    expect(decodeWatchToken(again.token(1), clusterId).pieces).toMatchObject([{ revision: 4 }]);
  });

  it('tells nothing of a watch that was cancelled, and nothing at all once it is closed', async () => {
    const cluster = await readyCluster(1);
    const node = cluster.node(0);
    const client = await opened(cluster, node);
    client.create(2);
    client.cancel(2);
    client.cancel(99);
    client.credit(99, 5);
    await cluster.advance(100);
    client.create(2, { start: bytes('b') });
    await cluster.advance(100);
    client.cancel(1);
    await cluster.run(put(node, 'b', '1'));
    await cluster.advance(100);
    expect([client.events(1), client.events(2)]).toEqual([[], ['b=1@1']]);
    expect(client.of(2).filter(({ created }) => created).length).toBe(1);
    client.session.closed();
    client.session.closed();
    const { length } = client.answers;
    await cluster.run(put(node, 'b', '2'));
    client.create(5);
    await cluster.advance(10_000);
    expect([client.answers.length, client.failures]).toEqual([length, []]);
  });

  it('spends credit, and ends the watch that gives none while the others go on', async () => {
    const cluster = await readyCluster(1);
    const node = cluster.node(0);
    const client = await opened(cluster, node, { creditBytes: 1 });
    client.create(2, { creditBytes: 1 });
    client.create(3);
    await cluster.advance(100);
    for (let n = 1; n <= 9; n++) {
      await cluster.run(put(node, 'a', `${n}`));
      const cost = client.of(2).reduce((sum, { costBytes }) => sum + costBytes, 0);
      if (n === 4) client.credit(2, cost);
    }
    await cluster.advance(20_000);
    client.credit(2, 1_000);
    await cluster.advance(20_000);
    expect(client.code(1)).toBe(Code.CODE_LAGGING);
    expect([client.events(1).length, client.events(2).length, client.events(3).length]).toEqual([
      1, 9, 9,
    ]);
    expect([client.code(2), client.code(3)]).toEqual([0, 0]);
    client.create(1, { token: client.token(1) });
    await cluster.advance(100);
    expect(client.events(1)).toEqual(client.events(3));
  });

  it('INVARIANT(watch-bounded): sends nothing more to a connection that is not read, and ends what lags', async () => {
    const cluster = await readyCluster(1);
    const node = cluster.node(0);
    const client = await opened(cluster, node);
    const other = await opened(cluster, node);
    client.isReading = false;
    await flood(cluster, node, 40);
    await cluster.advance(1_000);
    expect(client.session.isFull).toBe(true);
    expect(client.queuedBytes).toBeLessThan(limits.watchQueueBytes + 300_000);
    expect(other.events(1).length).toBe(40);
    client.readOn();
    await cluster.advance(100);
    expect(client.events(1).length).toBe(40);
    client.isReading = false;
    await flood(cluster, node, 40);
    await cluster.advance(31_000);
    expect(client.code(1)).toBe(Code.CODE_LAGGING);
    expect(client.queuedBytes).toBeLessThan(limits.watchQueueBytes + 300_000);
    expect([other.events(1).length, other.code(1)]).toEqual([80, 0]);
    client.readOn();
    client.create(2, { token: client.token(1) });
    await cluster.advance(100);
    expect(client.events(1).length + client.events(2).length).toBe(80);
  });
});

describe('a watch is refused, and its stream goes on', () => {
  it('for a request that makes no sense, and for another cluster, epoch or partition', async () => {
    const cluster = await readyCluster(1, ['m']);
    const node = cluster.node(0);
    const client = await opened(cluster, node, { end: bytes('m') });
    let watchId = 1;
    const refused = async (more: Parameters<WatchClient['create']>[1]): Promise<number> => {
      client.create(++watchId, more);
      await cluster.advance(100);
      expect(client.of(watchId).length).toBe(1);
      return client.code(watchId);
    };
    const token = client.token(1);
    const end = bytes('m');
    expect(await refused({ start: bytes('b'), end: bytes('b') })).toBe(Code.CODE_INVALID_ARGUMENT);
    expect(await refused({ end: new Uint8Array(8193).fill(1) })).toBe(Code.CODE_INVALID_ARGUMENT);
    expect(await refused({ end, token, fromRevision: 1 })).toBe(Code.CODE_INVALID_ARGUMENT);
    expect(await refused({ end, token: token.subarray(1) })).toBe(Code.CODE_INVALID_ARGUMENT);
    expect(await refused({ start: end, token })).toBe(Code.CODE_INVALID_ARGUMENT);
    expect(await refused({ end, fromRevision: 2 })).toBe(Code.CODE_FUTURE_REVISION);
    expect(await refused({})).toBe(Code.CODE_EPOCH_MISMATCH);
    expect(client.answers.at(-1)?.error?.route?.partition?.end).toEqual(end);
    const context = (more: object) => ({ end, context: { ...noContext, ...more } });
    expect(await refused(context({ partitionId: 1 }))).toBe(Code.CODE_INVALID_ARGUMENT);
    expect(await refused(context({ partitionId: 3 }))).toBe(Code.CODE_EPOCH_MISMATCH);
    expect(await refused(context({ partitionId: 9 }))).toBe(Code.CODE_EPOCH_MISMATCH);
    expect(await refused(context({ epochVersion: 5 }))).toBe(Code.CODE_EPOCH_MISMATCH);
    expect(await refused(context({ clusterId: new Uint8Array(16) }))).toBe(
      Code.CODE_CLUSTER_MISMATCH,
    );
    await cluster.run(put(node, 'a', '1'));
    await cluster.advance(100);
    expect([client.events(1), client.failures]).toEqual([['a=1@1'], []]);
  });

  it('by a node without a cluster, and by one that goes down', async () => {
    const lone = new TestCluster(3);
    lone.node(0).start();
    await lone.advance(50);
    const early = new WatchClient(lone.node(0));
    early.create(1);
    expect(early.code(1)).toBe(Code.CODE_STARTING);

    const cluster = await readyCluster(1);
    const node = cluster.node(0);
    const client = new WatchClient(node);
    for (let watchId = 1; watchId <= 100; watchId++) client.create(watchId);
    await cluster.advance(1_000);
    expect(client.answers.filter(({ created }) => created).length).toBe(100);
    await cluster.run(node.member.drain(1_000));
    expect([client.code(1), client.code(100)]).toEqual([Code.CODE_DRAINING, Code.CODE_DRAINING]);
    expect(client.token(1).length).toBeGreaterThan(20);
    client.create(1);
    expect(client.code(1)).toBe(Code.CODE_DRAINING);
    const { clock } = node;
    await cluster.run(node.close());
    expect(client.failures).toMatchObject([{ reason: 'DRAINING' }]);
    expect(clock.pendingCount).toBe(0);
  });
});

describe('a stream of watches ends', () => {
  it('with a message that makes no sense', async () => {
    const cluster = await readyCluster(1);
    const node = cluster.node(0);
    for (const garbage of [Uint8Array.of(255), new Uint8Array(0), Uint8Array.of(0x7a, 1, 1)]) {
      const client = await opened(cluster, node);
      client.session.received(garbage);
      expect(client.failures).toMatchObject([{ reason: 'INVALID_ARGUMENT' }]);
      await cluster.run(put(node, 'a', '1'));
      await cluster.advance(100);
      expect(client.events(1)).toEqual([]);
    }
    const twice = await opened(cluster, node);
    twice.create(1);
    expect(twice.failures).toMatchObject([{ reason: 'INVALID_ARGUMENT' }]);
  });
});
