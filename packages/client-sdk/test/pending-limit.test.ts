import type { DougError } from '@dougdb/rpc-proto';
import { simClient } from './sim-client.js';

const bytesOf = (key: string, value = ''): number => 64 + key.length + value.length;

describe('a client that is called faster than the cluster answers', () => {
  it('holds no more than its limit, and refuses what goes beyond it before it is sent', async () => {
    const pendingLimit = { operations: 1000, bytes: 1 << 24 };
    const { cluster, db, run } = await simClient({}, { pendingLimit });
    const calls = Array.from({ length: 5000 }, (_, i) => db.put(`k${i}`, `${i}`));
    expect(db.pending.operations).toBe(1000);
    const settled = await run(Promise.allSettled(calls));
    const refused = settled.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(4000);
    for (const one of refused as PromiseRejectedResult[]) {
      expect(one.reason).toMatchObject({
        code: 'DOUG_BUSY',
        outcome: 'NOT_APPLIED',
        retryable: true,
      });
    }
    expect(cluster.applied).toHaveLength(1000);
    expect(db.pending).toEqual({ operations: 0, bytes: 0 });
    await run(db.put('again', 'v'));
  });

  it('counts bytes too', async () => {
    const pendingLimit = { operations: 1000, bytes: 2500 };
    const { db, run } = await simClient({}, { pendingLimit });
    const value = 'x'.repeat(900);
    const calls = [db.put('a', value), db.put('b', value), db.put('c', value), db.get('d')];
    expect(db.pending).toEqual({ operations: 3, bytes: 2 * bytesOf('a', value) + bytesOf('d') });
    const settled = await run(Promise.allSettled(calls));
    expect(settled.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
    ]);
  });

  it('takes what is larger than the whole limit when nothing else is there', async () => {
    const { db, run, fails } = await simClient({}, { pendingLimit: { operations: 2, bytes: 100 } });
    await run(db.put('large', 'x'.repeat(5000)));
    expect(await run(db.getMany(['large', 'b', 'c']))).toMatchObject([{}, null, null]);
    const first = db.put('a', 'v');
    expect(await fails(db.put('large', 'x'.repeat(5000)))).toMatchObject({ code: 'DOUG_BUSY' });
    await run(first);
  });

  it('counts over all views, and frees what settles in whatever way', async () => {
    const { cluster, db, run } = await simClient({}, { pendingLimit: { operations: 4 } });
    const raw = db.withCodec('bytes');
    await run(db.put('k', 'v'));
    cluster.judge = ({ key }) => (key === 'k' || key === 'bad' ? 'serve' : 'swallow');
    await run(raw.put('bad', Uint8Array.of(0xff)));
    const stop = new AbortController();
    const calls = [
      db.put('k', 'w', { ifAbsent: true }),
      raw.get('aborted', { signal: stop.signal }),
      db.get('late', { timeoutMs: 100 }),
      db.get('bad'),
    ];
    expect(raw.pending.operations).toBe(4);
    await expect(raw.get('k')).rejects.toMatchObject({ code: 'DOUG_BUSY' });
    const settled = Promise.allSettled(calls);
    stop.abort();
    const errors = ((await run(settled)) as PromiseRejectedResult[]).map(
      ({ reason }) => (reason as DougError).code,
    );
    expect(errors).toEqual([
      ...['DOUG_COMPARE_FAILED', 'DOUG_ABORTED', 'DOUG_DEADLINE', 'DOUG_DECODE'],
    ]);
    expect(db.pending).toEqual({ operations: 0, bytes: 0 });
  });
});

describe('ready', () => {
  it('slows a loop down to what the cluster takes: none of its calls is refused', async () => {
    const pendingLimit = { operations: 300, bytes: 1 << 22 };
    const { cluster, db, run } = await simClient({}, { pendingLimit });
    let most = 0;
    const all = async (): Promise<void> => {
      const calls: Promise<unknown>[] = [];
      for (let i = 0; i < 5000; i++) {
        await db.ready();
        // Every hundredth value is as large as a value can be.
        calls.push(db.put(`k${i}`, i % 100 === 0 ? 'x'.repeat(1 << 20) : `${i}`));
        most = Math.max(most, db.pending.operations);
        expect(db.pending.bytes).toBeLessThanOrEqual(pendingLimit.bytes);
      }
      await Promise.all(calls);
    };
    await run(all());
    expect(cluster.applied).toHaveLength(5000);
    expect(most).toBeGreaterThan(100);
    expect(most).toBeLessThanOrEqual(300);
  });

  it('waits until half of the room is free', async () => {
    const { cluster, db, run } = await simClient({}, { pendingLimit: { operations: 10 } });
    cluster.judge = ({ ordinal }) => (ordinal < 4 ? 'serve' : 'swallow');
    const calls = Array.from({ length: 10 }, (_, i) =>
      db.get(`k${i}`, { timeoutMs: 100 * (i + 1) }),
    );
    const settled = Promise.allSettled(calls);
    let isReady = false;
    const ready = db.ready().then(() => {
      isReady = true;
    });
    await run(Promise.all(calls.slice(0, 4)));
    expect(db.pending.operations).toBe(6);
    expect(isReady).toBe(false);
    await run(ready);
    expect(db.pending.operations).toBe(5);
    await run(settled);
  });

  it('resolves at once while there is room', async () => {
    const { db } = await simClient();
    await db.ready();
  });

  it('ends with its time, its signal and the client, and leaves nothing behind', async () => {
    const { clock, cluster, db, fails, run, scheduler } = await simClient(
      {},
      { pendingLimit: { operations: 1 } },
    );
    cluster.judge = () => 'swallow';
    const call = db.get('k', { timeoutMs: 60_000 });
    const settled = Promise.allSettled([call]);
    expect(await fails(db.ready({ timeoutMs: 50 }))).toMatchObject({
      code: 'DOUG_DEADLINE',
      outcome: 'NOT_APPLIED',
      message: 'no room within 50 ms: 1 operations of 65 bytes are not settled',
    });
    const stop = new AbortController();
    const aborted = fails(db.ready({ signal: stop.signal }));
    stop.abort('enough');
    expect(await aborted).toMatchObject({ code: 'DOUG_ABORTED', cause: 'enough' });
    expect(await fails(db.ready({ signal: stop.signal }))).toMatchObject({ code: 'DOUG_ABORTED' });
    expect(await fails(db.ready({ timeoutMs: 0 }))).toMatchObject({
      code: 'DOUG_INVALID_ARGUMENT',
    });
    const waiting = fails(db.ready());
    await db.close();
    expect(await waiting).toMatchObject({ code: 'DOUG_CLOSED', outcome: 'NOT_APPLIED' });
    expect(await fails(db.ready())).toMatchObject({ code: 'DOUG_CLOSED' });
    await run(settled);
    await scheduler.advance(0);
    expect(clock.pendingCount).toBe(0);
  });
});

it.each([
  [{ operations: 0 }],
  [{ bytes: 0 }],
  [{ operations: 1.5 }],
  [{ bytes: Number.POSITIVE_INFINITY }],
])('the limit %j is refused', async (pendingLimit) => {
  await expect(simClient({}, { pendingLimit })).rejects.toMatchObject({
    code: 'DOUG_INVALID_ARGUMENT',
  });
});
