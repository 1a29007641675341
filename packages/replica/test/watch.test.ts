import { defaultReplicaSettings, defaultWatchSettings, WindowBudget } from '@dougdb/replica';
import { Alone } from './support/alone.js';
import { bytesOf, del, put, textOf } from './support/commands.js';
import { TestCluster } from './support/test-cluster.js';
import { positionOf, Watcher, type WatcherOptions } from './support/watcher.js';

const small = {
  ...defaultReplicaSettings,
  watch: { ...defaultWatchSettings, ringBytes: 2048, windowEvents: 8, batchBytes: 200 },
};

async function opened(alone: Alone, options: WatcherOptions = {}): Promise<Watcher> {
  const watcher = new Watcher(alone.node, options);
  await alone.scheduler.advance(5);
  return watcher;
}

/** Writes so much that a small ring forgets what was there before; revisions go up by `count`. */
async function fill(alone: Alone, count: number, key = 'filler'): Promise<void> {
  for (let n = 0; n < count; n++) await alone.write(put(key, `${n}`.padStart(100, '.')));
  await alone.scheduler.advance(5);
}

describe('a watch', () => {
  it('from now on tells what is written after it stands, once and in order', async () => {
    const alone = await Alone.started();
    await alone.write(put('b', '0'));
    const watcher = await opened(alone);
    expect(watcher.openedAt).toMatchObject({ revision: 1, lastKey: bytesOf('') });
    await alone.write(put('b', '1'));
    await alone.write(del('b'));
    await alone.write(del('c'));
    await alone.write(put('c', ''));
    await alone.scheduler.advance(5);
    expect(watcher.briefly).toEqual(['b=1@2', 'b@3', 'c@4', 'c=@5']);
    expect(watcher.position).toMatchObject({ revision: 5 });
    expect(watcher.over).toBeNull();
  });

  it('tells of its range, and of the kinds that are wanted', async () => {
    const alone = await Alone.started();
    const some = await opened(alone, { start: 'c', end: 'e' });
    const puts = await opened(alone, { noDeletes: true });
    const deletes = await opened(alone, { noPuts: true });
    const due = await opened(alone, {
      isDue: (revision, key) => revision > 3 || textOf(key) === 'e',
    });
    for (const key of ['b', 'c', 'd', 'e', 'f']) await alone.write(put(key, key));
    for (const key of ['c', 'e']) await alone.write(del(key));
    await alone.scheduler.advance(5);
    expect(some.briefly).toEqual(['c=c@2', 'd=d@3', 'c@6']);
    expect(puts.briefly).toEqual(['b=b@1', 'c=c@2', 'd=d@3', 'e=e@4', 'f=f@5']);
    expect(deletes.briefly).toEqual(['c@6', 'e@7']);
    expect(due.briefly).toEqual(['e=e@4', 'f=f@5', 'c@6', 'e@7']);
    expect(some.position).toMatchObject({ revision: 6 });
  });

  it('tells what was there before, where there was something', async () => {
    const alone = await Alone.started();
    await alone.write(put('b', '0'));
    const watcher = await opened(alone, { previous: true });
    const past = await opened(alone, { previous: true, from: positionOf(0) });
    await alone.write(put('b', '1'));
    await alone.write(put('c', '2'));
    await alone.write(del('b'));
    await alone.write(put('b', '3'));
    await alone.scheduler.advance(5);
    const told = ['b=1@2 was 0@1', 'c=2@3', 'b@4 was 1@2', 'b=3@5'];
    expect(watcher.briefly).toEqual(told);
    expect(past.briefly).toEqual(['b=0@1', ...told]);
  });

  it('goes on behind a position, in the middle of a revision too', async () => {
    const alone = await Alone.started();
    for (const key of ['b', 'c', 'd']) await alone.write(put(key, key));
    const behind = await opened(alone, { from: positionOf(1) });
    const within = await opened(alone, { from: positionOf(1, 'bb') });
    const past = await opened(alone, { from: positionOf(1, 'c') });
    expect(behind.briefly).toEqual(['c=c@2', 'd=d@3']);
    expect(within.briefly).toEqual(['c=c@2', 'd=d@3']);
    expect(past.briefly).toEqual(['d=d@3']);
    expect(past.openedAt).toMatchObject({ revision: 1, lastKey: bytesOf('c') });
    expect(past.position).toMatchObject({ revision: 3, lastKey: bytesOf('') });
  });

  it('is told something each 4 s, with how far it is', async () => {
    const alone = await Alone.started();
    const some = await opened(alone, { start: 'c', end: 'd' });
    await alone.scheduler.advance(3_900);
    expect(some.marks).toBe(0);
    await alone.write(put('x', '1'));
    await alone.scheduler.advance(200);
    expect([some.marks, some.position?.revision]).toEqual([1, 1]);
    await alone.write(put('c', '1'));
    await alone.scheduler.advance(3_900);
    expect(some.marks).toBe(1);
    await alone.scheduler.advance(7_900);
    expect([some.marks, some.position?.revision, some.changes.length]).toEqual([3, 2, 1]);
  });

  it('that was cancelled hears nothing more', async () => {
    const alone = await Alone.started();
    const early = new Watcher(alone.node);
    early.handle.cancel();
    const watcher = await opened(alone);
    await alone.write(put('b', '1'));
    await alone.scheduler.advance(5);
    watcher.handle.cancel();
    watcher.handle.cancel();
    watcher.handle.give(5);
    await alone.write(put('b', '2'));
    await alone.scheduler.advance(10_000);
    expect(watcher.briefly).toEqual(['b=1@1']);
    expect([watcher.marks, watcher.over, early.openedAt, early.over]).toEqual([
      0,
      null,
      null,
      null,
    ]);
    expect(alone.node.replica.watchLoad.watches).toBe(0);
  });

  it('INVARIANT(watch-no-gap): goes from the versions to the ring, over flushes, compactions and a restart', async () => {
    const alone = await Alone.started({
      settings: small,
      memtableBytes: 2048,
      level0Tables: 1,
      watchBudget: new WindowBudget(8192, 4096),
    });
    await fill(alone, 40);
    const told = (first: number, count: number): string[] =>
      Array.from({ length: count }, (_, n) => `filler=${`${n}`.padStart(100, '.')}@${first + n}`);
    const watcher = await opened(alone, { from: positionOf(0) });
    expect(watcher.over).toBeNull();
    expect(watcher.briefly).toEqual(told(1, 40));
    await fill(alone, 40);
    await alone.node.db.flushed();
    expect(watcher.briefly).toEqual([...told(1, 40), ...told(41, 40)]);
    const slow = await opened(alone, { creditBytes: 1 });
    await fill(alone, 40);
    slow.handle.give(1 << 20);
    await fill(alone, 1);
    expect(slow.briefly).toEqual([...told(81, 40), ...told(121, 1)]);
    await alone.restart();
    expect(slow.over).toMatchObject({
      error: { reason: 'NO_LEADER' },
      position: { revision: 121 },
    });
    const again = await opened(alone, { from: positionOf(80) });
    await fill(alone, 2);
    expect(again.briefly).toEqual([...told(81, 40), ...told(121, 1), ...told(122, 2)]);
    expect(again.batches.length).toBeGreaterThan(20);
  });
});

