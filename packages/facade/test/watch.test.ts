import { DougError } from '@dougdb/rpc-proto';
import { decodeWatchToken } from '../src/index.js';
import { clusterId, type FakePartition } from './support/fake-nodes.js';
import { type BenchWatch, WatchBench } from './support/watch-bench.js';

const two: readonly FakePartition[] = [
  { id: 2, start: '', end: 'm', version: 1, leader: 1 },
  { id: 3, start: 'm', end: '', version: 1, leader: 2 },
];

function positions(token: Uint8Array): string[] {
  return decodeWatchToken(token, clusterId).pieces.map(
    ({ start, end, revision, lastKey }) =>
      `[${Buffer.from(start)},${Buffer.from(end)}) ${revision}${lastKey.length > 0 ? `+${Buffer.from(lastKey)}` : ''}`,
  );
}

/** The node that was asked last. */
function asked(bench: WatchBench): number {
  return bench.watches.creates.at(-1)?.nodeId ?? 0;
}

/** Streams, watches and timers that are left. */
function left(bench: WatchBench): number[] {
  return [bench.streams.size, bench.watches.streams.size, bench.watches.open];
}

describe('a watch', () => {
  it('tells what is written after it stands, and nothing before', async () => {
    const bench = await WatchBench.connected();
    bench.watches.put('a', '1');
    const watch = await bench.watch().created();
    expect(watch.events).toEqual([]);
    bench.watches.put('b', '2');
    bench.watches.delete('a');
    await watch.has(2);
    expect(watch.events).toEqual(['2 b=2', '3 a']);
  });

  it('is served by any replica', async () => {
    const bench = await WatchBench.connected({ nodes: 5 });
    const watch = await bench.watch().created();
    const nodes = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      const { token } = watch.range;
      const resumed = await bench.watch({ token: token ?? undefined }).created();
      nodes.add(bench.watches.creates.at(-1)?.nodeId ?? 0);
      resumed.range.close();
    }
    expect(nodes.size).toBeGreaterThan(2);
  });

  it('takes several partitions, each in its own order', async () => {
    const bench = await WatchBench.connected({ partitions: two });
    const watch = await bench.watch({ start: 'b', end: 'x' }).created();
    for (const key of ['a', 'b', 'y', 'x', 'm', 'l', 'w']) bench.watches.put(key);
    await watch.has(4);
    const of = (keys: string): string[] =>
      watch.events.filter((event) => keys.includes(event[2] ?? ''));
    expect(of('abl')).toEqual(['2 b=v', '3 l=v']);
    expect(of('mw')).toEqual(['3 m=v', '4 w=v']);
    expect(bench.watches.creates.map(({ create }) => Buffer.from(create.end).toString())).toEqual([
      'm',
      'x',
    ]);
  });

  it('stands when all partitions have taken it on, and tells nothing before', async () => {
    const bench = await WatchBench.connected({ partitions: two, nodes: 1 });
    bench.watches.onTell = ({ response }) =>
      response.header?.partitionId === 3 && bench.scheduler.nowMs < 3_000 ? 'break' : 'send';
    const watch = bench.watch();
    await bench.until('one of them', () => bench.watches.creates.length > 1);
    bench.watches.put('a');
    await bench.scheduler.advance(1_000);
    expect([watch.isCreated, watch.events]).toEqual([false, []]);
    expect(watch.range.token).toBeNull();
    await watch.created();
    await watch.has(1);
    expect(watch.events).toEqual(['1 a=v']);
  });

  it('does not count what waits to be told as told when a part is opened again before all stand', async () => {
    const bench = await WatchBench.connected({ partitions: two, nodes: 1 });
    let isLate = true;
    bench.watches.onTell = ({ response }) =>
      response.header?.partitionId === 3 && isLate ? 'drop' : 'send';
    const watch = bench.watch();
    await bench.until('both are asked for', () => bench.watches.open === 2);
    bench.watches.write(['a', 'v'], ['b', 'v']);
    await bench.until('events that wait', () => watch.range.queued > 0);
    bench.watches.endAll(1, new DougError('DRAINING', 'it goes down'));
    await bench.until('asked again', () => bench.watches.open === 2);
    await bench.scheduler.advance(100);
    isLate = false;
    let first: Uint8Array | null = null;
    void watch.range.created.then(() => {
      first = watch.range.token;
    });
    await watch.has(2);
    expect(positions(first ?? new Uint8Array())).toEqual(['[,m) 0', '[m,) 0']);
    const resumed = bench.watch({ token: watch.tokens[0] });
    await resumed.has(1);
    expect(resumed.events).toEqual(['1 b=v']);
  });

  it('goes on behind a token that any of its events carries', async () => {
    const bench = await WatchBench.connected({ partitions: two });
    const watch = await bench.watch().created();
    bench.watches.write(['a', '1'], ['b', '1'], ['c', '1']);
    bench.watches.write(['n', '1'], ['o', '1']);
    bench.watches.write(['a', '2'], ['b', null]);
    await watch.has(7);
    for (const [at, token] of watch.tokens.entries()) {
      const resumed = bench.watch({ token });
      const rest = watch.events.slice(at + 1);
      await resumed.has(rest.length);
      await bench.scheduler.advance(50);
      expect([...resumed.events].sort()).toEqual([...rest].sort());
      resumed.range.close();
    }
  });

  it('goes on in a part of the range of its token', async () => {
    const bench = await WatchBench.connected({ partitions: two });
    const watch = await bench.watch().created();
    const token = watch.range.token ?? undefined;
    for (const key of ['a', 'k', 'n', 'z']) bench.watches.put(key);
    const part = bench.watch({ token, start: 'c', end: 'p' });
    await part.has(2);
    expect([...part.events].sort()).toEqual(['1 n=v', '2 k=v']);
  });

  it('begins at a revision of one partition', async () => {
    const bench = await WatchBench.connected({ partitions: two });
    for (const value of ['1', '2', '3']) bench.watches.put('a', value);
    const watch = bench.watch({ end: 'm', fromRevision: 2 });
    await watch.has(2);
    expect(watch.events).toEqual(['2 a=2', '3 a=3']);
    expect(positions(watch.range.token ?? new Uint8Array())).toEqual(['[,m) 2+a']);
  });

  it('does not begin at a revision of several', async () => {
    const bench = await WatchBench.connected({ partitions: two });
    const watch = bench.watch({ fromRevision: 2 });
    expect(await watch.failed()).toMatchObject({ code: 'DOUG_INVALID_ARGUMENT' });
    await expect(watch.range.created).rejects.toMatchObject({ code: 'DOUG_INVALID_ARGUMENT' });
  });

  it('leaves out what was not asked for', async () => {
    const bench = await WatchBench.connected();
    const puts = await bench.watch({ noDeletes: true }).created();
    const deletes = await bench.watch({ noPuts: true, previous: true }).created();
    bench.watches.put('a');
    bench.watches.delete('a');
    bench.watches.put('b');
    await puts.has(2);
    await deletes.has(1);
    expect([puts.events, deletes.events]).toEqual([['1 a=v', '3 b=v'], ['2 a']]);
    expect(bench.watches.creates.at(-1)?.create).toMatchObject({ previous: true, noPuts: true });
  });

  it('uses one stream for each node, whatever is watched there', async () => {
    const bench = await WatchBench.connected({ nodes: 2 });
    const all = Array.from({ length: 30 }, () => bench.watch());
    for (const watch of all) await watch.created();
    bench.watches.put('a');
    for (const watch of all) await watch.has(1);
    expect(bench.watches.open).toBe(30);
    expect(bench.watches.streams.size).toBeLessThanOrEqual(2);
  });
});

