import { EVENTUAL } from '@dougdb/rpc-proto';
import { Alone } from './support/alone.js';
import { put } from './support/commands.js';
import { brief } from './support/sink.js';
import { TestCluster } from './support/test-cluster.js';
import type { TestNode } from './support/test-node.js';

/** Flushes everything and flips a byte of data in each table. */
async function rot(cluster: TestCluster, node: TestNode): Promise<void> {
  await cluster.scheduler.advance(50);
  const tables = node.fs.list('/data/db').filter((name) => name.endsWith('.sst'));
  expect(tables.length).toBeGreaterThan(0);
  for (const name of tables) node.fs.corrupt(`/data/db/${name}`, 60, 0x40);
}

/** A cluster in which k0 to k9 are in tables, and the caches are cold. */
async function withTables(): Promise<TestCluster> {
  const cluster = await TestCluster.started({ settings: { freezeLogEntries: 10 } });
  const leader = cluster.leader as TestNode;
  for (let i = 0; i < 20; i++) await cluster.run(leader.write(put(`k${i % 10}`, `v${i}`)));
  await cluster.untilEqual();
  await cluster.scheduler.advance(50);
  for (const node of cluster.nodes) {
    await cluster.run(node.stop());
    await cluster.run(node.start());
  }
  await cluster.untilLed();
  return cluster;
}

describe('a table that fails a check', () => {
  it('takes a leader out of service: it hands over, answers CORRUPT, and its node lives', async () => {
    const cluster = await withTables();
    const leader = cluster.leader as TestNode;
    await rot(cluster, leader);
    expect(brief(await cluster.run(leader.read('k5')))).toBe('CORRUPT NOT_APPLIED');
    expect(leader.replica.status().state).toBe('corrupt');
    const [event] = leader.events('replica.state').slice(-1);
    expect(event).toMatchObject({ to: 'corrupt', code: 'SST_CORRUPT' });
    expect(event?.file).toMatch(/\.sst$/);
    expect(event?.offset).toEqual(expect.any(Number));
    const next = await cluster.untilLed(cluster.nodes.filter((node) => node !== leader));
    expect(brief(await cluster.run(next.read('k5')))).toBe('found v15 16');
    expect(brief(await cluster.run(next.write(put('k5', 'new'))))).toBe('written 21');
    expect(brief(await cluster.run(leader.write(put('k5', 'x'))))).toBe('NOT_LEADER NOT_APPLIED');
    for (const level of ['linearizable', 'eventual'] as const) {
      expect(brief(await cluster.run(leader.read('k5', { level })))).toBe('CORRUPT NOT_APPLIED');
    }
    expect(leader.fatal).toEqual([]);
    // It still replicates: without it and one more there would be no quorum.
    cluster.nodes.find((node) => node !== leader && node !== next)?.crash();
    expect(brief(await cluster.run(next.write(put('k5', 'newer'))))).toBe('written 22');
  });

  it('hands the leadership over at once when a corrupt replica is elected', async () => {
    const cluster = await withTables();
    const leader = cluster.leader as TestNode;
    const [corrupt, other] = cluster.followers as [TestNode, TestNode];
    await rot(cluster, corrupt);
    expect(brief(await cluster.run(corrupt.read('k5')))).toBe('CORRUPT NOT_APPLIED');
    expect(leader.replica.transferLeadership(corrupt.replicaId)).toBe(true);
    await cluster.until('its election', () => cluster.leader === corrupt);
    expect(brief(await cluster.run(corrupt.write(put('k', 'v'))))).toBe('NO_LEADER NOT_APPLIED');
    await cluster.until('the handover', () => cluster.leader !== corrupt);
    const next = await cluster.untilLed();
    expect([leader, other]).toContain(next);
    expect(brief(await cluster.run(next.write(put('k', 'v'))))).toBe('written 21');
  });

  it('is found by a scan as well', async () => {
    const cluster = await withTables();
    const follower = cluster.followers[0] as TestNode;
    await rot(cluster, follower);
    const deadlineMs = follower.clock.monotonicMs() + 1000;
    const nothing = new Uint8Array(0);
    const options = { start: nothing, end: nothing, reverse: false, keysOnly: false, deadlineMs };
    const scan = async (): Promise<void> => {
      const { iterator } = await follower.replica.scan({ ...options, level: EVENTUAL }, 0);
      try {
        while (iterator.next());
      } finally {
        iterator.close();
      }
    };
    await expect(cluster.run(scan())).rejects.toMatchObject({ code: 'DOUG_CORRUPT' });
    expect(follower.replica.status().state).toBe('corrupt');
    await expect(cluster.run(scan())).rejects.toMatchObject({ code: 'DOUG_CORRUPT' });
  });
});

describe('a database that can not be written', () => {
  it('takes the replica out of service and tells those who wait; the node lives', async () => {
    const alone = await Alone.started({ settings: { freezeLogEntries: 5 } });
    const { node } = alone;
    node.fs.failNext({ kind: 'create', path: /\.sst/ }, 'EIO', 1000);
    const answers: string[] = [];
    for (let i = 0; i < 30; i++) {
      const write = node.write(put('k', `v${i}`), { timeoutMs: 2000 });
      answers.push(brief(await alone.run(write)));
      await alone.scheduler.advance(300);
    }
    expect(node.replica.status().state).toBe('corrupt');
    expect(answers[0]).toBe('written 1');
    expect(answers.at(-1)).toBe('NO_LEADER NOT_APPLIED');
    expect(node.events('replica.state').at(-1)).toMatchObject({ to: 'corrupt', code: 'SST_IO' });
    expect(node.fatal).toEqual([]);
    const written = answers.filter((answer) => answer.startsWith('written')).length;
    node.crash();
    await alone.start();
    expect(node.replica.status().revision).toBeGreaterThanOrEqual(written);
  });
});