describe('history and time to live', () => {
  it('below the floor a watch is refused, and ends when the floor passes it', async () => {
    const alone = await Alone.started({ settings: small });
    await fill(alone, 60);
    const slow = await opened(alone, { from: positionOf(10), creditBytes: 1 });
    const good = await opened(alone, { from: positionOf(10) });
    await alone.run(alone.node.replica.compact(40, alone.scheduler.nowMs + 1_000));
    expect((await opened(alone, { from: positionOf(39) })).over?.error.reason).toBe('COMPACTED');
    expect((await opened(alone, { from: positionOf(40) })).changes.length).toBe(20);
    slow.handle.give(1 << 20);
    await alone.scheduler.advance(5);
    expect(slow.over?.error).toMatchObject({ reason: 'COMPACTED', outcome: 'NOT_APPLIED' });
    expect(good.changes.length).toBe(50);
    await fill(alone, 1);
    expect([good.changes.length, good.over]).toEqual([51, null]);
  });

  it('tombstones and versions above the floor are told after every compaction', async () => {
    const alone = await Alone.started({ settings: small, memtableBytes: 2048, level0Tables: 1 });
    await alone.write(put('b', '1'));
    await alone.write(put('c', '1'));
    await alone.write(del('b'));
    await alone.write(put('c', '2'));
    await alone.run(alone.node.replica.compact(2, alone.scheduler.nowMs + 1_000));
    await fill(alone, 60);
    await alone.run(alone.node.db.flushed());
    await alone.run(alone.node.db.compact());
    const watcher = await opened(alone, { from: positionOf(2), end: 'd', previous: true });
    expect(watcher.briefly).toEqual(['b@3 was 1@1', 'c=2@4 was 1@2']);
  });

  it('a key whose time is over is told as a delete, and a put with the time at which it goes', async () => {
    const alone = await Alone.started();
    const watcher = await opened(alone);
    await alone.write(put('b', '1', null, { ttlMs: 500 }));
    await alone.scheduler.advance(2_000);
    const past = await opened(alone, { from: positionOf(0), previous: true });
    expect(watcher.briefly).toEqual(['b=1@1', 'b@2']);
    expect(past.briefly).toEqual(['b=1@1', 'b@2 was 1@1']);
    const expiries = [watcher, past].map(({ changes }) =>
      changes.map(({ expiresAt }) => expiresAt),
    );
    expect(expiries[0]).toEqual(expiries[1]);
    expect(expiries[0]?.[0]).toBeGreaterThan(0);
    expect(expiries[0]?.[1]).toBe(0);
  });
});