describe('marks', () => {
  it('of all partitions make one of the whole', async () => {
    const bench = await WatchBench.connected({ partitions: two });
    const watch = await bench.watch({ end: 'c' }).created();
    const whole = await bench.watch().created();
    // Not told to the first watch: its token moves on by marks alone.
    for (let i = 0; i < 3; i++) bench.watches.put('d');
    bench.watches.put('z');
    await bench.until('marks', () => watch.marks.length > 1 && whole.marks.length > 1);
    expect(positions(watch.marks.at(-1) as Uint8Array)).toEqual(['[,c) 3']);
    expect(positions(whole.marks.at(-1) as Uint8Array)).toEqual(['[,m) 3', '[m,) 1']);
    await bench.scheduler.advance(60_000);
    expect(watch.marks.length).toBeGreaterThan(10);
    expect(whole.marks.length).toBeLessThan(30);
  });

  it('do not come while one of the partitions is silent', async () => {
    const bench = await WatchBench.connected({ partitions: two, nodes: 1 });
    const watch = await bench.watch().created();
    await bench.until('a mark', () => watch.marks.length > 0);
    bench.watches.onTell = ({ response }) =>
      response.header?.partitionId === 3 ? 'break' : 'send';
    const before = watch.marks.length;
    await bench.scheduler.advance(30_000);
    expect(watch.marks.length - before).toBeLessThanOrEqual(1);
    expect(watch.error).toBeNull();
  });

  it('of a reader who does not read do not pile up', async () => {
    const bench = await WatchBench.connected();
    const watch = await bench.watch().created();
    watch.read(false);
    await bench.scheduler.advance(600_000);
    expect(watch.range.queued).toBeLessThanOrEqual(2);
  });
});

