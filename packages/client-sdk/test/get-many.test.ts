import { simClient } from './sim-client.js';

const splitAt = ['d', 'm', 't'];

describe('getMany', () => {
  it('answers in the order of the keys over all partitions, null where there is none', async () => {
    const { cluster, db, run } = await simClient({ splitAt });
    for (const [n, key] of ['a', 'e', 'n', 'z'].entries()) {
      cluster.lead((n % 3) + 1, key);
      await run(db.put(key, `value of ${key}`));
    }
    expect(await run(db.getMany(['z', 'nobody', 'a', 'n', 'a', 'e']))).toEqual([
      { key: 'z', value: 'value of z', revision: 1 },
      null,
      { key: 'a', value: 'value of a', revision: 1 },
      { key: 'n', value: 'value of n', revision: 1 },
      { key: 'a', value: 'value of a', revision: 1 },
      { key: 'e', value: 'value of e', revision: 1 },
    ]);
    expect(await run(db.getMany([]))).toEqual([]);
    expect(await run(db.getMany(new Set(['a'])))).toMatchObject([{ key: 'a' }]);
  });

  it('costs one message for each node', async () => {
    const { cluster, db, run } = await simClient({ splitAt });
    cluster.lead(2, 'a');
    await run(db.put('a', 'v'));
    cluster.messages = 0;
    cluster.arrived = 0;
    const keys = Array.from({ length: 200 }, (_, i) => `${'aenz'[i % 4]}${i}`);
    await run(db.getMany(keys));
    expect(cluster.messages).toBe(2);
    expect(cluster.arrived).toBe(200);
  });

  it('sees what was written before it by calls that were not awaited (call-order)', async () => {
    const { db, run } = await simClient({ splitAt });
    const puts = [db.put('a', '1'), db.put('z', '1'), db.put('a', '2')];
    const many = db.getMany(['a', 'z']);
    puts.push(db.put('a', '3'));
    expect((await run(many)).map((hit) => hit?.value)).toEqual(['2', '1']);
    await run(Promise.all(puts));
  });

  it('whose time is up before all of it is sent leaves its keys as they were', async () => {
    const { db, run } = await simClient();
    await run(db.put('a', 'v'));
    // A full batch leaves while the rest is being taken, and finds that the time is up.
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
    const timeoutMs = Number.MIN_VALUE;
    await expect(run(db.getMany(keys, { timeoutMs }))).rejects.toMatchObject({
      code: 'DOUG_DEADLINE',
    });
    expect(db.pending).toEqual({ operations: 0, bytes: 0 });
    const puts = await run(Promise.all(keys.map((key) => db.put(key, 'v'))));
    expect(puts).toHaveLength(keys.length);
    expect(db.pending).toEqual({ operations: 0, bytes: 0 });
  });

  it('reads from any replica if that is enough', async () => {
    const { cluster, db, run } = await simClient({ splitAt });
    await run(db.put('a', 'v'));
    cluster.lead(0);
    const hits = await run(db.getMany(['a', 'b'], { consistency: 'eventual' }));
    expect(hits).toEqual([{ key: 'a', value: 'v', revision: 1, ageMs: 12 }, null]);
  });

  it('is retried key by key', async () => {
    const { cluster, db, run } = await simClient({ splitAt });
    const keys = Array.from({ length: 300 }, (_, i) => `${'aenz'[i % 4]}${i}`);
    await run(Promise.all(keys.map((key) => db.put(key, key))));
    cluster.judge = ({ message, ordinal }) => {
      if (message % 3 === 0) return 'break';
      return ordinal % 7 === 0 ? { refuse: 'NO_LEADER' } : 'serve';
    };
    const hits = await run(db.getMany(keys));
    expect(hits.map((hit) => hit?.value)).toEqual(keys);
    expect(db.counters.retries).toBeGreaterThan(20);
  });

  it('fails whole with the first error, and asks for nothing more', async () => {
    const { cluster, db, fails, scheduler } = await simClient({ splitAt });
    cluster.judge = ({ key }) => (key === 'e' ? { refuse: 'PERMISSION_DENIED' } : 'swallow');
    const error = await fails(db.getMany(['a', 'e', 'z']));
    expect(error).toMatchObject({ code: 'DOUG_PERMISSION_DENIED', outcome: 'NOT_APPLIED' });
    expect(db.pending).toEqual({ operations: 0, bytes: 0 });
    await scheduler.advance(10);
    expect(cluster.cancelled).toBe(2);
  });

  it('fails with DECODE if the codec refuses one value', async () => {
    const { db, run, fails } = await simClient();
    await run(db.withCodec('bytes').put('bad', Uint8Array.of(0xff)));
    await run(db.put('good', 'v'));
    expect(await fails(db.getMany(['good', 'bad', 'good']))).toMatchObject({ code: 'DOUG_DECODE' });
  });

  it('is refused before anything is sent', async () => {
    const { cluster, db, fails } = await simClient();
    const { signal } = new AbortController();
    const refused = [
      () => db.getMany(['a', '']),
      () => db.getMany(['a', 7 as unknown as string]),
      () => db.getMany(7 as unknown as string[]),
      () => db.getMany('abc'),
      () => db.getMany(['a'], { timeoutMs: -1 }),
      () => db.getMany(['a'], { consistency: 'strong' as 'eventual', signal }),
    ];
    for (const call of refused) {
      expect(await fails(call())).toMatchObject({ code: 'DOUG_INVALID_ARGUMENT' });
    }
    const stop = AbortSignal.abort('no');
    expect(await fails(db.getMany(['a'], { signal: stop }))).toMatchObject({
      code: 'DOUG_ABORTED',
    });
    expect(cluster.arrived).toBe(0);
    expect(db.pending.operations).toBe(0);
  });

  it('ends with its signal and with the client', async () => {
    const { clock, cluster, db, fails, scheduler } = await simClient({ splitAt });
    cluster.judge = () => 'swallow';
    const stop = new AbortController();
    scheduler.schedule(50, () => stop.abort());
    expect(await fails(db.getMany(['a', 'z'], { signal: stop.signal }))).toMatchObject({
      code: 'DOUG_ABORTED',
      outcome: 'NOT_APPLIED',
    });
    scheduler.schedule(50, () => void db.close());
    expect(await fails(db.getMany(['a', 'z']))).toMatchObject({ code: 'DOUG_CLOSED' });
    expect(await fails(db.getMany([]))).toMatchObject({ code: 'DOUG_CLOSED' });
    await scheduler.advance(0);
    expect(clock.pendingCount).toBe(0);
  });
});
