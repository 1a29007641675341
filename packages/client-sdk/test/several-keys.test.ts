import { SimRandom } from '@dougdb/ports/sim';
import { compare, DeleteRangeError, type DougClient, get, put } from '../src/core.js';
import type { FakeVerdict } from '../src/testing/index.js';
import { simClient } from './sim-client.js';

const decoder = new TextDecoder();

function keysOf(applied: readonly { readonly key: Uint8Array }[]): string[] {
  return applied.map(({ key }) => decoder.decode(key));
}

describe('txn', () => {
  it.each(['serve-and-break', 'break', 'doubt', 'doubt-and-serve-later', 'serve-twice'] as const)(
    'takes effect once, and is told so, when it meets %s (applied-once)',
    async (verdict) => {
      const { cluster, db, run, scheduler } = await simClient();
      let isFirst = true;
      cluster.judge = ({ kind }) => {
        const is = kind === 'txn' && isFirst;
        if (is) isFirst = false;
        return is ? verdict : 'serve';
      };
      const outcome = await run(
        db.txn({
          if: [compare('a').exists(false)],
          then: [put('a', '1', { returnPrevious: true }), put('b', '1')],
          else: [get('a')],
        }),
      );
      expect(outcome).toMatchObject({ succeeded: true, results: [{ previous: null }, {}] });
      await scheduler.advance(2_000);
      expect(keysOf(cluster.applied)).toEqual(['a', 'b']);
    },
  );

  it('says which list was carried out when the rest is not kept', async () => {
    const { cluster, db, run } = await simClient();
    for (const partition of cluster.partitions) partition.keepsResults = false;
    cluster.judge = ({ ordinal }) => (ordinal % 2 === 0 ? 'serve-and-break' : 'serve');
    const txn = { if: [compare('a').exists(false)], then: [put('a', '1')], else: [get('a')] };
    const first = await run(db.txn(txn));
    expect(first).toEqual({ succeeded: true, revision: 1, resultKept: false });
    const second = await run(db.txn(txn));
    expect(second).toEqual({ succeeded: false, revision: 1, resultKept: false });
  });

  it('knows by its map that keys lie in two partitions, and sends nothing', async () => {
    const { cluster, db, fails } = await simClient({ splitAt: ['m'] });
    const arrived = cluster.arrived;
    const error = await fails(db.txn({ then: [put('a', '1'), put('z', '1')] }));
    expect(error).toMatchObject({ code: 'DOUG_CROSS_PARTITION', outcome: 'NOT_APPLIED' });
    expect(error.message).toContain("'a' lies in partition 2, 'z' in partition 3");
    expect(cluster.arrived).toBe(arrived);
  });

  it('is refused when the partition was split meanwhile: nothing of it is done', async () => {
    const { cluster, db, run, fails } = await simClient();
    await run(db.put('a', '0'));
    cluster.split('m');
    const error = await fails(db.txn({ then: [put('a', '1'), put('z', '1')] }));
    expect(error).toMatchObject({ code: 'DOUG_CROSS_PARTITION', outcome: 'NOT_APPLIED' });
    expect(keysOf(cluster.applied)).toEqual(['a']);
    // What lies in one of the halves is carried out.
    await run(db.txn({ then: [put('y', '1'), put('z', '1')] }));
  });

  it('that may have taken effect before the split is not said to be NOT_APPLIED (outcome-of-all-attempts)', async () => {
    const { cluster, db, fails } = await simClient();
    cluster.judge = ({ kind }) => {
      if (kind !== 'txn') return 'serve';
      cluster.split('m');
      cluster.judge = () => 'serve';
      return 'serve-and-break';
    };
    const error = await fails(db.txn({ then: [put('a', '1'), put('z', '1')] }));
    expect(error).toMatchObject({ code: 'DOUG_IN_DOUBT', outcome: 'UNKNOWN' });
  });

  it('waits for room in its session as other writes do', async () => {
    const { db, run } = await simClient();
    const calls = Array.from({ length: 1_500 }, (_, i) =>
      db.txn({ then: [put(`${i}`, 'v'), get(`${i}+`)] }),
    );
    const settled = await run(Promise.all(calls));
    expect(settled.every(({ succeeded }) => succeeded)).toBe(true);
  });

  it('larger than what fits beside others in a message is refused', async () => {
    const { db, fails } = await simClient();
    const value = 'x'.repeat(1 << 20);
    const then = ['a', 'b', 'c', 'd'].map((key) => put(key, value));
    expect(await fails(db.txn({ then }))).toMatchObject({
      code: 'DOUG_TOO_LARGE',
      outcome: 'NOT_APPLIED',
    });
  });

  it('ends with its signal, and what waited behind it goes on (call-order)', async () => {
    const { cluster, db, run, fails } = await simClient();
    cluster.judge = ({ kind }) => (kind === 'txn' ? 'swallow' : 'serve');
    const stop = new AbortController();
    const stuck = db.txn({ then: [put('a', '1'), put('b', '1')] }, { signal: stop.signal });
    const behind = db.put('b', '2');
    const beside = db.put('c', '3');
    await run(beside);
    expect(keysOf(cluster.applied)).toEqual(['c']);
    stop.abort();
    expect(await fails(stuck)).toMatchObject({ code: 'DOUG_ABORTED', outcome: 'UNKNOWN' });
    await run(behind);
    expect(keysOf(cluster.applied)).toEqual(['c', 'b']);
  });

  it.each([1, 2, 3, 4, 5, 6])(
    'keeps the order with all calls on its keys while everything fails (call-order), seed %i',
    async (seed) => {
      const random = new SimRandom(`order ${seed}`);
      const { cluster, db, run, scheduler } = await simClient({ splitAt: ['m'] }, {}, seed);
      const verdicts = ['serve-and-break', 'break', 'serve-twice'] as const;
      // A node refuses the writes of a message as they come: what it does to one it does to those behind it.
      let ofMessage: { readonly message: number; readonly verdict: FakeVerdict } | null = null;
      cluster.judge = ({ kind, message }) => {
        if (kind === 'get') return 'serve';
        if (ofMessage?.message === message) return ofMessage.verdict;
        ofMessage = null;
        if (random.chance(0.05)) {
          const verdict: FakeVerdict = random.chance(0.5) ? 'doubt' : { refuse: 'BUSY' };
          ofMessage = { message, verdict };
          return verdict;
        }
        return random.chance(0.05) ? random.pick(verdicts) : 'serve';
      };
      const letters = ['a', 'b', 'c', 'n', 'o', 'p'];
      const model = new Map<string, string>();
      const expected: (string | undefined)[] = [];
      const seen: Promise<string | undefined>[] = [];
      const calls: Promise<unknown>[] = [];
      const options = { timeoutMs: 600_000 };
      for (let i = 0; i < 250; i++) {
        const key = random.pick(letters);
        const half = key < 'm' ? letters.slice(0, 3) : letters.slice(3);
        const other = random.pick(half);
        const what = random.int(5);
        if (what <= 1) {
          calls.push(db.put(key, `${i}`, options));
          model.set(key, `${i}`);
        } else if (what === 2) {
          expected.push(model.get(key));
          seen.push(db.get(key, options).then((hit) => hit?.value));
        } else if (what === 3) {
          expected.push(model.get(key));
          const call = db.txn({ then: [get(key), put(other, `${i}`)] }, options);
          // An answer that was lost may not be known any more in detail; here it always is.
          seen.push(call.then(({ results }) => results?.[0]?.value));
          model.set(other, `${i}`);
        } else {
          const end = half.at(-1) as string;
          calls.push(db.deleteRange({ start: half[0], end, ...options }));
          for (const one of half) if (one < end) model.delete(one);
          // Deletes of a range of several chunks are calls one after the other: no later ones meanwhile.
          await run(Promise.all(calls.splice(0)));
        }
        if (random.chance(0.05)) cluster.breakPipes();
        if (random.chance(0.05)) cluster.lead(1 + random.int(3), key);
        if (random.chance(0.3)) await scheduler.advance(random.int(4));
      }
      expect(await run(Promise.all(seen))).toEqual(expected);
      await run(Promise.all(calls));
      cluster.judge = () => 'serve';
      const hits = await run(db.getMany(letters));
      expect(hits.map((hit) => hit?.value)).toEqual(letters.map((key) => model.get(key)));
    },
  );
});