describe('a watch in trouble', () => {
  const codes = [
    'NOT_LEADER',
    'EPOCH_MISMATCH',
    'NO_LEADER',
    'DRAINING',
    'STARTING',
    'BUSY',
    'LAGGING',
    'CORRUPT',
    'IN_DOUBT',
    'DEADLINE',
  ] as const;
  it.each(codes)('goes on after %s', async (code) => {
    const bench = await WatchBench.connected();
    const watch = await bench.watch().created();
    bench.watches.put('a');
    await watch.has(1);
    for (const nodeId of [1, 2, 3]) bench.watches.endAll(nodeId, new DougError(code, 'as told'));
    bench.watches.put('b');
    await watch.has(2);
    expect([watch.events, watch.error]).toEqual([['1 a=v', '2 b=v'], null]);
    await bench.scheduler.advance(20_000);
    expect(bench.watches.open).toBe(1);
  });

  it('goes on elsewhere when its node dies', async () => {
    const bench = await WatchBench.connected();
    const watch = await bench.watch().created();
    const first = asked(bench);
    bench.watches.kill(first);
    bench.watches.put('a');
    const from = bench.scheduler.nowMs;
    await watch.has(1);
    expect(bench.scheduler.nowMs - from).toBeLessThan(100);
    expect(asked(bench)).not.toBe(first);
  });

  it('goes on elsewhere when its node is silent for 10 s', async () => {
    const bench = await WatchBench.connected();
    const watch = await bench.watch().created();
    const first = asked(bench);
    const node = bench.nodes.nodes[first - 1];
    if (node !== undefined) node.isMute = true;
    bench.watches.put('a');
    const from = bench.scheduler.nowMs;
    await watch.has(1);
    expect(bench.scheduler.nowMs - from).toBeGreaterThan(5_000);
    expect(bench.scheduler.nowMs - from).toBeLessThan(11_000);
    expect(asked(bench)).not.toBe(first);
  });

  it('goes on elsewhere when nobody answers at an address', async () => {
    const bench = await WatchBench.connected();
    for (const node of bench.nodes.nodes.slice(0, 2)) node.isMute = true;
    const watch = bench.watch();
    await watch.created();
    expect(bench.scheduler.nowMs).toBeLessThan(25_000);
    expect(asked(bench)).toBe(3);
  });

  it('goes on after garbage', async () => {
    const bench = await WatchBench.connected();
    let isBad = false;
    bench.watches.onTell = () => (isBad ? 'garbage' : 'send');
    const watch = await bench.watch().created();
    isBad = true;
    bench.watches.put('a');
    await bench.scheduler.advance(10);
    isBad = false;
    await watch.has(1);
    expect(watch.events).toEqual(['1 a=v']);
  });

  it('waits where the next replica is behind, and tells nothing twice', async () => {
    const bench = await WatchBench.connected({ nodes: 2 });
    const watch = await bench.watch().created();
    bench.watches.put('a');
    bench.watches.put('b');
    await watch.has(2);
    const first = asked(bench);
    const other = 3 - first;
    bench.watches.hold(other, 2, 1);
    bench.watches.kill(first);
    bench.watches.put('c');
    await bench.scheduler.advance(5_000);
    bench.watches.hold(other, 2, null);
    await watch.has(3);
    expect(watch.events).toEqual(['1 a=v', '2 b=v', '3 c=v']);
  });

  it('ends with COMPACTED, after all that is queued, and its token says where', async () => {
    const bench = await WatchBench.connected();
    const watch = await bench.watch().created();
    bench.watches.put('a');
    await watch.has(1);
    watch.read(false);
    bench.watches.put('b');
    bench.watches.put('c');
    await bench.scheduler.advance(20);
    bench.watches.history(2).floor = 10;
    for (const nodeId of [1, 2, 3]) bench.watches.endAll(nodeId, new DougError('LAGGING', 'slow'));
    await bench.scheduler.advance(5_000);
    expect(watch.error).toBeNull();
    watch.read(true);
    const error = await watch.failed();
    expect([error.code, error.outcome]).toEqual(['DOUG_COMPACTED', 'NOT_APPLIED']);
    expect(watch.events).toEqual(['1 a=v', '2 b=v', '3 c=v']);
    expect(positions(watch.range.token ?? new Uint8Array())).toEqual(['[,) 2+c']);
    await bench.scheduler.advance(10);
    expect(left(bench)).toEqual([0, 0, 0]);
  });

  it.each(['INVALID_ARGUMENT', 'UNIMPLEMENTED', 'PERMISSION_DENIED'] as const)(
    'ends with %s',
    async (code) => {
      const bench = await WatchBench.connected();
      const watch = await bench.watch().created();
      bench.watches.endAll(asked(bench), new DougError(code, 'as told'));
      expect(await watch.failed()).toMatchObject({ code: `DOUG_${code}` });
    },
  );

  it('ends with what every node says again and again, but not with what one says once', async () => {
    const bench = await WatchBench.connected();
    const watch = await bench.watch().created();
    bench.watches.endAll(asked(bench), new DougError('INTERNAL', 'a bug'));
    bench.watches.put('a');
    await watch.has(1);
    bench.watches.onTell = () => 'garbage';
    bench.watches.put('b');
    expect(await watch.failed()).toMatchObject({ code: 'DOUG_INTERNAL' });
  });

  it('INVARIANT(watch-forward): that tells an event twice, or in disorder, is opened again', async () => {
    const bench = await WatchBench.connected();
    let spoil: ((events: unknown[]) => void) | null = null;
    bench.watches.onTell = ({ response }) => {
      if (response.events.length > 0) spoil?.(response.events);
      return 'send';
    };
    const watch = await bench.watch().created();
    for (const spoiling of [
      (events: unknown[]) => events.push(events[0]),
      (events: unknown[]) => events.reverse(),
    ]) {
      spoil = (events) => {
        spoiling(events);
        spoil = null;
      };
      bench.watches.write(['a', '1'], ['b', '2']);
      await bench.scheduler.advance(100);
    }
    await watch.has(4);
    expect(watch.events).toEqual(['1 a=1', '1 b=2', '2 a=1', '2 b=2']);
    expect(bench.watches.creates.length).toBeGreaterThan(2);
  });
});

