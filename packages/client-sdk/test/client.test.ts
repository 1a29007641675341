import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { DougError } from '@dougdb/rpc-proto';
import { type ConnectOptions, createClient, type DougClient } from '../src/core.js';
import { FakeCluster } from '../src/testing/index.js';
import { simClient } from './sim-client.js';

describe('DougClient', () => {
  it('puts, gets and deletes', async () => {
    const { db, run } = await simClient({ splitAt: ['m'] });
    expect(await run(db.put('user/1', 'Ada'))).toEqual({ revision: 1 });
    expect(await run(db.put('a', 'x'))).toEqual({ revision: 1 });
    expect(await run(db.put('user/1', 'Eve'))).toEqual({ revision: 2 });
    expect(await run(db.get('user/1'))).toEqual({ key: 'user/1', value: 'Eve', revision: 2 });
    expect(await run(db.get('nobody'))).toBeNull();
    expect(await run(db.delete('user/1'))).toEqual({ revision: 3 });
    expect(await run(db.get('user/1'))).toBeNull();
  });

  it('says how old an eventual read may be, and lets any node serve it', async () => {
    const { cluster, db, run } = await simClient();
    await run(db.put('k', 'v'));
    const nodes = new Set<number>();
    cluster.judge = ({ node }) => {
      nodes.add(node);
      return 'serve';
    };
    for (let i = 0; i < 30; i++) {
      const hit = await run(db.get('k', { consistency: 'eventual' }));
      expect(hit).toEqual({ key: 'k', value: 'v', revision: 1, ageMs: 12 });
    }
    expect(nodes).toEqual(new Set([1, 2, 3]));
  });

  it('sends the calls of one turn in one message', async () => {
    const { cluster, db, run } = await simClient();
    const opened = jest.spyOn(cluster, 'openPipe');
    await run(Promise.all(Array.from({ length: 100 }, (_, i) => db.put(`k${i}`, 'v'))));
    const sends = jest.spyOn(opened.mock.results[0]!.value, 'send');
    await run(Promise.all(Array.from({ length: 100 }, (_, i) => db.put(`k${i}`, 'w'))));
    expect(opened).toHaveBeenCalledTimes(1);
    expect(sends).toHaveBeenCalledTimes(1);
  });

  it('closes a message at 256 operations or 256 KiB', async () => {
    const { cluster, db, run } = await simClient();
    const opened = jest.spyOn(cluster, 'openPipe');
    await run(db.put('warm', 'up'));
    const sends = jest.spyOn(opened.mock.results[0]!.value, 'send');
    await run(Promise.all(Array.from({ length: 600 }, (_, i) => db.put(`k${i}`, 'v'))));
    expect(sends).toHaveBeenCalledTimes(3);
    sends.mockClear();
    const large = 'x'.repeat(100_000);
    await run(Promise.all(Array.from({ length: 7 }, (_, i) => db.put(`k${i}`, large))));
    expect(
      sends.mock.calls.map(([bytes]) => Math.floor((bytes as Uint8Array).length / 1e5)),
    ).toEqual([3, 3, 1]);
  });

  it('keeps at most 4,096 gets and 1,024 writes of a session unanswered', async () => {
    const { cluster, db, run, scheduler } = await simClient();
    cluster.judge = () => 'swallow';
    const stop = new AbortController();
    const { signal } = stop;
    const gets = Array.from({ length: 5000 }, (_, i) => db.get(`g${i}`, { signal }));
    for (const get of gets) get.catch(() => undefined);
    await scheduler.advance(100);
    expect(cluster.arrived).toBe(4096);
    stop.abort();
    await run(Promise.allSettled(gets));
    await scheduler.advance(100);
    cluster.arrived = 0;
    const puts = Array.from({ length: 3000 }, (_, i) => db.put(`p${i}`, 'v'));
    await scheduler.advance(100);
    expect(cluster.arrived).toBe(1024);
    cluster.judge = () => 'serve';
    cluster.breakPipes();
    await run(Promise.all(puts));
    expect(cluster.applied).toHaveLength(3000);
  });

  it('keeps few megabytes unanswered', async () => {
    const { cluster, db, scheduler, run } = await simClient();
    cluster.judge = () => 'swallow';
    const value = 'x'.repeat(1024 * 1024);
    const puts = Promise.allSettled(Array.from({ length: 20 }, (_, i) => db.put(`k${i}`, value)));
    await scheduler.advance(100);
    expect(cluster.arrived).toBe(4);
    cluster.judge = () => 'serve';
    cluster.breakPipes();
    await run(puts);
    expect(cluster.applied).toHaveLength(20);
  });

  it('takes thousands of calls on few keys at once, more than a session has room for', async () => {
    const { cluster, db, run } = await simClient({ splitAt: ['k3'] });
    const calls = Array.from({ length: 6000 }, (_, i) =>
      i % 10 === 9 ? db.get(`k${i % 7}`) : db.put(`k${i % 7}`, `${i}`),
    );
    await run(Promise.all(calls));
    for (let key = 0; key < 7; key++) {
      const order = cluster.applied
        .filter((applied) => new TextDecoder().decode(applied.key) === `k${key}`)
        .map(({ value }) => Number(new TextDecoder().decode(value)));
      expect(order).toEqual([...order].sort((a, b) => a - b));
    }
    expect(cluster.applied).toHaveLength(5400);
  });

  it('forgets calls that give up while they wait for room', async () => {
    const { cluster, db, run, scheduler } = await simClient();
    cluster.judge = () => 'swallow';
    const first = Array.from({ length: 1024 }, (_, i) => db.put(`a${i}`, 'v', { timeoutMs: 900 }));
    const second = Array.from({ length: 3000 }, (_, i) => db.put(`b${i}`, 'v', { timeoutMs: 800 }));
    const settled = Promise.allSettled([...first, ...second]);
    const third = Array.from({ length: 3000 }, (_, i) => db.put(`c${i}`, 'v'));
    scheduler.schedule(850, () => {
      cluster.judge = () => 'serve';
    });
    await run(settled);
    await run(Promise.all(third));
    expect(cluster.applied).toHaveLength(3000);
  });

  it('takes a burst of large values on one key', async () => {
    const { cluster, db, run } = await simClient();
    const large = 'x'.repeat(100_000);
    await run(Promise.all(Array.from({ length: 50 }, (_, i) => db.put('k', `${i} ${large}`))));
    expect((await run(db.get('k')))?.value).toMatch(/^49 /);
    expect(cluster.applied).toHaveLength(50);
  });

  it('goes on when a full session has an op that must be sent again', async () => {
    const { cluster, db, run } = await simClient();
    // Of the first thousand one in ten is refused, and each key is called again and again.
    cluster.judge = ({ message }) => (message % 10 === 0 ? { refuse: 'STARTING' } : 'serve');
    const calls = Array.from({ length: 4000 }, (_, i) => db.put(`k${i % 900}`, `${i}`));
    await run(Promise.all(calls));
    expect(cluster.applied).toHaveLength(4000);
  });

  it('goes on when one answer of a full session is missing for long', async () => {
    const { cluster, db, run } = await simClient({}, { timeoutMs: 2000 });
    cluster.judge = ({ key }) => (key === 'stuck' ? 'swallow' : 'serve');
    const stuck = db.put('stuck', 'v');
    stuck.catch(() => undefined);
    for (let i = 0; i < 1023; i++) await run(db.put('k', 'v'));
    // The session has no room before the first op of it is over.
    const next = db.put('k', 'last', { timeoutMs: 10_000 });
    expect(await run(next)).toEqual({ revision: 1024 });
    await expect(stuck).rejects.toMatchObject({ code: 'DOUG_IN_DOUBT' });
  });

  it('refuses what no server would take, and sends nothing', async () => {
    const { cluster, db, fails } = await simClient();
    const oddly = (options: unknown): object => options as object;
    const refused = [
      () => db.put('', 'v'),
      () => db.put('k'.repeat(8193), 'v'),
      () => db.put('k', 'v'.repeat(1024 * 1024 + 1)),
      () => db.put('\ud800', 'v'),
      () => db.put('k', '\udc00 lone'),
      () => db.put(7 as unknown as string, 'v'),
      () => db.put('k', 7 as unknown as string),
      () => db.get('k', { timeoutMs: 0 }),
      () => db.get('k', { timeoutMs: Number.NaN }),
      () => db.get('k', { timeoutMs: 2 ** 31 }),
      () => db.get('k', { consistency: 'strong' as 'eventual' }),
      () => db.get('k', oddly('eventual')),
      () => db.put('k', 'v', oddly(null)),
      () => db.delete('k', oddly({ signal: 'stop' })),
      () => db.getMany(['k'], oddly(null)),
      () => db.ready(oddly({ signal: null })),
      () => db.scan(oddly({ signal: {} })).next(),
      () => db.admin.members(oddly(7)),
    ];
    for (const call of refused) {
      expect(await fails(call())).toMatchObject({
        code: 'DOUG_INVALID_ARGUMENT',
        outcome: 'NOT_APPLIED',
      });
    }
    expect(cluster.arrived).toBe(0);
    expect(db.pending.operations).toBe(0);
  });

  it('takes keys of any bytes and values of any size up to the limit', async () => {
    const { db, run } = await simClient<Uint8Array, Uint8Array>({}, { codec: 'bytes' });
    const key = Uint8Array.of(0, 255, 0);
    const value = new Uint8Array(1024 * 1024).fill(9);
    await run(db.put(key, value));
    const hit = await run(db.get(key));
    expect(hit?.key).toEqual(key);
    expect(Buffer.compare(hit!.value, value)).toBe(0);
  });

  it('does not keep bytes that the caller may change', async () => {
    const { db, run } = await simClient<Uint8Array, Uint8Array>({}, { codec: 'bytes' });
    const key = Uint8Array.of(1);
    const value = Uint8Array.of(1);
    const put = db.put(key, value);
    key[0] = 2;
    value[0] = 2;
    await run(put);
    expect((await run(db.get(Uint8Array.of(1))))?.value).toEqual(Uint8Array.of(1));
  });

  it('fails with DECODE what is no UTF-8, and reads it as bytes', async () => {
    const { db, run, fails, collect } = await simClient();
    const raw = db.withCodec('bytes');
    const broken = Uint8Array.of(0xff, 0xfe);
    await run(raw.put('k', broken));
    expect(await fails(db.get('k'))).toMatchObject({ code: 'DOUG_DECODE', outcome: 'NOT_APPLIED' });
    expect((await run(raw.get('k')))?.value).toEqual(broken);
    await run(raw.put(broken, Uint8Array.of(1)));
    await expect(collect(db.scan({ start: broken }))).rejects.toMatchObject({
      code: 'DOUG_DECODE',
    });
  });

  it('keeps a byte order mark', async () => {
    const { db, run } = await simClient();
    await run(db.put('k', '\ufeffx'));
    expect((await run(db.get('k')))?.value).toBe('\ufeffx');
  });

  it('speaks JSON and codecs of the caller', async () => {
    const { db, run, fails } = await simClient();
    const json = db.withCodec('json');
    await run(json.put('k', { a: [1, null, 'x'] }));
    expect((await run(json.get('k')))?.value).toEqual({ a: [1, null, 'x'] });
    expect(await fails(json.put('k', undefined as unknown as null))).toMatchObject({
      code: 'DOUG_INVALID_ARGUMENT',
    });
    const dates = db.withCodec<number>({
      encode: (ms) => new TextEncoder().encode(new Date(ms).toISOString()),
      decode: (bytes) => Date.parse(new TextDecoder().decode(bytes)),
    });
    await run(dates.put('t', 0));
    expect((await run(dates.get('t')))?.value).toBe(0);
    expect((await run(db.get('t')))?.value).toBe('1970-01-01T00:00:00.000Z');
    expect(() => db.withCodec('xml' as 'json')).toThrow("unknown codec 'xml'");
  });

  it('leaves nothing behind after close', async () => {
    const { db, clock, cluster, run, scheduler } = await simClient();
    await run(db.put('k', 'v'));
    cluster.judge = () => 'swallow';
    const sent = [db.put('a', 'v'), db.get('a'), db.put('b', 'v')];
    await scheduler.advance(50);
    const unsent = [db.put('b', 'w'), db.put('c', 'v')];
    const outcomes = Promise.allSettled([...sent, ...unsent]);
    await db.close();
    expect((await outcomes).map((one) => (one as PromiseRejectedResult).reason)).toMatchObject([
      { code: 'DOUG_CLOSED', outcome: 'UNKNOWN' },
      { code: 'DOUG_CLOSED', outcome: 'NOT_APPLIED' },
      { code: 'DOUG_CLOSED', outcome: 'UNKNOWN' },
      { code: 'DOUG_CLOSED', outcome: 'NOT_APPLIED' },
      { code: 'DOUG_CLOSED', outcome: 'NOT_APPLIED' },
    ]);
    await scheduler.advance(0);
    expect(clock.pendingCount).toBe(0);
    expect(cluster.openPipes).toBe(0);
    expect(cluster.isClosed).toBe(true);
    await db.close();
    await expect(db.put('k', 'v')).rejects.toMatchObject({
      code: 'DOUG_CLOSED',
      outcome: 'NOT_APPLIED',
    });
    await expect(db.admin.members()).rejects.toMatchObject({ code: 'DOUG_CLOSED' });
  });

  it('is disposed of by await using', async () => {
    const { db, cluster } = await simClient();
    await db[Symbol.asyncDispose]();
    expect(cluster.isClosed).toBe(true);
  });

  it('asks nodes for their state and the list of members', async () => {
    const { db, run, cluster, fails } = await simClient();
    cluster.lead(2);
    const status = await run(db.admin.status('n2:4400'));
    expect(status).toMatchObject({
      clusterId: '07'.repeat(16),
      node: { nodeId: 2, address: 'n2:4400', uuid: '02'.repeat(16) },
      replicas: [{ partitionId: 2, role: 'leader', leaderNodeId: 2 }],
      limits: { key: 8192 },
    });
    expect((await run(db.admin.status('n1:4400'))).replicas[0]?.role).toBe('follower');
    cluster.kill(1);
    expect((await run(db.admin.members())).map(({ address }) => address)).toEqual(
      cluster.endpoints,
    );
    expect((await run(db.admin.status())).node.nodeId).toBe(2);
    expect(await fails(db.admin.status('n1:4400'))).toMatchObject({ code: 'DOUG_NO_LEADER' });
  });
});

