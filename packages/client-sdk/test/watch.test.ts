import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import {
  createClient,
  type DougClient,
  type Watch,
  WatchError,
  type WatchEvent,
  type WatchOptions,
} from '../src/core.js';
import { FakeCluster } from '../src/testing/index.js';
import { RealFacades } from './real-facades.js';
import { simClient } from './sim-client.js';

/** Reads a watch in the background. */
class Reader {
  readonly watch: Watch<WatchEvent>;
  readonly events: WatchEvent[] = [];
  error: WatchError | null = null;
  isDone = false;

  constructor(watch: Watch<WatchEvent>, most = Number.POSITIVE_INFINITY) {
    this.watch = watch;
    void this.#read(most);
  }

  /** As 'key=value@revision', or 'key@revision' of a delete. */
  get told(): string[] {
    return this.events.map((event) =>
      event.type === 'put'
        ? `${event.key}=${event.value}@${event.revision}`
        : `${event.key}@${event.revision}`,
    );
  }

  async #read(most: number): Promise<void> {
    try {
      if (most > 0) {
        for await (const event of this.watch) {
          this.events.push(event);
          if (this.events.length >= most) break;
        }
      }
    } catch (error) {
      this.error = error as WatchError;
    }
    this.isDone = true;
  }
}

async function until(
  scheduler: SimScheduler,
  what: string,
  holds: () => boolean,
  limitMs = 60_000,
): Promise<void> {
  const endMs = scheduler.nowMs + limitMs;
  while (!holds()) {
    if (scheduler.nowMs > endMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await scheduler.advance(1);
  }
}

interface Setup {
  readonly scheduler: SimScheduler;
  readonly cluster: FakeCluster;
  readonly facades: RealFacades | null;
  readonly db: DougClient;
  /** Writes, past all faults that are scripted for the client. */
  put(key: string, value: string): void;
  read(options?: WatchOptions, most?: number): Promise<Reader>;
  has(reader: Reader, count: number): Promise<void>;
}

async function setup(way: 'nodes' | 'facades', seed = 1): Promise<Setup> {
  const scheduler = new SimScheduler();
  const cluster = new FakeCluster({ clock: scheduler.clock(), splitAt: ['m'] });
  const facades = way === 'nodes' ? null : new RealFacades(scheduler, cluster, 2, `${seed}`);
  await facades?.ready(scheduler);
  const random = new SimRandom(seed);
  const transport = facades?.transport() ?? cluster.transport();
  const endpoints = facades?.addresses ?? cluster.endpoints;
  const db = await scheduler.runWhilePending(
    createClient({ transport, clock: scheduler.clock(), random }, { endpoints }),
  );
  let seq = 0;
  return {
    ...{ scheduler, cluster, facades, db },
    put: (key, value) => {
      const partition = cluster.partitionOf(key);
      partition.apply(
        {
          kind: 'put',
          key: new TextEncoder().encode(key),
          value: new TextEncoder().encode(value),
          ...{ ttlMs: 0, body: null },
          ...{ ifRevision: 0, ifAbsent: false, returnPrevious: false, returnExisted: false },
          ...{ session: 'test', startedAt: cluster.logTime, seq: ++seq, firstIncomplete: seq },
        },
        cluster.logTime,
      );
    },
    read: async (options = {}, most) => {
      const reader = new Reader(db.watch({ ...options, progress: false }), most);
      await scheduler.runWhilePending(reader.watch.ready);
      return reader;
    },
    has: (reader, count) =>
      until(scheduler, `${count} events`, () => reader.events.length >= count),
  };
}

describe.each(['nodes', 'facades'] as const)('a watch through %s', (way) => {
  it('tells what is written from when it is ready', async () => {
    const { scheduler, db, read, has } = await setup(way);
    await scheduler.runWhilePending(db.put('a', '0'));
    const reader = await read();
    await scheduler.runWhilePending(db.put('a', '1'));
    await scheduler.runWhilePending(db.put('z', '1'));
    await scheduler.runWhilePending(db.delete('a'));
    await has(reader, 3);
    expect([...reader.told].sort()).toEqual(['a=1@2', 'a@3', 'z=1@1']);
  });

  it.each([
    ['a key', { key: 'ab' }, ['ab']],
    ['a prefix', { prefix: 'a' }, ['a', 'ab', 'abc']],
    ['a range', { start: 'ab', end: 'n' }, ['ab', 'abc', 'b']],
    ['a range to the end', { start: 'n' }, ['n', 'z']],
    ['everything', {}, ['a', 'ab', 'abc', 'b', 'n', 'z']],
  ] as const)('of %s tells that alone', async (_what, options, keys) => {
    const { scheduler, put, read, has } = await setup(way);
    const reader = await read(options);
    for (const key of ['a', 'ab', 'abc', 'b', 'n', 'z']) put(key, '1');
    await has(reader, keys.length);
    await scheduler.advance(100);
    expect(reader.events.map(({ key }) => key).sort()).toEqual(keys);
  });

  it('tells what was there before, and only what was asked for', async () => {
    const { scheduler, db, read, has } = await setup(way);
    const all = await read({ previous: true });
    const puts = await read({ deletes: false });
    const deletes = await read({ puts: false });
    for (const value of ['1', '2']) await scheduler.runWhilePending(db.put('a', value));
    await scheduler.runWhilePending(db.delete('a'));
    await has(all, 3);
    await has(puts, 2);
    await has(deletes, 1);
    expect(all.events.map(({ previous }) => previous)).toEqual([
      null,
      { value: '1', revision: 1 },
      { value: '2', revision: 2 },
    ]);
    expect(puts.told).toEqual(['a=1@1', 'a=2@2']);
    expect(deletes.told).toEqual(['a@3']);
    expect(puts.events[0] && 'previous' in puts.events[0]).toBe(false);
  });

  it('goes on behind the token of any event, as text and as bytes', async () => {
    const { scheduler, put, read, has } = await setup(way);
    const reader = await read();
    for (let i = 0; i < 6; i++) put(i % 2 === 0 ? 'a' : 'z', `${i}`);
    await has(reader, 6);
    for (const [at, { token }] of reader.events.entries()) {
      const rest = reader.told.slice(at + 1).sort();
      for (const from of [token, new Uint8Array(Buffer.from(token, 'base64url'))]) {
        const resumed = await read({ from });
        await has(resumed, rest.length);
        await scheduler.advance(20);
        expect([...resumed.told].sort()).toEqual(rest);
        await resumed.watch.close();
      }
    }
  });

  it('has a token that stands behind what was taken, neither before nor beyond', async () => {
    const { scheduler, put, read } = await setup(way);
    const watch = (await read({}, 0)).watch;
    for (let i = 0; i < 5; i++) put('a', `${i}`);
    for (let taken = 0; taken < 4; taken++) {
      const resumed = new Reader((await read({ from: watch.token ?? '' }, 0)).watch, 1);
      await until(scheduler, 'one event', () => resumed.isDone);
      expect(resumed.told).toEqual([`a=${taken}@${taken + 1}`]);
      await scheduler.runWhilePending(watch.next());
    }
  });

  it('tells every change once while leaders move, streams break and nodes restart', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const { scheduler, cluster, put, read, has, facades } = await setup(way, seed);
      const random = new SimRandom(`trouble ${seed}`);
      const reader = await read();
      const pick = (from: number): number => Math.floor(random.next() * from);
      const written: string[] = [];
      for (let i = 0; i < 60; i++) {
        const key = ['a', 'c', 'n', 'z'][pick(4)] as string;
        put(key, `${i}`);
        written.push(`${key}=${i}`);
        const trouble = pick(12);
        const node = 1 + pick(3);
        if (trouble === 0) cluster.breakPipes();
        if (trouble === 1) cluster.kill(node);
        if (trouble === 2) for (const each of [1, 2, 3]) cluster.restart(each);
        if (trouble === 3) cluster.lead(node, key);
        if (trouble === 4) cluster.endWatches('LAGGING');
        if (trouble === 5 && i < 40) cluster.split(['b', 'd', 'p', 'x'][pick(4)] as string);
        if (trouble === 6 && facades !== null) {
          const address = facades.addresses[pick(2)] as string;
          facades.kill(address);
          facades.restart(address);
        }
        await scheduler.advance(pick(20));
      }
      for (const each of [1, 2, 3]) cluster.restart(each);
      await has(reader, written.length);
      await scheduler.advance(11_000);
      const told = reader.told.map((event) => event.split('@')[0] ?? '');
      expect({ seed, told: [...told].sort() }).toEqual({ seed, told: [...written].sort() });
      for (const key of ['a', 'c', 'n', 'z']) {
        const of = (events: readonly string[]) => events.filter((event) => event[0] === key);
        expect({ seed, told: of(told) }).toEqual({ seed, told: of(written) });
      }
    }
  });

  it('ends with COMPACTED and a token where history does not reach back so far', async () => {
    const { scheduler, cluster, db, put, read, has } = await setup(way);
    const reader = await read({ end: 'b' });
    put('a', '1');
    await has(reader, 1);
    const { token } = reader.watch;
    for (let i = 0; i < 5; i++) put('a', `${i}`);
    await reader.watch.close();
    for (const { history } of cluster.partitions) history.floor = 4;
    const late = new Reader(db.watch({ end: 'b', from: token }));
    await until(scheduler, 'the end', () => late.isDone);
    expect(late.error).toMatchObject({ code: 'DOUG_COMPACTED', outcome: 'NOT_APPLIED', token });
    expect(late.error).toBeInstanceOf(WatchError);
  });

  it('begins at a revision of one partition, and not of two', async () => {
    const { scheduler, db, put, read, has } = await setup(way);
    for (let i = 1; i <= 4; i++) put('a', `${i}`);
    const reader = await read({ key: 'a', fromRevision: 3 });
    await has(reader, 2);
    expect(reader.told).toEqual(['a=3@3', 'a=4@4']);
    const both = new Reader(db.watch({ fromRevision: 3 }));
    await until(scheduler, 'the end', () => both.isDone);
    expect(both.error).toMatchObject({ code: 'DOUG_INVALID_ARGUMENT' });
  });

  it('does not grow while it is not read, and goes on when it is', async () => {
    const { scheduler, put, read, has } = await setup(way);
    const slow = await read({}, 0);
    const fast = await read();
    const value = 'x'.repeat(60_000);
    for (let i = 0; i < 100; i++) {
      put('a', `${i} ${value}`);
      await scheduler.advance(10);
    }
    await has(fast, 100);
    await scheduler.advance(20_000);
    const reader = new Reader(slow.watch);
    await has(reader, 100);
    expect(reader.told).toEqual(fast.told);
  });
});

