import { logTimeOf } from '@dougdb/replica';
import { Alone } from './support/alone.js';
import { bytesOf, del, put, textOf } from './support/commands.js';
import { at, bounded, levelOf } from './support/levels.js';
import { brief } from './support/sink.js';
import { TestCluster } from './support/test-cluster.js';
import type { TestNode } from './support/test-node.js';

const settings = { freezeLogEntries: 4, retainLogBytes: 0 };
/** A tick, a round and an entry. */
const SOON_MS = 60;

async function write(cluster: TestCluster, command: Uint8Array): Promise<string> {
  return brief(await cluster.writeUntilKnown(command));
}

/** What every replica shows of the key, each by itself. */
async function seen(cluster: TestCluster, key: string): Promise<string[]> {
  await cluster.untilEqual();
  const reads = cluster.running.map((node) => node.read(key, { level: 'eventual' }));
  return (await cluster.run(Promise.all(reads))).map(brief);
}

/** 'key=value time', as a scan shows them. */
async function scanned(cluster: TestCluster, node: TestNode, keysOnly: boolean): Promise<string[]> {
  const none = new Uint8Array(0);
  const deadlineMs = node.clock.monotonicMs() + 5000;
  const range = { start: none, end: none, reverse: false, keysOnly, deadlineMs };
  const view = node.replica.scan({ ...range, level: levelOf('eventual') }, 0);
  const { iterator } = await cluster.run(view);
  const found: string[] = [];
  while (iterator.next()) {
    found.push(`${textOf(iterator.key())}=${textOf(iterator.value())} ${iterator.expiresAt()}`);
  }
  iterator.close();
  return found;
}

const all = (text: string): string[] => [text, text, text];