describe('credit', () => {
  it('is spent by what is told, and the rest waits', async () => {
    const alone = await Alone.started();
    const watcher = await opened(alone, { creditBytes: 1 });
    const other = await opened(alone);
    await alone.write(put('b', '1'));
    await alone.write(put('c', '2'));
    await alone.scheduler.advance(5);
    expect(watcher.briefly).toEqual(['b=1@1']);
    expect(watcher.position).toMatchObject({ revision: 1 });
    expect(other.briefly).toEqual(['b=1@1', 'c=2@2']);
    const cost = watcher.costBytes;
    expect(cost).toBeGreaterThan(8);
    watcher.handle.give(cost - 1);
    await alone.scheduler.advance(5);
    expect(watcher.changes.length).toBe(1);
    watcher.handle.give(1);
    await alone.scheduler.advance(5);
    expect(watcher.briefly).toEqual(['b=1@1', 'c=2@2']);
    expect(watcher.costBytes).toBe(2 * cost);
  });

  it('that is given before the watch stands counts', async () => {
    const alone = await Alone.started();
    const watcher = new Watcher(alone.node, { creditBytes: 1 });
    watcher.handle.give(1_000);
    await alone.scheduler.advance(5);
    for (const value of ['1', '2', '3']) await alone.write(put('b', value));
    await alone.scheduler.advance(5);
    expect(watcher.briefly).toEqual(['b=1@1', 'b=2@2', 'b=3@3']);
  });

  it('INVARIANT(watch-bounded): a watch that takes nothing for 30 s ends with a token; it holds its position alone', async () => {
    const alone = await Alone.started({ settings: small });
    const { replica } = alone.node;
    const quiet = await opened(alone, { start: 'x', creditBytes: 1 });
    const stuck = await opened(alone);
    const slow = await opened(alone, { creditBytes: 1 });
    const good = await opened(alone);
    stuck.isFull = true;
    await fill(alone, 100);
    expect(replica.watchLoad).toMatchObject({ watches: 4, slow: 2 });
    expect(replica.watchLoad.ringBytes).toBeLessThan(4096);
    await alone.scheduler.advance(28_000);
    expect([slow.over, stuck.over]).toEqual([null, null]);
    expect(slow.marks).toBeGreaterThan(5);
    expect(slow.position).toMatchObject({ revision: 1 });
    expect(stuck.marks).toBe(0);
    slow.handle.give(500);
    await alone.scheduler.advance(3_000);
    expect(stuck.over).toMatchObject({ error: { reason: 'LAGGING' }, position: { revision: 0 } });
    expect(slow.over).toBeNull();
    await alone.scheduler.advance(30_000);
    expect(slow.over?.error.reason).toBe('LAGGING');
    expect(good.changes.length).toBe(100);
    expect([good.over, quiet.over]).toEqual([null, null]);
    const rest = await opened(alone, { from: slow.over?.position ?? null });
    expect(slow.briefly.concat(rest.briefly)).toEqual(good.briefly);
  });

  it('of the connection: nothing is told while it is full', async () => {
    const alone = await Alone.started();
    const watcher = await opened(alone);
    watcher.isFull = true;
    await alone.write(put('b', '1'));
    await alone.scheduler.advance(5);
    expect(watcher.changes.length).toBe(0);
    watcher.isFull = false;
    watcher.handle.resume();
    await alone.scheduler.advance(5);
    expect(watcher.briefly).toEqual(['b=1@1']);
  });
});

