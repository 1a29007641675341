import type { DougClient } from '../src/core.js';
import type { FakeItem } from '../src/testing/index.js';
import { simClient } from './sim-client.js';

const facades = ['f1:4300', 'f2:4300'];
const decoder = new TextDecoder();

/** A client of two facades in front of four partitions. */
async function proxied(options: object = {}, seed: number | string = 1) {
  const cluster = { facades: 2, splitAt: ['d', 'm', 't'] };
  return simClient(cluster, { endpoints: facades, ...options }, seed);
}

/** The facade that a client goes through, as its only stream tells. */
async function viaOf(sim: Awaited<ReturnType<typeof proxied>>): Promise<string> {
  await sim.run(sim.db.put('via', 'v'));
  expect(sim.cluster.pipeAddresses).toHaveLength(1);
  return sim.cluster.pipeAddresses[0] as string;
}

const theOther = (facade: string): string => facades.find((one) => one !== facade) as string;

describe('a client of a facade', () => {
  it('sends everything through it', async () => {
    const { cluster, db, run, collect } = await proxied();
    const addresses = new Set<string>();
    cluster.judge = ({ address }) => {
      addresses.add(address);
      return 'serve';
    };
    cluster.lead(2, 'e');
    cluster.lead(3, 'z');
    await run(Promise.all(['a', 'e', 'n', 'z'].map((key) => db.put(key, 'v'))));
    expect((await run(db.get('z')))?.value).toBe('v');
    expect(await run(db.get('z', { consistency: 'eventual' }))).toHaveProperty('ageMs');
    expect(await run(db.getMany(['z', 'a']))).toHaveLength(2);
    for (const consistency of ['linearizable', 'eventual'] as const) {
      for (const reverse of [false, true]) {
        expect(await collect(db.scan({ consistency, reverse }))).toHaveLength(4);
      }
    }
    expect(addresses.size).toBe(1);
    expect(facades).toContain([...addresses][0]);
    expect(cluster.openPipes).toBe(1);
  });

  it('sends the calls of one turn in one message, whatever the partitions', async () => {
    const { cluster, db, run } = await proxied();
    await run(db.put('warm', 'up'));
    cluster.messages = 0;
    const keys = Array.from({ length: 100 }, (_, i) => `${'aenz'[i % 4]}${i}`);
    await run(Promise.all(keys.map((key) => db.put(key, 'v'))));
    expect(cluster.messages).toBe(1);
  });

  it('goes to the nodes if it is told so', async () => {
    const { cluster, db, run } = await proxied({ direct: true });
    cluster.lead(3, 'z');
    await run(Promise.all(['a', 'z'].map((key) => db.put(key, 'v'))));
    expect(cluster.pipeAddresses.every((address) => address.startsWith('n'))).toBe(true);
  });

  it('is one of many that spread over the facades', async () => {
    const used = new Set<string>();
    for (let seed = 0; seed < 12; seed++) used.add(await viaOf(await proxied({}, seed)));
    expect(used).toEqual(new Set(facades));
  });

  it('has a session with each partition', async () => {
    const { cluster, db, run } = await proxied();
    await run(Promise.all(['a', 'e', 'n', 'z'].map((key) => db.put(key, 'v'))));
    const sessions = cluster.partitions.map(({ applied }) => applied.map((one) => one.session));
    expect(sessions.map((of) => of.length)).toEqual([1, 1, 1, 1]);
    expect(new Set(sessions.flat()).size).toBe(4);
  });

  it('learns of a split that it never meets, and has sessions with both halves then', async () => {
    const { cluster, db, run, scheduler } = await proxied();
    await run(db.put('z', '1'));
    cluster.split('y');
    await run(db.put('z', '2'));
    await scheduler.advance(50);
    await run(db.put('z', '3'));
    await run(db.put('t', '1'));
    const of = (key: string) =>
      cluster.applied.filter((one) => decoder.decode(one.key) === key).map((one) => one.session);
    const [first, second, third] = of('z');
    // The half that left accepts the session of the whole.
    expect(second).toBe(first);
    expect(third).not.toBe(first);
    expect(of('t')).toEqual([first]);
  });

  it('is not told of leaders that move behind it', async () => {
    const { cluster, db, run } = await proxied();
    for (let round = 0; round < 9; round++) {
      for (const key of ['a', 'e', 'n', 'z']) cluster.lead((round % 3) + 1, key);
      await run(Promise.all(['a', 'e', 'n', 'z'].map((key) => db.put(key, `${round}`))));
    }
    expect(db.counters.retries).toBe(0);
  });

  it('sends again at once what the facade sent to the wrong node', async () => {
    const { cluster, db, run, nowMs } = await proxied();
    await run(db.put('a', '1'));
    cluster.judge = ({ ordinal }) => (ordinal < 3 ? { refuse: 'NOT_LEADER' } : 'serve');
    cluster.arrived = 0;
    const began = nowMs();
    await run(db.put('a', '2'));
    expect(nowMs() - began).toBeLessThan(20);
    expect(cluster.arrived).toBe(4);
  });
});