describe('deleteRange', () => {
  async function filled(db: DougClient, count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, i) => db.put(`k/${10_000 + i}`, 'v')));
  }

  it('deletes each chunk once although its answer was lost (applied-once)', async () => {
    const { cluster, db, run } = await simClient();
    await run(filled(db, 2_500));
    let chunks = 0;
    cluster.judge = ({ kind }) =>
      kind === 'delete-range' && chunks++ % 2 === 0 ? 'serve-and-break' : 'serve';
    expect(await run(db.deleteRange({ prefix: 'k/' }))).toEqual({ deleted: 2_500 });
    expect(chunks).toBeGreaterThanOrEqual(6);
    expect(cluster.applied).toHaveLength(5_000);
  });

  it('tells how many are certainly gone when it does not come to its end', async () => {
    const { cluster, db, run, fails } = await simClient();
    await run(filled(db, 2_500));
    let chunks = 0;
    cluster.judge = ({ kind }) => (kind === 'delete-range' && ++chunks > 1 ? 'swallow' : 'serve');
    const error = await fails(db.deleteRange({ prefix: 'k/', timeoutMs: 300 }));
    expect(DeleteRangeError.is(error)).toBe(true);
    expect(error).toMatchObject({ code: 'DOUG_IN_DOUBT', outcome: 'UNKNOWN', deleted: 1_024 });
  });

  it.each([0, 1])(
    'keeps its place among the calls over all of its chunks, facades: %i (call-order)',
    async (facades) => {
      const { db, run } = await simClient({ splitAt: ['k/11500'], facades });
      await run(filled(db, 2_500));
      // Keys of the first chunk, of a later one, and of the other partition.
      const late = ['k/10000', 'k/11400', 'k/99'];
      const calls = [db.deleteRange({ prefix: 'k/' }), ...late.map((key) => db.put(key, 'new'))];
      const seen = db.get('k/12400');
      const [result] = await run(Promise.all(calls));
      expect(result).toEqual({ deleted: 2_500 });
      expect(await run(seen)).toBeNull();
      expect(await run(db.getMany(late))).toMatchObject(late.map((key) => ({ key, value: 'new' })));
    },
  );

  it('gives its place up when it fails, is aborted while it waits, or ends with the client', async () => {
    const { cluster, db, run, fails } = await simClient({ splitAt: ['k/11500'] });
    await run(filled(db, 2_500));
    let chunks = 0;
    cluster.judge = ({ kind }) =>
      kind === 'delete-range' && ++chunks > 1 ? { refuse: 'PERMISSION_DENIED' } : 'serve';
    const failed = fails(db.deleteRange({ prefix: 'k/' }));
    await run(db.put('k/12000', 'new'));
    expect(await failed).toMatchObject({ code: 'DOUG_PERMISSION_DENIED', deleted: 1_024 });
    cluster.judge = ({ kind }) => (kind === 'put' ? 'swallow' : 'serve');
    const stop = new AbortController();
    const before = fails(db.put('k/12000', 'never', { timeoutMs: 500 }));
    const aborted = fails(db.deleteRange({ prefix: 'k/', signal: stop.signal }));
    const behind = db.get('k/11600');
    stop.abort();
    expect(await aborted).toMatchObject({ code: 'DOUG_ABORTED', outcome: 'NOT_APPLIED' });
    expect(await run(behind)).toMatchObject({ value: 'v' });
    expect(await before).toMatchObject({ code: 'DOUG_IN_DOUBT' });
    cluster.judge = () => 'swallow';
    const open = [fails(db.deleteRange({ prefix: 'k/' })), fails(db.put('k/12000', 'never'))];
    await db.close();
    expect(await run(Promise.all(open))).toMatchObject([
      { code: 'DOUG_CLOSED' },
      { code: 'DOUG_CLOSED' },
    ]);
  });

  it('that has done nothing fails as its first chunk does', async () => {
    const { cluster, db, fails } = await simClient();
    cluster.judge = () => ({ refuse: 'PERMISSION_DENIED' });
    const error = await fails(db.deleteRange({ prefix: 'k/' }));
    expect(error).toMatchObject({ code: 'DOUG_PERMISSION_DENIED', outcome: 'NOT_APPLIED' });
    expect(DeleteRangeError.is(error)).toBe(false);
  });

  it('ends with its signal between chunks', async () => {
    const { cluster, db, run, fails } = await simClient();
    await run(filled(db, 2_500));
    const stop = new AbortController();
    let chunks = 0;
    cluster.judge = ({ kind }) => {
      if (kind === 'delete-range' && ++chunks === 2) stop.abort();
      return 'serve';
    };
    const error = await fails(db.deleteRange({ prefix: 'k/', signal: stop.signal }));
    expect(error).toMatchObject({ code: 'DOUG_ABORTED', deleted: 1_024 });
  });

  it('says that a count is not complete when a partition has forgotten it', async () => {
    const { cluster, db, run } = await simClient();
    await run(filled(db, 5));
    for (const partition of cluster.partitions) partition.keepsResults = false;
    let isFirst = true;
    cluster.judge = ({ kind }) => {
      if (kind !== 'delete-range' || !isFirst) return 'serve';
      isFirst = false;
      return 'serve-and-break';
    };
    const result = await run(db.deleteRange({ prefix: 'k/' }));
    expect(result).toEqual({ deleted: 0, resultKept: false });
    expect(await run(db.count({ prefix: 'k/' }))).toBe(0);
  });

  it('goes over partitions that are split meanwhile, straight and through a facade', async () => {
    for (const facades of [0, 1]) {
      const sim = await simClient({ facades });
      const endpoints = facades === 0 ? sim.cluster.endpoints : sim.cluster.facades;
      const { createClient } = await import('../src/core.js');
      const ports = {
        transport: sim.cluster.transport(),
        clock: sim.scheduler.clock(),
        random: new SimRandom(facades),
      };
      const db = await sim.run(createClient(ports, { endpoints }));
      await sim.run(filled(db, 2_500));
      let chunks = 0;
      sim.cluster.judge = ({ kind }) => {
        if (kind === 'delete-range' && ++chunks === 1) sim.cluster.split('k/11500');
        return 'serve';
      };
      expect(await sim.run(db.deleteRange({ prefix: 'k/' }))).toEqual({ deleted: 2_500 });
      expect(sim.cluster.partitions).toHaveLength(2);
    }
  });
});