describe('a key with a time to live', () => {
  it('is there until its expiry is an entry of the log, and then nowhere', async () => {
    const cluster = await TestCluster.started();
    expect(await write(cluster, put('k', 'v', null, { ttlMs: 1000 }))).toBe('written 1');
    await cluster.scheduler.advance(950);
    expect(await seen(cluster, 'k')).toEqual(all('found v 1'));
    await cluster.scheduler.advance(50 + SOON_MS);
    expect(await seen(cluster, 'k')).toEqual(all('absent'));
    const states = cluster.nodes.map((node) => node.replica.status());
    expect(states.map(({ revision }) => revision)).toEqual([2, 2, 2]);
    expect(new Set(states.map(({ hash }) => hash)).size).toBe(1);
  });

  it('stays while nobody can make an entry, however late it is', async () => {
    const cluster = await TestCluster.started();
    await write(cluster, put('k', 'v', null, { ttlMs: 100 }));
    await cluster.untilEqual();
    for (const node of cluster.nodes) cluster.isolate(node.nodeId);
    await cluster.scheduler.advance(5000);
    const reads = cluster.nodes.map((node) => node.read('k', { level: 'eventual' }));
    expect((await cluster.run(Promise.all(reads))).map(brief)).toEqual(all('found v 1'));
    cluster.heal();
    await cluster.untilLed();
    await cluster.scheduler.advance(SOON_MS);
    expect(await seen(cluster, 'k')).toEqual(all('absent'));
  });

  it('loses its time with a put without one, and counts anew with a put with one', async () => {
    const cluster = await TestCluster.started();
    for (const key of ['kept', 'anew', 'gone']) {
      await write(cluster, put(key, '1', null, { ttlMs: 500 }));
    }
    await cluster.scheduler.advance(400);
    expect(await write(cluster, put('kept', '2'))).toBe('written 4');
    expect(await write(cluster, put('anew', '2', null, { ttlMs: 500 }))).toBe('written 5');
    expect(await write(cluster, del('gone'))).toBe('written 6');
    await cluster.scheduler.advance(450);
    expect(await seen(cluster, 'anew')).toEqual(all('found 2 5'));
    await cluster.scheduler.advance(50 + SOON_MS);
    expect(await seen(cluster, 'kept')).toEqual(all('found 2 4'));
    expect(await seen(cluster, 'anew')).toEqual(all('absent'));
    // One expiry for one key: a time that was over by a later write makes no entry.
    expect(cluster.nodes.map((node) => node.replica.revision)).toEqual([7, 7, 7]);
  });

  it('tells what was there without what the database keeps before it', async () => {
    const alone = await Alone.started();
    await alone.write(put('k', 'v', null, { ttlMs: 60_000 }));
    const looking = put('k', 'w', null, { ttlMs: 60_000, returnPrevious: true });
    expect(await alone.write(looking)).toBe('done 2 was v 1');
    expect(await alone.write(put('k', 'x', null, { ifRevision: 2, returnPrevious: true }))).toBe(
      'done 3 was w 2',
    );
    expect(await alone.read('k')).toBe('found x 3');
    const stored = alone.node.db.getSync(bytesOf('k'), 2);
    expect([stored?.marked, stored?.value.length]).toEqual([true, 9]);
  });

  it('tells whoever reads it when it goes, at every level and in scans', async () => {
    const cluster = await TestCluster.started();
    await write(cluster, put('plain', 'p'));
    await write(cluster, put('timed', 't', null, { ttlMs: 60_000 }));
    await cluster.untilEqual();
    const logTime = (cluster.leader as TestNode).replica.header().logTime;
    const times = new Set<number>();
    for (const node of cluster.nodes) {
      for (const level of ['linearizable', 'eventual', at(2), bounded(1000)] as const) {
        const [plain, timed] = await cluster.run(
          Promise.all([node.read('plain', { level }), node.read('timed', { level })]),
        );
        expect(plain).toMatchObject({ kind: 'found', value: 'p', expiresAt: 0 });
        expect(timed).toMatchObject({ kind: 'found', value: 't', revision: 2 });
        if (timed?.kind === 'found') times.add(timed.expiresAt);
      }
      for (const keysOnly of [false, true]) {
        const seenHere = await scanned(cluster, node, keysOnly);
        const [time] = times;
        expect(seenHere).toEqual(
          keysOnly ? ['plain= 0', 'timed= 0'] : ['plain=p 0', `timed=t ${time}`],
        );
      }
    }
    const [time = 0, ...others] = times;
    expect(others).toEqual([]);
    const leftMs = (time - logTime) / 4096;
    expect([leftMs > 59_000, leftMs <= 60_000]).toEqual([true, true]);
  });

  it('INVARIANT(expire-at-revision): stays if a put came before its expiry in the log', async () => {
    const cluster = await TestCluster.started();
    const leader = cluster.leader as TestNode;
    await write(cluster, put('k', 'old', null, { ttlMs: 1000 }));
    await write(cluster, put('gone', 'old', null, { ttlMs: 1000 }));
    const writtenMs = cluster.scheduler.nowMs;
    await cluster.untilEqual();
    await cluster.scheduler.advance(writtenMs + 960 - cluster.scheduler.nowMs);
    const before = leader.replica.status().lastIndex;
    // Neither the put nor the expiry that follows can be committed: the leader sees the old version meanwhile.
    cluster.filter = (_from, to) => to === leader.nodeId;
    const answer = leader.write(put('k', 'new'));
    await cluster.scheduler.advance(80);
    expect(leader.replica.status()).toMatchObject({ role: 'leader', lastIndex: before + 2 });
    expect(brief(await cluster.run(leader.read('k', { level: 'eventual' })))).toBe('found old 1');
    cluster.filter = () => true;
    expect(brief(await cluster.run(answer))).toBe('written 3');
    await cluster.scheduler.advance(5000);
    expect(await seen(cluster, 'k')).toEqual(all('found new 3'));
    expect(await seen(cluster, 'gone')).toEqual(all('absent'));
  });

  it('goes by the next leader where the one that had to see to it died', async () => {
    const cluster = await TestCluster.started();
    await write(cluster, put('k', 'v', null, { ttlMs: 2000 }));
    await cluster.untilEqual();
    (cluster.leader as TestNode).crash();
    await cluster.untilLed();
    await cluster.until('the key is gone', () => {
      return cluster.running.every((node) => node.replica.revision === 2);
    });
    expect(await seen(cluster, 'k')).toEqual(['absent', 'absent']);
  });

  it('goes after a restart of all, read from the tables by whoever leads', async () => {
    const cluster = await TestCluster.started({ settings });
    const ttl = { ttlMs: 3000 };
    for (let i = 0; i < 6; i++) await write(cluster, put(`k${i}`, 'v', null, ttl));
    await write(cluster, put('k5', 'kept'));
    for (let i = 0; i < 8; i++) await write(cluster, put('other', `${i}`));
    await cluster.untilEqual();
    await cluster.scheduler.advance(200);
    for (const node of cluster.nodes) node.crash();
    for (const node of cluster.nodes) await cluster.run(node.start());
    await cluster.untilLed();
    expect(await seen(cluster, 'k0')).toEqual(all('found v 1'));
    await cluster.until('the keys are gone', () => {
      return cluster.nodes.every((node) => node.replica.revision === 16);
    });
    await cluster.scheduler.advance(3000);
    expect(await seen(cluster, 'k4')).toEqual(all('absent'));
    expect(await seen(cluster, 'k5')).toEqual(all('found kept 7'));
  });

  it('goes, once, wherever the power fails, and what has no time stays', async () => {
    for (let operations = 1; operations <= 60; operations += 4) {
      const alone = await Alone.started({ settings, memtableBytes: 600 });
      const { node } = alone;
      for (let i = 0; i < 6; i++) {
        await alone.write(put(`k${i}`, 'v', null, i % 2 === 0 ? { ttlMs: 300 } : {}));
      }
      node.fs.crashAtMutation(operations);
      node.send(put('k2', 'kept', null, {}));
      node.send(put('k1', 'v', null, { ttlMs: 200 }));
      await alone.scheduler.advance(250 + operations * 3);
      node.crash(operations % 3 === 0 ? 100 : 0);
      await alone.start();
      await alone.scheduler.advance(1000);
      const { revision } = node.replica.status();
      const keys = ['k0', 'k1', 'k2', 'k3', 'k4', 'k5'];
      const held = await alone.all(keys.map((key) => node.read(key)));
      // Of the last two puts none, the first, or both came into the log.
      const shown = (k1: string, k2: string): string[] => [
        'absent',
        k1,
        k2,
        'found v 4',
        'absent',
        'found v 6',
      ];
      expect([
        shown('found v 2', 'absent'),
        shown('found v 2', 'found kept 7'),
        shown('absent', 'found kept 7'),
      ]).toContainEqual(held);
      await alone.scheduler.advance(1000);
      expect(node.replica.revision).toBe(revision);
      await alone.run(node.stop());
    }
  });

  it('goes with thousands of others in entries of 1,024 at most, at one revision each', async () => {
    const alone = await Alone.started();
    const KEYS = 5000;
    for (let at = 0; at < KEYS; at += 500) {
      const writes = Array.from({ length: 500 }, (_, i) =>
        alone.node.write(put(`key${at + i}`, 'v', null, { ttlMs: 4000 })),
      );
      await alone.all(writes);
    }
    expect(alone.node.replica.revision).toBe(KEYS);
    await alone.scheduler.advance(4000 + 500);
    const iterator = alone.node.db.iterator({});
    expect(iterator.next()).toBe(false);
    iterator.close();
    const entries = alone.node.replica.revision - KEYS;
    expect([entries >= 5, entries <= 20]).toEqual([true, true]);
  });
});