describe('when a facade', () => {
  it('dies, another one carries on: what was under way is sent again under its op id (applied-once)', async () => {
    const sim = await proxied();
    const { cluster, db, run, scheduler } = sim;
    const via = await viaOf(sim);
    const items: FakeItem[] = [];
    cluster.judge = (item) => {
      items.push(item);
      // Half of it took effect before the facade died.
      if (item.address !== via) return 'serve';
      return item.ordinal % 2 === 0 ? 'swallow' : 'serve';
    };
    const keys = Array.from({ length: 40 }, (_, i) => `${'aenz'[i % 4]}${i}`);
    const puts = keys.map((key) => db.put(key, 'v', { ifAbsent: true }));
    const gets = keys.map((key) => db.get(key));
    // The answers are on their way when it dies.
    await scheduler.advance(2);
    expect(cluster.applied.length).toBeGreaterThan(10);
    cluster.kill(via);
    const results = await run(Promise.all(puts));
    expect(results).toHaveLength(40);
    expect((await run(Promise.all(gets))).every((hit) => hit?.value === 'v')).toBe(true);
    expect(cluster.applied).toHaveLength(41);
    const resent = items.filter(({ address, kind }) => address !== via && kind === 'put');
    expect(resent).toHaveLength(40);
    expect(resent.every(({ resend }) => resend)).toBe(true);
    expect(cluster.pipeAddresses).toEqual([theOther(via)]);
  });

  it('dies, calls on one key keep their order (call-order)', async () => {
    for (let seed = 0; seed < 10; seed++) {
      const { cluster, db, run, scheduler } = await proxied({}, seed);
      const keys = ['a', 'e', 'n', 'z'];
      const calls: Promise<unknown>[] = [];
      for (let i = 0; i < 200; i++) {
        calls.push(db.put(keys[i % 4] as string, `${i}`, { timeoutMs: 60_000 }));
        if (i % 10 === 0) await scheduler.advance(1);
        if (i % 40 === 20) {
          const via = cluster.pipeAddresses[0] ?? (facades[0] as string);
          cluster.kill(via);
          scheduler.schedule(60, () => cluster.restart(via));
        }
      }
      await run(Promise.all(calls));
      for (const { applied } of cluster.partitions) {
        const order = applied.map(({ value }) => Number(decoder.decode(value)));
        expect(order).toHaveLength(50);
        expect(order).toEqual([...order].sort((a, b) => a - b));
      }
      expect(db.counters.streamsLost).toBeGreaterThan(1);
    }
  });

  it('stands still, it is left for another one', async () => {
    const sim = await proxied();
    const { cluster, db, run, collect, nowMs } = sim;
    const via = await viaOf(sim);
    cluster.freeze(via);
    const began = nowMs();
    await run(
      Promise.all([db.put('a', '1'), db.get('z'), db.get('e', { consistency: 'eventual' })]),
    );
    // A second of silence, and another one without an answer to a question.
    expect(nowMs() - began).toBeLessThan(2_500);
    expect(await collect(db.scan({ prefix: 'a' }))).toHaveLength(1);
    expect(cluster.applied).toHaveLength(2);
    expect(cluster.pipeAddresses).toEqual([theOther(via)]);
  });

  it('stands still, a scan alone leaves it too', async () => {
    const sim = await proxied();
    const { cluster, collect, db } = sim;
    const via = await viaOf(sim);
    cluster.freeze(via);
    const addresses: string[] = [];
    cluster.judge = ({ address }) => {
      addresses.push(address);
      return 'serve';
    };
    expect(await collect(db.scan())).toHaveLength(1);
    expect(new Set(addresses)).toEqual(new Set([theOther(via)]));
  });

  it('waits for a node itself, it is not left', async () => {
    const sim = await proxied();
    const { cluster, db, run, scheduler } = sim;
    const via = await viaOf(sim);
    cluster.judge = ({ key }) => (key === 'slow' ? 'swallow' : 'serve');
    const slow = db.put('slow', 'v', { timeoutMs: 8_000 });
    slow.catch(() => undefined);
    await scheduler.advance(6_000);
    await run(db.put('a', 'v'));
    expect(cluster.pipeAddresses).toEqual([via]);
    expect(db.counters.streamsLost).toBe(0);
    await expect(run(slow)).rejects.toMatchObject({ code: 'DOUG_IN_DOUBT' });
  });

  it.each(['DRAINING', 'STARTING', 'NO_LEADER'] as const)(
    'says %s, another one is tried',
    async (refuse) => {
      const sim = await proxied();
      const { cluster, db, run, nowMs } = sim;
      const via = await viaOf(sim);
      cluster.judge = ({ address }) => (address === via ? { refuse } : 'serve');
      const began = nowMs();
      await run(db.put('a', 'v'));
      expect(nowMs() - began).toBeLessThan(60);
      expect(cluster.pipeAddresses).toContain(theOther(via));
    },
  );

  it('drains, another one is used until it is back', async () => {
    const sim = await proxied();
    const { cluster, db, run, scheduler } = sim;
    const via = await viaOf(sim);
    const other = theOther(via);
    cluster.drain(via);
    await run(db.put('a', '1'));
    cluster.kill(via);
    await run(db.put('a', '2'));
    cluster.restart(via);
    await scheduler.advance(2_000);
    await run(db.put('a', '3'));
    await scheduler.advance(10);
    cluster.kill(other);
    await run(db.put('a', '4'));
    expect(cluster.pipeAddresses).toEqual([via]);
  });

  it('is the only one and dies, everything waits for it: nodes are not asked', async () => {
    const { cluster, db, run, scheduler, nowMs } = await simClient(
      { facades: 1 },
      { endpoints: facades.slice(0, 1) },
    );
    await run(db.put('a', '1'));
    const unary = jest.spyOn(cluster, 'unary');
    const streams = jest.spyOn(cluster, 'openPipe');
    cluster.kill(facades[0] as string);
    const calls = [
      db.put('a', '2', { timeoutMs: 20_000 }),
      db.get('a', { timeoutMs: 20_000, consistency: 'eventual' }),
      db.scan({ timeoutMs: 20_000 }).next(),
    ];
    scheduler.schedule(5_000, () => cluster.restart(facades[0] as string));
    await run(Promise.all(calls));
    expect(nowMs()).toBeGreaterThan(5_000);
    // A pause that has grown to a second, and a question.
    expect(nowMs()).toBeLessThan(7_500);
    for (const [address] of unary.mock.calls) expect(address).toBe(facades[0]);
    for (const [address] of streams.mock.calls) expect(address).toBe(facades[0]);
    // It is asked what it is; requests are not thrown at it.
    expect(streams.mock.calls.length).toBeLessThan(4);
  });

  it('accepts streams and breaks them at once, it is not tried in a tight loop', async () => {
    const { cluster, db, fails, scheduler } = await simClient(
      { facades: 1 },
      { endpoints: facades.slice(0, 1) },
    );
    cluster.judge = () => 'break';
    const streams = jest.spyOn(cluster, 'openPipe');
    expect(await fails(db.put('a', 'v', { timeoutMs: 10_000 }))).toMatchObject({
      code: 'DOUG_IN_DOUBT',
    });
    expect(streams.mock.calls.length).toBeLessThan(60);
    cluster.judge = () => 'serve';
    await scheduler.advance(10);
  });
});