describe('a watch is refused', () => {
  it('outside of the partition, at another epoch, and behind what is committed', async () => {
    const alone = await Alone.started();
    await alone.write(put('b', '1'));
    const refused = async (options: WatcherOptions): Promise<string> => {
      const watcher = await opened(alone, options);
      expect(watcher.openedAt).toBeNull();
      return watcher.over?.error.reason ?? 'nothing';
    };
    expect(await refused({ start: '' })).toBe('EPOCH_MISMATCH');
    expect(await refused({ end: '' })).toBe('EPOCH_MISMATCH');
    expect(await refused({ end: 'zz' })).toBe('EPOCH_MISMATCH');
    expect(await refused({ epoch: 7 })).toBe('EPOCH_MISMATCH');
    expect(await refused({ from: positionOf(2) })).toBe('FUTURE_REVISION');
    expect(await refused({ from: positionOf(1, 'b') })).toBe('FUTURE_REVISION');
    expect((await opened(alone, { from: positionOf(1), epoch: 1 })).openedAt).not.toBeNull();
  });

  it('when there are too many', async () => {
    const watch = { ...defaultWatchSettings, mostWatches: 2 };
    const alone = await Alone.started({ settings: { watch } });
    const [first, , third] = [1, 2, 3].map(() => new Watcher(alone.node)) as [
      Watcher,
      Watcher,
      Watcher,
    ];
    await alone.scheduler.advance(5);
    expect(third.over?.error.reason).toBe('BUSY');
    first.handle.cancel();
    expect((await opened(alone)).openedAt).not.toBeNull();
  });

  it('without a leader, when it should begin from now on', async () => {
    const cluster = await TestCluster.started();
    const leader = cluster.leader!;
    await cluster.writeUntilKnown(put('b', '1'));
    await cluster.untilEqual();
    for (const { nodeId } of cluster.nodes) cluster.isolate(nodeId);
    const now = new Watcher(leader, { waitMs: 1_000 });
    const resumed = new Watcher(leader, { from: positionOf(0) });
    await cluster.scheduler.advance(5_000);
    expect(now.over?.error.reason).toBe('NO_LEADER');
    expect(resumed.briefly).toEqual(['b=1@1']);
    expect(resumed.over).toBeNull();
  });
});

describe('a replica that ends', () => {
  it('or is drained tells its watches where to go on', async () => {
    const alone = await Alone.started();
    const watcher = await opened(alone);
    await alone.write(put('b', '1'));
    await alone.run(alone.node.replica.drain(alone.scheduler.nowMs + 100));
    expect(watcher.over).toMatchObject({
      error: { reason: 'DRAINING' },
      position: { revision: 1 },
    });
    expect((await opened(alone)).over?.error.reason).toBe('DRAINING');
  });

  it('or finds damage does, too', async () => {
    const alone = await Alone.started();
    const watcher = await opened(alone);
    alone.node.replica.tablesDamaged(
      Object.assign(new Error('bad block'), { code: 'SST_CORRUPT' }),
    );
    expect(watcher.over).toMatchObject({ error: { reason: 'CORRUPT' }, position: { revision: 0 } });
  });

  it('or stands still does, too', async () => {
    const alone = await Alone.started();
    const watcher = await opened(alone);
    alone.node.replica.suspend();
    expect(watcher.over).toMatchObject({
      error: { reason: 'NO_LEADER' },
      position: { revision: 0 },
    });
  });
});

describe('the newest changes', () => {
  it('are kept from the first watch on until a minute after the last', async () => {
    const alone = await Alone.started();
    const { replica } = alone.node;
    await alone.write(put('b', '1'));
    expect(replica.watchLoad.ringBytes).toBe(0);
    const watcher = await opened(alone);
    await alone.write(put('b', '2'));
    expect(replica.watchLoad.ringBytes).toBeGreaterThan(0);
    watcher.handle.cancel();
    await alone.scheduler.advance(59_000);
    expect(replica.watchLoad.ringBytes).toBeGreaterThan(0);
    await alone.scheduler.advance(2_000);
    expect(replica.watchLoad.ringBytes).toBe(0);
    const again = await opened(alone, { from: positionOf(0) });
    await alone.write(put('b', '3'));
    await alone.scheduler.advance(5);
    expect(again.briefly).toEqual(['b=1@1', 'b=2@2', 'b=3@3']);
  });
});