describe('where wall clocks are an hour apart and jump', () => {
  const HOUR_MS = 3_600_000;

  it('a key lives as long as its time to live says, whoever leads', async () => {
    const cluster = await TestCluster.started();
    const [a, b, c] = cluster.nodes as [TestNode, TestNode, TestNode];
    await write(cluster, put('first', 'v'));
    await cluster.untilEqual();
    a.clock.jumpWall(HOUR_MS);
    b.clock.jumpWall(-HOUR_MS);
    await write(cluster, put('k', 'v', null, { ttlMs: 6000 }));
    const startMs = cluster.scheduler.nowMs;
    for (let round = 0; cluster.scheduler.nowMs < startMs + 5000; round++) {
      const next = [a, b, c][round % 3] as TestNode;
      cluster.leader?.replica.transferLeadership(next.replicaId);
      await cluster.scheduler.advance(400);
      for (const node of cluster.nodes) node.clock.jumpWall(round % 2 === 0 ? HOUR_MS : -HOUR_MS);
      await write(cluster, put('other', `${round}`));
    }
    await cluster.untilLed();
    expect(await seen(cluster, 'k')).toEqual(all('found v 2'));
    await cluster.scheduler.advance(startMs + 6000 + SOON_MS - cluster.scheduler.nowMs);
    expect(await seen(cluster, 'k')).toEqual(all('absent'));
    expect(a.events('replica.wall_clock.jumped').length).toBeGreaterThan(0);
  });

  it('time does not run backwards for a key: what was over stays over, what was not begins where it was', async () => {
    const cluster = await TestCluster.started();
    const [a, b] = cluster.nodes as [TestNode, TestNode];
    // The leader's clock is an hour ahead: from its start on, log time follows it.
    a.wallOffsetMs = HOUR_MS;
    a.crash();
    await cluster.run(a.start());
    await cluster.untilLed();
    await lead(cluster, a);
    await write(cluster, put('short', 'v', null, { ttlMs: 1000 }));
    await write(cluster, put('long', 'v', null, { ttlMs: 8000 }));
    await cluster.scheduler.advance(1000 + SOON_MS);
    expect(await seen(cluster, 'short')).toEqual(all('absent'));
    const before = a.replica.header().logTime;
    const wall = logTimeOf(cluster.scheduler.startWallMs + cluster.scheduler.nowMs);
    expect(before - wall).toBeGreaterThan(0.99 * HOUR_MS * 4096);
    const writtenMs = cluster.scheduler.nowMs;
    // The next one's clock is an hour behind.
    await lead(cluster, b);
    expect(b.replica.header().logTime).toBeGreaterThanOrEqual(before);
    expect(await seen(cluster, 'long')).toEqual(all('found v 2'));
    await cluster.scheduler.advance(writtenMs + 7200 - cluster.scheduler.nowMs);
    expect(await seen(cluster, 'long')).toEqual(all('absent'));
  });
});

async function lead(cluster: TestCluster, node: TestNode): Promise<void> {
  for (let i = 0; i < 20 && cluster.leader !== node; i++) {
    cluster.leader?.replica.transferLeadership(node.replicaId);
    await cluster.scheduler.advance(200);
  }
  expect(cluster.leader).toBe(node);
  await cluster.untilLed();
}
