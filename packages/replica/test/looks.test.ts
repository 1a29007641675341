import { Alone } from './support/alone.js';
import { bytesOf, del, opId, put } from './support/commands.js';
import { brief } from './support/sink.js';
import { TestCluster } from './support/test-cluster.js';
import type { TestNode, TestNodeOptions } from './support/test-node.js';

const settings = { freezeLogEntries: 4, retainLogBytes: 0 };

/** A replica whose k1 to k8 are in tables at revisions 1 to 8, with a cold cache. */
async function cold(options: Partial<TestNodeOptions> = {}): Promise<Alone> {
  const alone = await Alone.started({ settings, ...options });
  for (let i = 1; i <= 8; i++) await alone.write(put(`k${i}`, `v${i}`));
  await alone.scheduler.advance(50);
  await alone.restart();
  return alone;
}

/** Oldest first. */
function tablesOf(node: TestNode): string[] {
  const names = node.fs.list('/data/db').filter((name) => name.endsWith('.sst'));
  return names.map((name) => `/data/db/${name}`);
}

/** Damages the data of every table; a second time mends it. */
function flipBits(node: TestNode): void {
  const tables = tablesOf(node);
  expect(tables.length).toBeGreaterThan(0);
  for (const path of tables) node.fs.corrupt(path, 5, 0x40);
}

/** The next read of a table does not end before releaseStalled(). */
function stallRead(node: TestNode): void {
  node.fs.failNext({ kind: 'read', path: /\.sst/ }, { fault: 'stall' });
}

const looking = (key: string, value: string, seq: number, startedAt: number): Uint8Array =>
  put(key, value, opId(1, startedAt, seq), { returnPrevious: true });

/** Proposes and lets it come to its look. */
async function untilStalled(alone: Alone): Promise<void> {
  for (let i = 0; i < 100 && alone.node.fs.stalledCount === 0; i++) {
    await alone.scheduler.advance(0.2);
  }
  expect(alone.node.fs.stalledCount).toBe(1);
}