describe('a stream of watches that breaks at every message', () => {
  it('loses nothing and repeats nothing', async () => {
    // As many messages as the run without a break has.
    for (let at = 1; ; at++) {
      const bench = await WatchBench.connected({ partitions: two, seed: at });
      let isBroken = false;
      bench.watches.onTell = ({ ordinal }) => {
        if (ordinal !== at) return 'send';
        isBroken = true;
        return 'break';
      };
      const watch = await bench.watch().created();
      for (let i = 0; i < 6; i++) {
        bench.watches.write([`a${i}`, `${i}`], ['b', `${i}`], ['c', null]);
        bench.watches.write(['x', `${i}`]);
        await bench.scheduler.advance(3);
      }
      await watch.has(24);
      await bench.scheduler.advance(10_000);
      expectWhole(bench, watch);
      if (!isBroken) {
        expect(at).toBeGreaterThan(15);
        break;
      }
    }
  });
});

/** Every change was told once, and in the order of its partition. */
function expectWhole(bench: WatchBench, watch: BenchWatch): void {
  const all: string[] = [];
  for (const { id } of bench.nodes.partitions) {
    for (const { revision, key, value } of bench.watches.history(id).changes) {
      all.push(value === null ? `${revision} ${key}` : `${revision} ${key}=${value}`);
    }
  }
  expect([...watch.events].sort()).toEqual(all.sort());
  const last = new Map<string, number>();
  for (const event of watch.events) {
    const [revision, name = ''] = event.split(' ');
    const key = name.split('=')[0] ?? '';
    expect(Number(revision)).toBeGreaterThan(last.get(key) ?? 0);
    last.set(key, Number(revision));
  }
}