describe('createClient', () => {
  function open(
    endpoints: string | readonly string[],
    timeoutMs = 5000,
    prepare: (cluster: FakeCluster) => void = () => {},
    signal?: AbortSignal,
  ): { result: Promise<DougClient>; cluster: FakeCluster; scheduler: SimScheduler } {
    const scheduler = new SimScheduler();
    const clock = scheduler.clock();
    const cluster = new FakeCluster({ clock: scheduler.clock() });
    prepare(cluster);
    const connected = createClient(
      { transport: cluster, clock, random: new SimRandom(1) },
      { endpoints, timeoutMs, signal },
    );
    const result = scheduler.runWhilePending(connected).finally(() => {
      if (cluster.isClosed) expect(clock.pendingCount).toBe(0);
    });
    return { result, cluster, scheduler };
  }

  it('needs one endpoint that answers', async () => {
    const { result, cluster } = open('n9:1,n8:1,n7:1,n3:4400');
    await result;
    expect(cluster.isClosed).toBe(false);
  });

  it('finds the nodes that it was not told of', async () => {
    const { result, cluster, scheduler } = open('n3:4400');
    const db = await result;
    cluster.kill(3);
    await scheduler.runWhilePending(db.put('k', 'v'));
    expect(cluster.applied).toHaveLength(1);
  });

  it('fails when nobody answers in time, and leaves nothing behind', async () => {
    const { result, cluster, scheduler } = open('n9:1,n8:1', 700);
    await expect(result).rejects.toMatchObject({ code: 'DOUG_DEADLINE', outcome: 'NOT_APPLIED' });
    await expect(result).rejects.toThrow(/n9:1,n8:1 within 700 ms.*DOUG_NO_LEADER/);
    expect(scheduler.nowMs).toBeLessThan(701);
    expect(cluster.isClosed).toBe(true);
  });

  it('passes over a node that stands still', async () => {
    const { result } = open('n1:4400,n2:4400', 5000, (cluster) => cluster.freeze(1));
    await result;
  });

  it('waits for a cluster that is starting', async () => {
    const { result, scheduler } = open('n1:4400', 5000, (cluster) => {
      cluster.kill(1);
      setTimeoutOn(cluster, 1500);
    });
    await result;
    expect(scheduler.nowMs).toBeGreaterThan(1400);
  });

  it('can be given up', async () => {
    const stop = new AbortController();
    const { result, cluster } = open(
      'n1:4400',
      5000,
      (cluster) => {
        cluster.freeze(1);
        cluster.late(() => stop.abort());
      },
      stop.signal,
    );
    await expect(result).rejects.toMatchObject({ code: 'DOUG_ABORTED', outcome: 'NOT_APPLIED' });
    expect(cluster.isClosed).toBe(true);
  });

  it.each([
    [''],
    [' , '],
    ['localhost'],
    ['host:0'],
    ['host:70000'],
    ['http://host:4400'],
    ['a b:1'],
  ])('refuses the endpoints %j', async (endpoints) => {
    const { result } = open(endpoints);
    await expect(result).rejects.toMatchObject({ code: 'DOUG_INVALID_ARGUMENT' });
  });

  it.each([
    ['no endpoints', {}],
    ['endpoints that are none', { endpoints: 7 }],
    ['no options', null],
    ['a codec that is none', { endpoints: 'n1:4400', codec: {} }],
    ['a codec that nobody knows', { endpoints: 'n1:4400', codec: 'xml' }],
    ['a pause that is none', { endpoints: 'n1:4400', retry: { baseMs: 0 } }],
    ['pauses that shrink', { endpoints: 'n1:4400', retry: { baseMs: 9, maxMs: 8 } }],
    ['a default that is none', { endpoints: 'n1:4400', consistency: 'strong' }],
    ['no time', { endpoints: 'n1:4400', timeoutMs: 0 }],
    ['direct by a word', { endpoints: 'n1:4400', direct: 'yes' }],
    ['a signal that is none', { endpoints: 'n1:4400', signal: {} }],
  ])('refuses %s', async (_, options) => {
    const scheduler = new SimScheduler();
    const cluster = new FakeCluster({ clock: scheduler.clock() });
    const ports = { transport: cluster, clock: scheduler.clock(), random: new SimRandom(1) };
    const connecting = createClient(ports, options as unknown as ConnectOptions);
    await expect(connecting).rejects.toMatchObject({ code: 'DOUG_INVALID_ARGUMENT' });
    expect(cluster.unaryCalls).toBe(0);
  });

  it('takes names, IPv4 and IPv6', async () => {
    await open('[::1]:4400,10.0.0.1:4400,n1:4400').result;
    await open(['n1:4400', 'my-host.example:1']).result;
  });

  function setTimeoutOn(cluster: FakeCluster, delayMs: number): void {
    let left = delayMs;
    const step = (): void => {
      left -= 400;
      if (left <= 0) cluster.restart(1);
      else cluster.late(step);
    };
    cluster.late(step);
  }
});

it('DougError of rpc-proto is what calls reject with', async () => {
  const { db, fails } = await simClient();
  expect(DougError.is(await fails(db.put('', 'v')))).toBe(true);
});