describe('a look that waits for a disk', () => {
  it('holds back its own entry and those behind it, in order, and nothing else', async () => {
    const alone = await cold();
    const { node } = alone;
    stallRead(node);
    const applied = node.replica.status().appliedIndex;
    const first = [node.write(put('m', '1')), node.write(looking('k1', 'w1', 1, alone.now))];
    await untilStalled(alone);
    const second = node.write(put('k1', 'w2', null, { returnPrevious: true }));
    await alone.scheduler.advance(20);
    // Both are committed, neither is applied; the replica lives.
    const { appliedIndex, commitIndex, state, role } = node.replica.status();
    expect([appliedIndex, commitIndex, state, role]).toEqual([
      applied,
      applied + 2,
      'serving',
      'leader',
    ]);
    expect(brief(await alone.run(node.read('k8', { level: 'eventual' })))).toBe('found v8 8');
    node.fs.releaseStalled();
    expect(await alone.all([...first, second])).toEqual([
      'written 9',
      'done 10 was v1 1',
      'done 11 was w1 10',
    ]);
    expect(node.replica.status().appliedIndex).toBe(applied + 2);
  });

  it('INVARIANT(read-at-index): keeps linearizable reads waiting for its entry', async () => {
    const alone = await cold();
    const { node } = alone;
    stallRead(node);
    const write = node.write(looking('k1', 'w', 1, alone.now));
    await untilStalled(alone);
    const reads = [node.read('k1'), node.read('k8')];
    const short = node.read('k8', { timeoutMs: 30 });
    expect(brief(await alone.run(short))).toBe('DEADLINE NOT_APPLIED');
    await alone.scheduler.advance(50);
    expect(await Promise.race([...reads, Promise.resolve('nothing yet')])).toBe('nothing yet');
    node.fs.releaseStalled();
    expect(await alone.all([write, ...reads])).toEqual([
      'done 9 was v1 1',
      'found w 9',
      'found v8 8',
    ]);
  });

  it('shows no hash of a state that is applied in part', async () => {
    const alone = await cold();
    const { node } = alone;
    stallRead(node);
    const writes = [node.write(put('m', '1')), node.write(looking('k1', 'w', 1, alone.now))];
    await untilStalled(alone);
    expect(node.replica.stateHash()).toBeNull();
    node.fs.releaseStalled();
    await alone.all(writes);
    const { appliedIndex } = node.replica.status();
    expect(node.replica.stateHash()).toMatchObject({ index: appliedIndex });
  });

  it('INVARIANT(frontier-atomic): is not frozen in the middle of its entry, however much log there is', async () => {
    const alone = await cold({
      settings: { freezeLogEntries: 4, freezeLogBytes: 1000, retainLogBytes: 1000 },
    });
    const { node } = alone;
    // An entry above the frontier, so that there is something to freeze.
    await alone.write(put('m', '0'));
    stallRead(node);
    const writes = [node.write(put('m', '1')), node.write(looking('k1', 'w', 1, alone.now))];
    await untilStalled(alone);
    const record = node.db.hostState;
    // Another partition's log in the same WAL: the frontier looks once a second.
    const data = new Uint8Array(10_000);
    for (let index = 1; index <= 3; index++) {
      node.wal.append(99, [{ index, term: 1, type: 0, data, checksum: 0 }], 0);
      await alone.run(new Promise((resolve) => node.wal.sync(resolve)));
      await alone.scheduler.advance(1000);
    }
    expect([node.db.hostState, node.replica.status().state]).toEqual([record, 'serving']);
    node.fs.releaseStalled();
    expect(await alone.all(writes)).toEqual(['written 10', 'done 11 was v1 1']);
    await alone.scheduler.advance(2000);
    expect(node.db.hostState).not.toEqual(record);
    await alone.restart();
    expect(await alone.all(['m', 'k1'].map((key) => node.read(key)))).toEqual([
      'found 1 10',
      'found w 11',
    ]);
  });

  it('is waited for by a drain', async () => {
    const alone = await cold();
    const { node } = alone;
    stallRead(node);
    const write = node.write(looking('k1', 'w', 1, alone.now));
    await untilStalled(alone);
    let isDrained = false;
    const drained = node.replica.drain(node.clock.monotonicMs() + 1000).then(() => {
      isDrained = true;
    });
    await alone.scheduler.advance(100);
    expect(isDrained).toBe(false);
    node.fs.releaseStalled();
    expect(await alone.all([write])).toEqual(['done 9 was v1 1']);
    const startMs = node.clock.monotonicMs();
    await alone.run(drained);
    expect(node.clock.monotonicMs() - startMs).toBeLessThan(50);
  });

  it('is waited for by close; its write is IN_DOUBT and carried out after the restart', async () => {
    const alone = await cold();
    const { node } = alone;
    const startedAt = alone.now;
    stallRead(node);
    const writes = [node.write(put('m', '1')), node.write(looking('k1', 'w', 1, startedAt))];
    await untilStalled(alone);
    let isClosed = false;
    const closed = node.replica.close().then(() => {
      isClosed = true;
    });
    await alone.scheduler.advance(50);
    expect(isClosed).toBe(false);
    node.fs.releaseStalled();
    await alone.run(closed);
    expect(await alone.all(writes)).toEqual(['written 9', 'IN_DOUBT UNKNOWN']);
    await alone.restart();
    expect(await alone.write(looking('k1', 'w', 1, startedAt))).toBe('done 10 was v1 1');
    expect(node.replica.status().revision).toBe(10);
  });

  it('tells a write IN_DOUBT at its deadline, and carries it out all the same', async () => {
    const alone = await cold();
    const { node } = alone;
    const startedAt = alone.now;
    stallRead(node);
    const write = node.write(looking('k1', 'w', 1, startedAt), { timeoutMs: 40 });
    const startMs = node.clock.monotonicMs();
    expect(brief(await alone.run(write))).toBe('IN_DOUBT UNKNOWN');
    expect(node.clock.monotonicMs() - startMs).toBeLessThan(60);
    node.fs.releaseStalled();
    expect(await alone.write(looking('k1', 'w', 1, startedAt))).toBe('done 9 was v1 1');
  });

  it('is not waited for when the replica is stopped for a test, and ends when it goes on', async () => {
    const alone = await cold();
    const { node } = alone;
    const startedAt = alone.now;
    stallRead(node);
    const write = node.write(looking('k1', 'w', 1, startedAt));
    await untilStalled(alone);
    node.replica.suspend();
    expect(brief(await alone.run(write))).toBe('IN_DOUBT UNKNOWN');
    node.fs.releaseStalled();
    await alone.scheduler.advance(50);
    expect(node.replica.header().revision).toBe(8);
    node.replica.resume();
    expect(await alone.write(looking('k1', 'w', 1, startedAt))).toBe('done 9 was v1 1');
  });

  it('survives a power loss: the write is carried out when the log is replayed', async () => {
    const alone = await cold();
    const { node } = alone;
    const startedAt = alone.now;
    stallRead(node);
    node.send(looking('k1', 'w', 1, startedAt));
    await untilStalled(alone);
    node.crash();
    await alone.start();
    expect(await alone.write(looking('k1', 'w', 1, startedAt))).toBe('done 9 was v1 1');
  });

  it('stays as it is while a client finds damage elsewhere', async () => {
    const alone = await cold();
    const { node } = alone;
    stallRead(node);
    const write = node.write(looking('k1', 'w', 1, alone.now));
    await untilStalled(alone);
    // k1 is in the oldest table.
    for (const path of tablesOf(node).slice(1)) node.fs.corrupt(path, 5, 0x40);
    const read = node.read('k5', { level: 'eventual' });
    expect(brief(await alone.run(read))).toBe('CORRUPT NOT_APPLIED');
    expect(node.replica.status().state).toBe('corrupt');
    node.fs.releaseStalled();
    // It is committed, and what it found has its checksum.
    expect(await alone.all([write])).toEqual(['done 9 was v1 1']);
  });

  it('goes on when a read of a follower waits: it votes and acknowledges meanwhile', async () => {
    const cluster = await coldCluster();
    const leader = await cluster.untilLed();
    const [slow, other] = cluster.followers as [TestNode, TestNode];
    stallRead(slow);
    const write = leader.write(put('k1', 'w', null, { returnPrevious: true }));
    expect(brief(await cluster.run(write))).toBe('done 9 was v1 1');
    await cluster.until('the look', () => slow.fs.stalledCount === 1);
    // Without its acknowledgements there would be no quorum.
    other.crash();
    expect(brief(await cluster.run(leader.write(put('k2', 'w'))))).toBe('written 10');
    await cluster.scheduler.advance(2000);
    expect(cluster.leader).toBe(leader);
    expect(slow.replica.status().revision).toBe(8);
    slow.fs.releaseStalled();
    await cluster.untilEqual();
    expect(slow.replica.stateHash()).toEqual(leader.replica.stateHash());
  });

  it('makes a leader hand over when it takes too long; the next one answers the same', async () => {
    const cluster = await coldCluster({ maxAppendMs: 100 });
    const slow = await cluster.untilLed();
    const op = looking('k1', 'w', 1, slow.replica.header().logTime);
    stallRead(slow);
    const write = slow.write(op);
    const next = await cluster.untilLed(cluster.nodes.filter((node) => node !== slow));
    expect(slow.events('raft.handover')[0]).toMatchObject({ reason: 'slow tables' });
    expect(brief(await cluster.run(next.write(op)))).toBe('done 9 was v1 1');
    slow.fs.releaseStalled();
    expect(brief(await cluster.run(write))).toBe('done 9 was v1 1');
    await cluster.untilEqual();
  });
});