describe('partitions that split', () => {
  it('are watched on both sides, with nothing lost or told twice', async () => {
    const bench = await WatchBench.connected();
    const watch = await bench.watch().created();
    for (let i = 0; i < 30; i++) {
      bench.watches.put(String.fromCharCode(97 + ((i * 7) % 26)), `${i}`);
      if (i % 6 === 3) bench.watches.split(String.fromCharCode(97 + ((i * 11) % 26)));
      await bench.scheduler.advance(i % 3);
    }
    await watch.has(30);
    await bench.scheduler.advance(10_000);
    expectWhole(bench, watch);
    expect(bench.nodes.partitions.length).toBeGreaterThan(4);
    expect(positions(watch.range.token ?? new Uint8Array()).length).toBe(
      bench.nodes.partitions.length,
    );
  });

  it('are resumed by a token from before, at a client that knows the new map', async () => {
    const bench = await WatchBench.connected();
    const watch = await bench.watch().created();
    bench.watches.write(['a', '1'], ['n', '1'], ['z', '1']);
    bench.watches.write(['b', '2'], ['x', '2']);
    await watch.has(5);
    bench.watches.split('m');
    bench.watches.put('c', '3');
    bench.watches.put('y', '3');
    const token = watch.tokens[0];
    await bench.until('the map', () => bench.router.map.routes.length > 1);
    const resumed = bench.watch({ token });
    await resumed.has(6);
    await bench.scheduler.advance(50);
    expect([...resumed.events].sort()).toEqual([
      '1 n=1',
      '1 z=1',
      '2 b=2',
      '2 x=2',
      '3 c=3',
      '3 y=3',
    ]);
  });
});

describe('a reader who does not read', () => {
  it('holds as much as the credit of each partition, and the others do not notice', async () => {
    const bench = await WatchBench.connected({ partitions: two });
    bench.watches.batchEvents = 1;
    const slow = await bench.watch({ creditBytes: 1_000 }).created();
    const fast = await bench.watch().created();
    slow.read(false);
    for (let i = 0; i < 200; i++) {
      bench.watches.put('a', 'x'.repeat(60));
      bench.watches.put('z', 'x'.repeat(60));
    }
    await fast.has(400);
    await bench.scheduler.advance(60_000);
    // 32 bytes, the key and the value, each; and the one batch that the reader had asked for.
    expect(slow.range.queued).toBeLessThan(2 * 12 + 3);
    expect(slow.range.queued).toBeGreaterThan(15);
    slow.read(true);
    await slow.has(400);
    expectWhole(bench, slow);
  });

  it('holds no more when nodes end its watch again and again', async () => {
    const bench = await WatchBench.connected();
    bench.watches.batchEvents = 1;
    bench.watches.lagMs = 1_000;
    const slow = await bench.watch({ creditBytes: 1_000 }).created();
    slow.read(false);
    for (let i = 0; i < 200; i++) bench.watches.put('a', 'x'.repeat(60));
    await bench.scheduler.advance(120_000);
    expect(slow.range.queued).toBeLessThan(15);
    expect([bench.watches.open, slow.error]).toEqual([0, null]);
    slow.read(true);
    await slow.has(200);
    expectWhole(bench, slow);
  });

  it('takes events that are larger than its credit one by one', async () => {
    const bench = await WatchBench.connected();
    bench.watches.batchEvents = 1;
    const watch = await bench.watch({ creditBytes: 10 }).created();
    for (let i = 0; i < 20; i++) bench.watches.put('a', 'x'.repeat(100));
    await watch.has(20);
    expectWhole(bench, watch);
  });
});

describe('the end of a watch', () => {
  it.each([
    ['before its stream is open', 0],
    ['before it stands', 2],
    ['when it stands', 5],
    ['in the middle of events', 12],
  ])('by the signal %s leaves nothing open', async (_what, afterMs) => {
    const bench = await WatchBench.connected({ partitions: two });
    const watch = bench.watch();
    for (let i = 0; i < afterMs; i++) {
      bench.watches.put('a');
      await bench.scheduler.advance(1);
    }
    watch.stop.abort(new Error('enough'));
    const error = await watch.failed();
    expect([error.code, error.cause]).toEqual(['DOUG_ABORTED', new Error('enough')]);
    await bench.scheduler.advance(10);
    expect(left(bench)).toEqual([0, 0, 0]);
    expect(bench.clock.pendingCount).toBe(0);
  });

  it('while it waits before the next attempt leaves nothing open', async () => {
    const bench = await WatchBench.connected({ nodes: 1 });
    const watch = await bench.watch().created();
    bench.watches.kill(1);
    await bench.scheduler.advance(3);
    watch.range.close();
    expect(await watch.failed()).toMatchObject({ code: 'DOUG_CLOSED' });
    await bench.scheduler.advance(3_000);
    expect(left(bench)).toEqual([0, 0, 0]);
  });

  it('is not begun when the signal has fired already', async () => {
    const bench = await WatchBench.connected();
    const watch = bench.watch();
    watch.range.close();
    watch.range.close();
    expect(await watch.failed()).toMatchObject({ code: 'DOUG_CLOSED' });
    await expect(watch.range.created).rejects.toMatchObject({ code: 'DOUG_CLOSED' });
  });
});
