import { SimRandom } from '@dougdb/ports/sim';
import fc from 'fast-check';
import type { FakeCluster, FakeItem } from '../src/testing/index.js';
import { simClient } from './sim-client.js';

const splitAt = ['d', 'm', 't'];
const letters = ['a', 'e', 'n', 'z'];
const decoder = new TextDecoder();

/** Four partitions, led by nodes 1, 2, 3 and 1; a client that knows it. */
async function four(seed: number | string = 1) {
  const sim = await simClient({ splitAt }, {}, seed);
  spreadLeaders(sim.cluster, 0);
  await sim.run(Promise.all(letters.map((key) => sim.db.put(key, 'first'))));
  return sim;
}

function spreadLeaders(cluster: FakeCluster, turn: number): void {
  for (const [n, key] of letters.entries()) cluster.lead(((n + turn) % 3) + 1, key);
}

/** Values that took effect on a key, in their order. */
function effectsOf(cluster: FakeCluster, key: string): string[] {
  return cluster.applied
    .filter((applied) => decoder.decode(applied.key) === key)
    .map(({ value }) => decoder.decode(value));
}

describe('four partitions', () => {
  it('are each asked where they are led, by one message for each node', async () => {
    const { cluster, db, run } = await four();
    const items: FakeItem[] = [];
    cluster.judge = (item) => {
      items.push(item);
      return 'serve';
    };
    cluster.messages = 0;
    const keys = Array.from({ length: 120 }, (_, i) => `${letters[i % 4]}${i}`);
    await run(Promise.all(keys.map((key) => db.put(key, 'v'))));
    expect(cluster.messages).toBe(3);
    expect(items).toHaveLength(120);
    for (const { key, node } of items) {
      expect(node).toBe((letters.indexOf(key.slice(0, 1)) % 3) + 1);
    }
    expect(db.counters.retries).toBe(2);
  });

  it('count revisions each for itself, and have a session each', async () => {
    const { cluster, db, run } = await four();
    expect(await run(db.put('a', 'v'))).toEqual({ revision: 2 });
    expect(await run(db.put('z', 'v'))).toEqual({ revision: 2 });
    const sessions = cluster.partitions.map(
      ({ applied }) => new Set(applied.map(({ session }) => session)),
    );
    expect(sessions.map(({ size }) => size)).toEqual([1, 1, 1, 1]);
    expect(new Set(sessions.flatMap((of) => [...of])).size).toBe(4);
  });

  it('do not hold each other up', async () => {
    const { cluster, db, run, fails, nowMs } = await four();
    cluster.lead(0, 'n');
    const stuck = db.put('n', 'v', { timeoutMs: 3_000 });
    stuck.catch(() => undefined);
    const began = nowMs();
    for (let i = 0; i < 20; i++) {
      await run(Promise.all([db.put('a', `${i}`), db.put('e', `${i}`), db.put('z', `${i}`)]));
    }
    expect(nowMs() - began).toBeLessThan(100);
    expect(await fails(stuck)).toMatchObject({ code: 'DOUG_DEADLINE', outcome: 'NOT_APPLIED' });
  });

  it('are read together by getMany, while one of them changes its leader', async () => {
    const { cluster, db, run } = await four();
    const keys = Array.from({ length: 100 }, (_, i) => `${letters[i % 4]}${i}`);
    await run(Promise.all(keys.map((key) => db.put(key, `value of ${key}`))));
    const many = db.getMany([...keys, 'nobody']);
    cluster.lead(2, 'a');
    const hits = await run(many);
    expect(hits.map((hit) => hit?.value)).toEqual([
      ...keys.map((key) => `value of ${key}`),
      undefined,
    ]);
  });
});

describe('a split', () => {
  it('is met as EPOCH_MISMATCH and followed at once, reads and writes alike', async () => {
    const { cluster, db, run, nowMs } = await four();
    await run(Promise.all(['n1', 'p1', 's1'].map((key) => db.put(key, 'before'))));
    cluster.split('p');
    cluster.split('s');
    cluster.lead(1, 'p');
    cluster.lead(2, 's');
    const began = nowMs();
    const calls = [
      db.put('n1', 'after'),
      db.put('p1', 'after', { returnPrevious: true }),
      db.get('s1'),
      db.getMany(['n1', 'p1', 's1', 'a']),
    ];
    const [, put, get, many] = await run(Promise.all(calls));
    expect(put).toMatchObject({ previous: { value: 'before' } });
    expect(get).toMatchObject({ value: 'before' });
    expect(many).toMatchObject([{ value: 'after' }, { value: 'after' }, { value: 'before' }, {}]);
    expect(nowMs() - began).toBeLessThan(30);
    for (const key of ['n1', 'p1', 's1']) expect(effectsOf(cluster, key).length).toBeLessThan(3);
  });

  it('between two attempts does not make a write take effect twice (applied-once)', async () => {
    const { cluster, db, run } = await four();
    cluster.judge = ({ resend, key }) => {
      if (resend || key !== 'p1') return 'serve';
      // It takes effect in the whole; the second attempt meets the half.
      cluster.judge = () => 'serve';
      cluster.late(() => cluster.split('p'));
      return 'serve-and-break';
    };
    const { revision } = await run(db.put('p1', 'v', { ifAbsent: true }));
    expect(revision).toBe(2);
    expect(effectsOf(cluster, 'p1')).toEqual(['v']);
  });

  it('after another is followed by calls that are not awaited, in their order (call-order)', async () => {
    const { cluster, db, run, scheduler } = await four();
    const keys = ['n', 'o', 'p', 'q', 'r', 's'];
    const calls: Promise<unknown>[] = [];
    for (let i = 0; i < 300; i++) {
      calls.push(db.put(keys[i % 6] as string, `${i}`));
      if (i % 60 === 30) {
        const at = keys[i / 60 + 0.5] as string;
        cluster.split(at);
        cluster.lead((i % 3) + 1, at);
      }
      if (i % 7 === 0) await scheduler.advance(1);
    }
    await run(Promise.all(calls));
    for (const [n, key] of keys.entries()) {
      const order = effectsOf(cluster, key).filter((value) => value !== 'first');
      expect(order).toEqual(Array.from({ length: 50 }, (_, i) => `${i * 6 + n}`));
    }
  });
});