describe('a watch', () => {
  const refused: [string, WatchOptions][] = [
    ['a key and a prefix', { key: 'a', prefix: 'b' }],
    ['a prefix and an end', { prefix: 'b', end: 'c' }],
    ['an empty range', { start: 'b', end: 'b' }],
    ['the empty key', { key: '' }],
    ['neither puts nor deletes', { puts: false, deletes: false }],
    ['a flag that is none', { previous: 'yes' as unknown as boolean }],
    ['a token that is none', { from: 'garbage' }],
    ['text that is no base64', { from: '@@' }],
    ['a token and a revision', { from: 'Vw', fromRevision: 3 }],
    ['a revision that is none', { fromRevision: -1 }],
    ['a signal that is none', { signal: {} as AbortSignal }],
    ['options that are none', null as unknown as WatchOptions],
  ];
  it.each(refused)(
    'with %s is refused when it is read, and not by throwing',
    async (_what, options) => {
      const { db, fails, clock } = await simClient();
      const watch = db.watch(options);
      for (const promise of [watch.ready, watch.next()]) {
        expect(await fails(promise)).toMatchObject({ code: 'DOUG_INVALID_ARGUMENT' });
      }
      expect([clock.pendingCount, watch.token]).toEqual([0, undefined]);
    },
  );

  it('is refused with a token whose range does not hold its own', async () => {
    const { db, run, fails } = await simClient();
    const watch = db.watch({ prefix: 'a' });
    await run(watch.ready);
    expect(await fails(db.watch({ prefix: 'b', from: watch.token }).next())).toMatchObject({
      code: 'DOUG_INVALID_ARGUMENT',
    });
  });

  it('without a range goes on in that of its token', async () => {
    const { db, run } = await simClient();
    const watch = db.watch({ prefix: 'a' });
    await run(watch.ready);
    const resumed = db.watch({ from: watch.token });
    await run(resumed.ready);
    await run(Promise.all(['b', 'ab', 'c'].map((key) => db.put(key, '1'))));
    expect((await run(resumed.next())).value).toMatchObject({ type: 'put', key: 'ab' });
  });

  it('tells every few seconds that nothing has changed, if that is asked for', async () => {
    const { db, run, nowMs } = await simClient({ splitAt: ['m'] });
    const watch = db.watch({ progress: true });
    await run(watch.ready);
    const before = watch.token;
    await run(Promise.all(['a', 'z'].map((key) => db.put(key, '1'))));
    await run(watch.next());
    await run(watch.next());
    const from = nowMs();
    for (let i = 0; i < 3; i++) {
      const { value } = await run(watch.next());
      expect(value).toEqual({ type: 'progress', token: watch.token });
    }
    expect(nowMs() - from).toBeLessThan(3 * 5_000);
    expect(watch.token).not.toBe(before);
  });

  it('decodes by the codec of its client', async () => {
    const { db, run } = await simClient();
    const json = db.withCodec('json');
    const watch = json.watch({ previous: true });
    await run(watch.ready);
    await run(json.put('a', { n: 1 }));
    await run(json.put('a', { n: 2 }));
    await run(watch.next());
    expect((await run(watch.next())).value).toMatchObject({
      value: { n: 2 },
      previous: { value: { n: 1 }, revision: 1 },
    });
  });

  it('ends at what its codec refuses, with a token before it', async () => {
    const { db, run, fails } = await simClient();
    const watch = db.watch();
    await run(watch.ready);
    await run(db.put('a', 'text'));
    await run(db.withCodec('bytes').put('a', Uint8Array.of(0xff)));
    await run(watch.next());
    const error = await fails(watch.next());
    expect(error).toMatchObject({ code: 'DOUG_DECODE', token: watch.token });
    expect((await run(watch.next())).done).toBe(true);
    const resumed = db.withCodec('bytes').watch({ from: watch.token });
    expect((await run(resumed.next())).value).toMatchObject({ value: Uint8Array.of(0xff) });
  });

  it('is refused as often as the cluster refuses it, and then goes on', async () => {
    const { db, run, cluster } = await simClient();
    let left = 5;
    cluster.judge = ({ kind }) => (kind === 'watch' && left-- > 0 ? { refuse: 'BUSY' } : 'serve');
    const watch = db.watch();
    await run(watch.ready);
    expect(left).toBe(-1);
    await run(watch.close());
  });

  it('ends with the signal, and leaves nothing open', async () => {
    for (const afterMs of [0, 1, 2, 3, 10, 5_000]) {
      const { db, run, fails, cluster, scheduler, clock } = await simClient({ splitAt: ['m'] });
      const stop = new AbortController();
      const watch = db.watch({ signal: stop.signal });
      const next = fails(watch.next());
      await scheduler.advance(afterMs);
      stop.abort(new Error('enough'));
      expect(await next).toMatchObject({ code: 'DOUG_ABORTED', cause: new Error('enough') });
      expect((await run(watch.next())).done).toBe(true);
      await scheduler.advance(5);
      expect([cluster.openWatches, cluster.openWatchStreams]).toEqual([0, 0]);
      expect(clock.pendingCount).toBe(0);
    }
  });

  it('is not begun with a signal that has fired', async () => {
    const { db, fails, cluster } = await simClient();
    const watch = db.watch({ signal: AbortSignal.abort(new Error('enough')) });
    expect(await fails(watch.next())).toMatchObject({ code: 'DOUG_ABORTED' });
    expect(await fails(watch.ready)).toMatchObject({ code: 'DOUG_ABORTED', token: undefined });
    expect(cluster.openWatchStreams).toBe(0);
  });

  it('ends quietly when it is closed, also for whoever waits for the next event', async () => {
    const { db, run, cluster, scheduler } = await simClient();
    const watch = db.watch();
    await run(watch.ready);
    const next = watch.next();
    await watch.close();
    await watch.close();
    expect(await run(next)).toEqual({ done: true, value: undefined });
    expect((await run(watch.next())).done).toBe(true);
    await scheduler.advance(5);
    expect(cluster.openWatches).toBe(0);
  });

  it('ends when its iteration is left', async () => {
    const { db, run, cluster, scheduler } = await simClient();
    const watch = db.watch();
    await run(watch.ready);
    const first = (async () => {
      for await (const event of watch) return event;
      return null;
    })();
    await run(db.put('a', '1'));
    expect(await run(first)).toMatchObject({ key: 'a' });
    await scheduler.advance(5);
    expect(cluster.openWatches).toBe(0);
  });

  it('ends with its client', async () => {
    const { db, run, fails, clock, scheduler } = await simClient();
    const watch = db.watch();
    await run(watch.ready);
    const next = fails(watch.next());
    await db.close();
    expect(await next).toMatchObject({ code: 'DOUG_CLOSED' });
    await scheduler.advance(0);
    expect(clock.pendingCount).toBe(0);
    expect(await fails(db.watch().next())).toMatchObject({ code: 'DOUG_CLOSED' });
  });

  it('takes one stream of each node, beside the pipes', async () => {
    const { db, run, cluster } = await simClient({ splitAt: ['f', 'm', 't'] });
    const watches = Array.from({ length: 10 }, () => db.watch());
    for (const watch of watches) await run(watch.ready);
    expect(cluster.openWatches).toBe(40);
    expect(cluster.openWatchStreams).toBeLessThanOrEqual(3);
    await run(Promise.all(watches.map((watch) => watch.close())));
  });
});
