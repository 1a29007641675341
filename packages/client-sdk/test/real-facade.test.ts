import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { CompareFailedError, createClient, type DougClient } from '../src/core.js';
import { FakeCluster } from '../src/testing/index.js';
import { RealFacades } from './real-facades.js';

const letters = ['a', 'e', 'n', 'z'];
const decoder = new TextDecoder();

/** A client of two facades, as they are shipped, in front of four partitions on three nodes. */
async function setup(seed = 1, maps: 'true' | 'forged' = 'true') {
  const scheduler = new SimScheduler();
  const cluster = new FakeCluster({ clock: scheduler.clock(), splitAt: ['d', 'm', 't'] });
  spreadLeaders(cluster, 0);
  const facades = new RealFacades(scheduler, cluster, 2, `${seed}`, maps);
  await facades.ready(scheduler);
  const clock = scheduler.clock();
  const run = <T>(promise: Promise<T>): Promise<T> => scheduler.runWhilePending(promise);
  // One source for all clients: two with the same numbers would have the same sessions.
  const random = new SimRandom(seed);
  const connect = (options: object = {}): Promise<DougClient> => {
    const ports = { transport: facades.transport(), clock, random };
    return run(createClient(ports, { endpoints: facades.addresses, ...options }));
  };
  return { scheduler, cluster, facades, clock, db: await connect(), connect, run };
}

function spreadLeaders(cluster: FakeCluster, turn: number): void {
  for (const [n, key] of letters.entries()) cluster.lead(((n + turn) % 3) + 1, key);
}

function effectsOf(cluster: FakeCluster, key: string): string[] {
  return cluster.applied
    .filter((applied) => decoder.decode(applied.key) === key)
    .map(({ value }) => decoder.decode(value));
}

describe('the client through facades as they are shipped', () => {
  it('reads, writes and scans over all partitions', async () => {
    const { cluster, db, run } = await setup();
    await run(Promise.all(letters.map((key) => db.put(key, `value of ${key}`))));
    expect(await run(db.put('a', '2', { returnPrevious: true }))).toMatchObject({
      previous: { value: 'value of a' },
    });
    const failing = db.put('z', 'v', { ifAbsent: true });
    expect(await run(failing.catch((error: unknown) => CompareFailedError.is(error)))).toBe(true);
    expect((await run(db.getMany([...letters, 'nobody']))).map((hit) => hit?.value)).toEqual([
      ...['2', 'value of e', 'value of n', 'value of z', undefined],
    ]);
    expect((await run(db.get('n', { consistency: 'eventual' })))?.value).toBe('value of n');
    for (const reverse of [false, true]) {
      const keys: string[] = [];
      const scan = db.scan({ reverse });
      for (;;) {
        const step = await run(scan.next());
        if (step.done) break;
        keys.push(step.value.key);
      }
      expect(keys).toEqual(reverse ? [...letters].reverse() : letters);
    }
    expect(new Set(cluster.applied.map(({ session }) => session)).size).toBe(4);
    expect((await run(db.admin.members())).length).toBe(3);
  });

  it('keeps calls in order and applies each once, while facades die and leaders move (applied-once, call-order)', async () => {
    let lost = 0;
    for (let seed = 1; seed <= 4; seed++) {
      const { cluster, facades, db, run, scheduler } = await setup(seed);
      const random = new SimRandom(`real ${seed}`);
      const calls: Promise<unknown>[] = [];
      const keys = letters.flatMap((letter) => [`${letter}1`, `${letter}2`]);
      for (let i = 0; i < 400; i++) {
        const key = random.pick(keys);
        calls.push(db.put(key, `${i}`, { timeoutMs: 60_000 }));
        if (random.chance(0.05)) spreadLeaders(cluster, random.int(3));
        if (random.chance(0.03)) cluster.breakPipes();
        if (random.chance(0.03)) {
          const facade = random.pick(facades.addresses);
          facades.kill(facade);
          scheduler.schedule(20 + random.int(200), () => facades.restart(facade));
        }
        if (random.chance(0.3)) await scheduler.advance(random.int(6));
      }
      await run(Promise.all(calls));
      await scheduler.advance(1_000);
      expect(cluster.applied).toHaveLength(400);
      for (const key of keys) {
        const order = effectsOf(cluster, key).map(Number);
        expect(order).toEqual([...order].sort((a, b) => a - b));
      }
      lost += db.counters.streamsLost;
      await db.close();
      await facades.close();
    }
    expect(lost).toBeGreaterThan(10);
  });

  it('counts right while a facade drains and another one carries on (applied-once)', async () => {
    const { facades, db, connect, run, scheduler } = await setup();
    const clients = [db, await connect(), await connect()];
    await run(db.put('n', '0'));
    let drained = 0;
    const count = async (client: DougClient): Promise<void> => {
      for (let done = 0; done < 40; ) {
        const hit = await client.get('n');
        try {
          await client.put('n', `${Number(hit?.value) + 1}`, { ifRevision: hit?.revision });
          done++;
        } catch (error) {
          if (!CompareFailedError.is(error)) throw error;
        }
      }
    };
    const drain = async (): Promise<void> => {
      for (const facade of [...facades.addresses, ...facades.addresses]) {
        await facades.drain(facade);
        drained++;
        await new Promise<void>((resolve) => scheduler.schedule(60, resolve));
        facades.restart(facade);
        await new Promise<void>((resolve) => scheduler.schedule(60, resolve));
      }
    };
    await run(Promise.all([drain(), ...clients.map(count)]));
    expect((await run(db.get('n')))?.value).toBe('120');
    expect(drained).toBe(4);
  });

  it('is right all the same when their maps are wrong all the time (applied-once, call-order)', async () => {
    const { cluster, facades, db, run, scheduler } = await setup(7, 'forged');
    const calls: Promise<unknown>[] = [];
    for (let i = 0; i < 400; i++) {
      calls.push(db.put(`${letters[i % 4]}${i % 3}`, `${i}`, { timeoutMs: 60_000 }));
      if (i % 10 === 0) await scheduler.advance(20);
    }
    await run(Promise.all(calls));
    expect(cluster.applied).toHaveLength(400);
    for (const key of new Set(cluster.applied.map((applied) => decoder.decode(applied.key)))) {
      const order = effectsOf(cluster, key).map(Number);
      expect(order).toEqual([...order].sort((a, b) => a - b));
    }
    expect((await run(db.getMany(['a0', 'z2']))).every((hit) => hit !== null)).toBe(true);
    expect(db.counters.retries).toBeGreaterThan(0);
    await facades.close();
  });

  it('leaves nothing behind', async () => {
    const { cluster, facades, clock, db, run, scheduler } = await setup();
    await run(db.put('a', 'v'));
    cluster.judge = () => 'swallow';
    const settled = Promise.allSettled([db.put('a', 'w'), db.get('z')]);
    await scheduler.advance(20);
    await db.close();
    expect(await settled).toMatchObject([
      { reason: { code: 'DOUG_CLOSED', outcome: 'UNKNOWN' } },
      { reason: { code: 'DOUG_CLOSED', outcome: 'NOT_APPLIED' } },
    ]);
    await scheduler.advance(10);
    expect(clock.pendingCount).toBe(0);
    await facades.close();
  });
});
