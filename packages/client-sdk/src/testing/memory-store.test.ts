import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import type { DougClient } from '../client.js';
import { CompareFailedError } from '../compare-failed-error.js';
import { createMemoryStore, type MemoryStore, type MemoryStoreOptions } from './index.js';

/** A store on virtual time with one client. */
async function simStore(options: Partial<MemoryStoreOptions> = {}) {
  const scheduler = new SimScheduler();
  const clock = scheduler.clock();
  const store = createMemoryStore({ clock, random: new SimRandom(1), ...options });
  const run = <T>(promise: Promise<T>): Promise<T> => scheduler.runWhilePending(promise);
  const db = await run(store.connect());
  const fails = (promise: Promise<unknown>): Promise<unknown> =>
    run(
      promise.then(
        () => Promise.reject(new Error('it did not fail')),
        (error: unknown) => error,
      ),
    );
  return { scheduler, clock, store, db, run, fails };
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function contents(store: MemoryStore): [string, string][] {
  return store.entries().map(({ key, value }) => [text(key), text(value)]);
}

describe('createMemoryStore', () => {
  it('needs nothing, and runs on the time of Node.js', async () => {
    await using store = createMemoryStore();
    const db = await store.connect();
    await db.put('k', 'v');
    expect((await db.get('k'))?.value).toBe('v');
  });

  it('has any number of clients, of any codec', async () => {
    await using store = createMemoryStore({ splitAt: ['m'] });
    const text = await store.connect();
    const json = await store.connect({ codec: 'json' });
    const bytes = await store.connect({ codec: 'bytes', consistency: 'eventual' });
    await json.put('z', { a: 1 });
    await text.put('a', 'v');
    expect((await text.get('z'))?.value).toBe('{"a":1}');
    const hit = await bytes.get('a');
    expect(hit).toMatchObject({ value: Uint8Array.of(118), ageMs: expect.any(Number) });
    await text.close();
    expect((await json.get('z'))?.value).toEqual({ a: 1 });
    expect(contents(store)).toEqual([
      ['a', 'v'],
      ['z', '{"a":1}'],
    ]);
  });

  it('closes its clients with it, and leaves nothing behind', async () => {
    const { clock, store, db, run, scheduler } = await simStore();
    const other: DougClient = await run(store.connect());
    store.ignore({ times: 2 });
    const calls = Promise.allSettled([db.get('a'), other.get('b')]);
    await scheduler.advance(10);
    await store.close();
    expect(await calls).toMatchObject([
      { reason: { code: 'DOUG_CLOSED' } },
      { reason: { code: 'DOUG_CLOSED' } },
    ]);
    await scheduler.advance(0);
    expect(clock.pendingCount).toBe(0);
  });

  it('has clients that go through facades if it has some', async () => {
    const { store, db, run } = await simStore({ facades: 2 });
    await run(db.put('k', 'v'));
    expect(store.cluster.pipeAddresses).toEqual([expect.stringMatching(/^f[12]:4300$/)]);
  });

  it('takes the time that it is told to', async () => {
    const { scheduler, db, run } = await simStore({ latencyMs: 50 });
    await run(db.put('warm', 'up'));
    const began = scheduler.nowMs;
    await run(db.put('k', 'v'));
    expect(scheduler.nowMs - began).toBeCloseTo(100, 0);
  });
});

describe('the faults of a store', () => {
  it('are mended by the client where they can be', async () => {
    const { store, db, run } = await simStore();
    store.loseAnswers();
    expect(await run(db.put('k', '1', { ifAbsent: true }))).toEqual({ revision: 1 });
    store.loseRequests();
    expect(await run(db.put('k', '2'))).toEqual({ revision: 2 });
    store.refuse('BUSY', { retryAfterMs: 300 });
    await run(db.put('k', '3'));
    store.moveLeader();
    await run(db.put('k', '4'));
    expect((await run(db.get('k')))?.value).toBe('4');
    expect(store.cluster.applied).toHaveLength(4);
    expect(db.counters.retries).toBeGreaterThan(3);
  });

  it('reach the application where they cannot be', async () => {
    const { store, db, fails } = await simStore();
    store.refuse('PERMISSION_DENIED');
    expect(await fails(db.put('k', 'v'))).toMatchObject({
      code: 'DOUG_PERMISSION_DENIED',
      outcome: 'NOT_APPLIED',
    });
    store.ignore();
    expect(await fails(db.put('k', 'v', { timeoutMs: 50 }))).toMatchObject({
      code: 'DOUG_IN_DOUBT',
      outcome: 'UNKNOWN',
    });
    store.refuse('BUSY', { times: Number.POSITIVE_INFINITY });
    expect(await fails(db.get('k', { timeoutMs: 50 }))).toMatchObject({ code: 'DOUG_DEADLINE' });
    store.clearFaults();
    const created = db.put('k', 'v', { ifAbsent: true });
    expect(
      CompareFailedError.is(await fails(created.then(() => db.put('k', 'w', { ifAbsent: true })))),
    ).toBe(true);
  });

  it('meet the calls that they are meant for, so often', async () => {
    const { store, db, run, fails } = await simStore();
    const denied = { code: 'DOUG_PERMISSION_DENIED' };
    store.refuse('PERMISSION_DENIED', { key: 'secret', times: 2 });
    store.refuse('PERMISSION_DENIED', { kind: 'delete' });
    store.refuse('PERMISSION_DENIED', { kind: 'scan' });
    await run(db.put('k', 'v'));
    expect(await fails(db.get('secret'))).toMatchObject(denied);
    expect(await fails(db.put('secret', 'v'))).toMatchObject(denied);
    await run(db.put('secret', 'v'));
    expect(await fails(db.delete('k'))).toMatchObject(denied);
    await run(db.delete('k'));
    expect(await fails(db.scan().next())).toMatchObject(denied);
    expect((await run(db.scan().next())).value).toMatchObject({ key: 'secret' });
  });

  it('refuse writes of one message on a key as they come (call-order)', async () => {
    const { store, db, run } = await simStore();
    store.refuse('BUSY', { key: 'k' });
    await run(Promise.all(['1', '2', '3'].map((value) => db.put('k', value))));
    expect(store.cluster.applied.map(({ value }) => text(value))).toEqual(['1', '2', '3']);
  });

  it('are leaders that nobody has for a while', async () => {
    const { store, db, run, scheduler } = await simStore({ splitAt: ['m'] });
    store.loseLeader('a');
    let isDone = false;
    const put = db.put('a', 'v').then(() => {
      isDone = true;
    });
    await run(db.put('z', 'v'));
    await scheduler.advance(1_000);
    expect(isDone).toBe(false);
    store.moveLeader('a');
    await run(put);
    expect(contents(store)).toEqual([
      ['a', 'v'],
      ['z', 'v'],
    ]);
  });
});