async function coldCluster(more: object = {}): Promise<TestCluster> {
  const cluster = await TestCluster.started({ settings: { ...settings, ...more } });
  const leader = await cluster.untilLed();
  for (let i = 1; i <= 8; i++) await cluster.run(leader.write(put(`k${i}`, `v${i}`)));
  await cluster.untilEqual();
  await cluster.scheduler.advance(50);
  for (const node of cluster.nodes) {
    await cluster.run(node.stop());
    await cluster.run(node.start());
  }
  await cluster.untilLed();
  return cluster;
}

describe('a look that finds damage', () => {
  it.each(['a leader', 'a follower'])(
    'takes %s out of service: it answers nothing, skips nothing, and the others go on',
    async (role) => {
      const cluster = await coldCluster();
      const leader = await cluster.untilLed();
      const rotten = role === 'a leader' ? leader : (cluster.followers[0] as TestNode);
      flipBits(rotten);
      const startedAt = leader.replica.header().logTime;
      const op = looking('k1', 'w', 1, startedAt);
      const { appliedIndex } = rotten.replica.status();
      const answers = (
        await cluster.run(Promise.all([leader.write(op), leader.write(del('k2'))]))
      ).map(brief);
      expect(answers).toEqual(
        role === 'a leader'
          ? ['IN_DOUBT UNKNOWN', 'IN_DOUBT UNKNOWN']
          : ['done 9 was v1 1', 'written 10'],
      );
      await cluster.until('the damage', () => rotten.replica.status().state === 'corrupt');
      const [event] = rotten.events('replica.state').slice(-1);
      expect(event).toMatchObject({ to: 'corrupt', code: 'SST_CORRUPT', offset: 0 });
      const healthy = cluster.nodes.filter((node) => node !== rotten);
      const next = await cluster.untilLed(healthy);
      expect(brief(await cluster.run(next.write(op)))).toBe('done 9 was v1 1');
      expect(brief(await cluster.run(next.write(put('k3', 'w'))))).toBe('written 11');
      await cluster.scheduler.advance(500);
      expect(rotten.replica.status()).toMatchObject({ appliedIndex, revision: 8 });
      expect([rotten.replica.stateHash(), rotten.fatal]).toEqual([null, []]);
      const [a, b] = healthy.map((node) => JSON.stringify(node.replica.stateHash()));
      expect(a).toBe(b);
      // It still replicates: without it and one more there would be no quorum.
      healthy.find((node) => node !== next)?.crash();
      expect(brief(await cluster.run(next.write(put('k4', 'w'))))).toBe('written 12');
    },
  );

  it('is not found by a read that fails: that is tried again, and only the third in a row ends it', async () => {
    const alone = await cold();
    const { node } = alone;
    const op = (seq: number): Uint8Array => looking(`k${seq}`, 'w', seq, alone.now);
    const failReads = (count: number): void =>
      node.fs.failNext({ kind: 'read', path: /\.sst/ }, 'EIO', count);
    failReads(2);
    expect(await alone.write(op(1))).toBe('done 9 was v1 1');
    expect(node.replica.status().state).toBe('serving');
    failReads(3);
    expect(await alone.write(op(5))).toBe('IN_DOUBT UNKNOWN');
    expect(node.replica.status()).toMatchObject({ state: 'corrupt', revision: 9 });
  });

  it('found again at each start keeps the replica from serving, and nothing is lost when it is mended', async () => {
    const alone = await cold();
    const { node } = alone;
    const startedAt = alone.now;
    flipBits(node);
    expect(await alone.write(looking('k1', 'w', 1, startedAt))).toBe('IN_DOUBT UNKNOWN');
    await alone.restart();
    // An entry that is committed and cannot be applied: it neither serves nor skips.
    expect(node.replica.status()).toMatchObject({ revision: 8 });
    expect(await alone.write(put('m', '1'))).toMatch(/NOT_APPLIED$/);
    flipBits(node);
    await alone.restart();
    expect(await alone.write(looking('k1', 'w', 1, startedAt))).toBe('done 9 was v1 1');
  });
});