describe('leaders that move', () => {
  it('do not change the order of calls on a key (call-order)', async () => {
    for (let seed = 0; seed < 8; seed++) {
      const { cluster, db, run, scheduler } = await four(seed);
      const random = new SimRandom(`leaders ${seed}`);
      const calls: Promise<unknown>[] = [];
      const reads: Promise<string | undefined>[] = [];
      const expected: (string | undefined)[] = [];
      const last = new Map<string, string>();
      for (let i = 0; i < 400; i++) {
        const key = `${random.pick(letters)}${random.int(3)}`;
        calls.push(db.put(key, `${i}`));
        last.set(key, `${i}`);
        if (random.chance(0.2)) {
          reads.push(db.get(key).then((hit) => hit?.value));
          expected.push(last.get(key));
        }
        if (random.chance(0.1)) spreadLeaders(cluster, random.int(3));
        if (random.chance(0.05)) cluster.breakPipes();
        if (random.chance(0.3)) await scheduler.advance(random.int(3));
      }
      await run(Promise.all(calls));
      expect(await run(Promise.all(reads))).toEqual(expected);
      for (const key of last.keys()) {
        const order = effectsOf(cluster, key).map(Number);
        expect(order).toEqual([...order].sort((a, b) => a - b));
      }
      expect(cluster.applied).toHaveLength(404);
      expect(db.counters.retries).toBeGreaterThan(20);
    }
  });
});

describe('a scan over partitions', () => {
  it('yields every key once in its order, both ways, over splits and moving leaders', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.boolean(),
        fc.array(fc.constantFrom('b', 'c', 'f', 'h', 'o', 'q', 'w', 'y'), { maxLength: 6 }),
        async (seed, reverse, splits) => {
          const { cluster, db, run } = await four(seed);
          const random = new SimRandom(`scan ${seed}`);
          const keys = Array.from({ length: 40 }, (_, i) => `${letters[i % 4]}${10 + i}`);
          await run(Promise.all(keys.map((key) => db.put(key, 'v'))));
          const all = [...letters, ...keys].sort();
          const pending = [...new Set(splits)];
          const found: string[] = [];
          const scan = db.scan({ reverse });
          for (;;) {
            const step = await run(scan.next());
            if (step.done) break;
            found.push(step.value.key);
            if (random.chance(0.2)) spreadLeaders(cluster, random.int(3));
            if (random.chance(0.2) && pending.length > 0) cluster.split(pending.pop() as string);
          }
          expect(found).toEqual(reverse ? [...all].reverse() : all);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('asks only for what lies in the range', async () => {
    const { cluster, collect, db } = await four();
    const asked = new Set<number>();
    cluster.judge = ({ node }) => {
      asked.add(node);
      return 'serve';
    };
    const entries = await collect(db.scan({ start: 'e', end: 'n' }));
    expect(entries.map(({ key }) => key)).toEqual(['e']);
    expect(asked).toEqual(new Set([2, 3]));
  });
});

describe('a write that waits for a connection', () => {
  it('is not overtaken by a later one that knows another way (call-order)', async () => {
    const { cluster, run, scheduler, join } = await simClient({ splitAt });
    cluster.lead(3, 'z');
    const db = await join();
    // Node 1 accepts no connection and does not refuse one either.
    cluster.freeze(1);
    const first = db.put('a', 'first');
    await scheduler.advance(10);
    cluster.lead(2, 'a');
    cluster.kill(3);
    // That the other partition cannot be reached makes the client ask around.
    const other = db.put('z', 'v', { timeoutMs: 20_000 });
    await scheduler.advance(100);
    const second = db.put('a', 'second');
    await run(Promise.all([first, second]));
    expect(effectsOf(cluster, 'a')).toEqual(['first', 'second']);
    cluster.lead(2, 'z');
    await run(other);
  });
});