describe('endpoints of both kinds', () => {
  const mixed = ['f1:4300', 'n2:4400', 'n3:4400', 'n1:4400', 'f2:4300'];

  it('mean the facades, wherever in the list', async () => {
    for (let seed = 0; seed < 10; seed++) {
      const { cluster, db, run, scheduler } = await proxied({ endpoints: mixed }, seed);
      await scheduler.advance(10);
      await run(db.put('a', 'v'));
      await scheduler.advance(10);
      cluster.breakPipes();
      await run(db.put('a', 'w'));
      expect(facades).toContain(cluster.pipeAddresses[0]);
    }
  });

  it('mean the nodes while no facade can be reached, and the facades again afterwards', async () => {
    const { cluster, db, run, scheduler, nowMs } = await proxied({ endpoints: mixed });
    await scheduler.advance(10);
    await run(db.put('a', '1'));
    for (const facade of facades) cluster.kill(facade);
    const began = nowMs();
    cluster.lead(3, 'z');
    await run(Promise.all([db.put('a', '2'), db.put('z', '2'), db.get('e')]));
    expect(nowMs() - began).toBeLessThan(200);
    expect(cluster.pipeAddresses.every((address) => address.startsWith('n'))).toBe(true);
    cluster.restart('f2:4300');
    for (let i = 0; i < 30; i++) {
      await scheduler.advance(100);
      await run(db.put('a', `${i}`));
    }
    cluster.breakPipes();
    await run(db.put('a', 'last'));
    expect(cluster.pipeAddresses).toEqual(['f2:4300']);
  });
});

describe('a client that connects', () => {
  it.each([
    ['one of two facades is dead', (kill: (address: string) => void) => kill('f1:4300')],
    ['the other one is dead', (kill: (address: string) => void) => kill('f2:4300')],
  ])('finds its way when %s', async (_, prepare) => {
    for (let seed = 0; seed < 4; seed++) {
      const sim = await proxied({}, seed);
      prepare((address) => sim.cluster.kill(address));
      const late: DougClient = await sim.join();
      await sim.run(late.put('a', 'v'));
      await late.close();
    }
  });

  it('leaves nothing behind, whatever it was waiting for', async () => {
    const sim = await proxied();
    const { cluster, clock, db, scheduler } = sim;
    await viaOf(sim);
    for (const facade of facades) cluster.freeze(facade);
    const calls = [db.put('a', 'v'), db.get('z'), db.scan().next()];
    const settled = Promise.allSettled(calls);
    await scheduler.advance(1_500);
    await db.close();
    await settled;
    await scheduler.advance(0);
    expect(clock.pendingCount).toBe(0);
    expect(cluster.openPipes).toBe(0);
  });
});