describe('a replayed look', () => {
  it.each([0, 100])(
    'INVARIANT(look-at-place): sees what it saw the first time, although later revisions were flushed meanwhile, %i % of that kept',
    async (keepUnsyncedPercent) => {
      const alone = await Alone.started({ settings });
      const { node } = alone;
      const startedAt = alone.now;
      const answers: string[] = [];
      const op = (seq: number): Uint8Array => looking('k', `v${seq}`, seq, startedAt);
      for (let seq = 1; seq <= 6; seq++) answers.push(await alone.write(op(seq)));
      await alone.scheduler.advance(20);
      const frontier = node.db.lastSequence;
      expect(frontier).toBeGreaterThan(3);
      // From here on tables are written whole, and the edit that names them does not become durable.
      node.fs.failNext({ kind: 'datasync', path: /MANIFEST/ }, { fault: 'stall' }, 1000);
      for (let seq = 7; seq <= 14; seq++) answers.push(await alone.write(op(seq)));
      await alone.scheduler.advance(20);
      expect(answers).toEqual(
        Array.from({ length: 14 }, (_, i) =>
          i === 0 ? 'done 1 was nothing' : `done ${i + 1} was v${i} ${i}`,
        ),
      );
      expect(tablesOf(node).length).toBeGreaterThan(1);
      const hash = node.replica.stateHash()?.hash;
      node.crash(keepUnsyncedPercent);
      await alone.run(node.start());
      // The database is as of an older frontier: what is looked at lies below what was answered.
      expect(node.db.lastSequence).toBeLessThan(14);
      await alone.scheduler.advance(50);
      expect(node.replica.stateHash()?.hash).toBe(hash);
      expect(await alone.all(answers.map((_, i) => node.write(op(i + 1))))).toEqual(answers);
      expect(node.replica.status().revision).toBe(14);
      expect(await alone.read('k')).toBe('found v14 14');
    },
  );

  it('INVARIANT(look-at-place): stops a replica whose tables are ahead of its log', async () => {
    const alone = await cold();
    const { node } = alone;
    node.db.put(9, bytesOf('k1'), bytesOf('from nowhere'));
    const write = node.write(put('k1', 'w', null, { ifRevision: 1 }));
    expect(brief(await alone.run(write))).toBe('IN_DOUBT UNKNOWN');
    expect(node.replica.status().state).toBe('stopped');
    expect(node.events('replica.stopped')[0]).toMatchObject({ code: 'REPLICA_INVARIANT' });
  });
});