describe('scans', () => {
  it('go on in the same view after the stream broke, and see nothing that came meanwhile', async () => {
    const { cluster, db, run } = await simClient({ chunkEntries: 2 });
    await run(Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => db.put(key, '1'))));
    const scan = db.scan();
    expect((await run(scan.next())).value).toMatchObject({ key: 'a' });
    await run(Promise.all([db.put('e', '2'), db.delete('d'), db.put('f', '2')]));
    let isFirst = true;
    cluster.judge = ({ kind }) => {
      if (kind !== 'scan' || !isFirst) return 'serve';
      isFirst = false;
      return 'break';
    };
    const rest: string[] = [];
    for (let step = await run(scan.next()); !step.done; step = await run(scan.next())) {
      rest.push(`${step.value.key}${step.value.value}`);
    }
    expect(rest).toEqual(['b1', 'c1', 'd1', 'e1']);
  });

  it('fail with COMPACTED when history has gone on without them', async () => {
    const { cluster, db, run, fails } = await simClient({ chunkEntries: 2 });
    await run(Promise.all(['a', 'b', 'c', 'd'].map((key) => db.put(key, '1'))));
    const scan = db.scan();
    await run(scan.next());
    await run(scan.next());
    await run(db.put('e', '2'));
    await run(db.admin.compact(2));
    cluster.judge = () => 'break';
    const next = fails(scan.next());
    cluster.judge = () => 'serve';
    expect(await next).toMatchObject({ code: 'DOUG_COMPACTED', outcome: 'NOT_APPLIED' });
  });

  it('go on from a token in the view in which it was told, also in another client', async () => {
    const { db, join, run, collect } = await simClient({ splitAt: ['c'] });
    await run(Promise.all(['a', 'b', 'c', 'd'].map((key) => db.put(key, '1'))));
    const scan = db.scan({ limit: 1 });
    await run(scan.next());
    const from = scan.token as string;
    await run(Promise.all(['b', 'd'].map((key) => db.put(key, '2'))));
    const other = await join();
    const rest = await collect(other.scan({ from }));
    // Of the partition that it had begun it is the view; the next one is seen as it is.
    expect(rest.map(({ key, value }) => `${key}${value}`)).toEqual(['b1', 'c1', 'd2']);
  });
});