describe('a follower whose database takes no more writes', () => {
  it('stops applying and goes on voting and appending', async () => {
    const cluster = await TestCluster.started({ settings: { freezeLogEntries: 5 } });
    const leader = await cluster.untilLed();
    const [broken, other] = cluster.followers as [TestNode, TestNode];
    broken.fs.failNext({ kind: 'create', path: /\.sst/ }, 'EIO', 1000);
    let written = 0;
    const write = async (): Promise<string> => {
      const answer = await cluster.run(leader.write(put('k', `v${++written}`)));
      return brief(answer);
    };
    const isCorrupt = (): boolean => broken.replica.status().state === 'corrupt';
    for (let i = 0; i < 30 && !isCorrupt(); i++) {
      await write();
      await cluster.scheduler.advance(300);
    }
    expect(isCorrupt()).toBe(true);
    for (let i = 0; i < 5; i++) await write();
    await cluster.scheduler.advance(50);
    expect(broken.replica.status()).toMatchObject({
      state: 'corrupt',
      lastIndex: leader.replica.status().lastIndex,
    });
    expect(broken.replica.status().appliedIndex).toBeLessThan(leader.replica.status().appliedIndex);
    expect(broken.fatal).toEqual([]);
    // Without its acknowledgements there would be no quorum.
    other.crash();
    expect(await write()).toBe(`written ${written}`);
  });
});

describe('the log', () => {
  it('that is slow makes a leader hand over, and is told once', async () => {
    const cluster = await TestCluster.started({ settings: { maxAppendMs: 100 } });
    const leader = cluster.leader as TestNode;
    leader.fs.failNext({ kind: 'datasync', path: /wal/ }, { fault: 'stall' });
    // The followers commit it without the leader's disk.
    const write = leader.write(put('k', 'v'));
    const next = await cluster.untilLed(cluster.nodes.filter((node) => node !== leader));
    expect(leader.events('raft.log.slow')).toHaveLength(1);
    expect(leader.events('raft.handover')[0]).toMatchObject({ reason: 'slow log' });
    expect(brief(await cluster.run(next.write(put('k', 'w'))))).toBe('written 2');
    leader.fs.releaseStalled();
    expect(brief(await cluster.run(write))).toBe('written 1');
    await cluster.untilEqual();
  });

  it('that fails ends the process, and nobody gets an acknowledgement', async () => {
    const alone = await Alone.started();
    await alone.write(put('k', 'v'));
    alone.node.fs.failNext({ kind: 'datasync', path: /wal/ }, 'EIO');
    const write = alone.node.write(put('k', 'w'));
    expect(brief(await alone.run(write))).toBe('IN_DOUBT UNKNOWN');
    expect(alone.node.fatal).toMatchObject([{ code: 'WAL_FAILED' }]);
    expect(alone.node.replica.status().state).toBe('stopped');
    expect(await alone.write(put('k', 'x'))).toBe('NO_LEADER NOT_APPLIED');
    alone.node.crash(100);
    await alone.start();
    expect(await alone.read('k')).toMatch(/^found [vw] /);
  });

  it('without space refuses writes with NO_SPACE and goes on when there is some', async () => {
    const alone = await Alone.started();
    const { node } = alone;
    const value = 'x'.repeat(50_000);
    node.fs.setCapacity(1);
    const answers: string[] = [];
    for (let i = 0; i < 20; i++) {
      const write = node.write(put(`k${i}`, value), { timeoutMs: 100 });
      answers.push(brief(await alone.run(write)));
    }
    expect(answers[0]).toBe('written 1');
    expect(answers).toContain('NO_SPACE NOT_APPLIED');
    expect(node.fatal).toEqual([]);
    expect(node.events('raft.log.no_space').length).toBeGreaterThan(0);
    node.fs.setCapacity(1 << 30);
    await alone.scheduler.advance(3000);
    expect(await alone.write(put('k', 'v'))).toMatch(/^written/);
    // Whoever was told that its fate is not known was applied in the end: the entry was held, not lost.
    const inDoubt = answers.filter((answer) => answer.startsWith('IN_DOUBT')).length;
    const written = answers.filter((answer) => answer.startsWith('written')).length;
    expect(node.replica.status().revision).toBe(written + inDoubt + 1);
  });
});

describe('the hard state store', () => {
  it('INVARIANT(vote-durable): keeps votes back until the vote is durable', async () => {
    const cluster = new TestCluster();
    for (const node of cluster.nodes) await cluster.run(node.start());
    for (const node of cluster.nodes) node.hardState.delayMs = null;
    await cluster.scheduler.advance(3000);
    expect(cluster.leader).toBeNull();
    for (const node of cluster.nodes) expect(node.hardState.puts).toBeGreaterThanOrEqual(1);
  });

  it('that rejects a put ends the process', async () => {
    const alone = new Alone();
    await alone.run(alone.node.start());
    alone.node.hardState.failNext = true;
    await alone.scheduler.advance(50);
    expect(alone.node.fatal).toMatchObject([{ message: 'no more disk' }]);
    expect(alone.node.replica.status()).toMatchObject({ state: 'stopped', role: 'follower' });
  });
});
