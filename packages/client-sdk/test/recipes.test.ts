import { SimRandom } from '@dougdb/ports/sim';
import { compare, type DougClient, del, put } from '../src/core.js';
import { type SimClient, simClient } from './sim-client.js';

const decoder = new TextDecoder();

/** Trouble at random: answers and requests are lost, calls are refused, served twice, or in doubt. */
function troubled(seed: string, chance: number): (item: { kind: string }) => 'serve' {
  const random = new SimRandom(seed);
  const verdicts = ['serve-and-break', 'break', 'doubt', 'doubt-and-serve-later', 'serve-twice'];
  return ((item: { kind: string }) => {
    if (item.kind === 'get' || item.kind === 'scan' || !random.chance(chance)) return 'serve';
    return random.pick(verdicts);
  }) as () => 'serve';
}

async function clients(sim: SimClient, count: number): Promise<DougClient[]> {
  const all = [sim.db];
  while (all.length < count) all.push(await sim.join());
  return all;
}

describe('increment', () => {
  it.each([1, 2, 3])(
    'counts exactly while answers are lost (applied-once), seed %i',
    async (seed) => {
      const sim = await simClient({ judge: troubled(`increment ${seed}`, 0.2) }, {}, seed);
      const all = await clients(sim, 6);
      const options = { timeoutMs: 120_000 };
      await sim.run(
        Promise.all(
          all.map(async (db) => {
            for (let i = 0; i < 15; i++) await db.increment('n', 1, options);
          }),
        ),
      );
      await sim.scheduler.advance(2_000);
      expect((await sim.run(sim.db.get('n')))?.value).toBe('90');
      // Each value once, in order: nothing was counted twice on the way either.
      const values = sim.cluster.applied.map(({ value }) => Number(decoder.decode(value)));
      expect(values).toEqual(Array.from({ length: 90 }, (_, i) => i + 1));
    },
  );

  it('says UNKNOWN when nobody told what became of it, and has counted at most once', async () => {
    const sim = await simClient({
      judge: ({ kind }) => (kind === 'txn' ? 'doubt-and-serve-later' : 'serve'),
    });
    const error = await sim.fails(sim.db.increment('n', 1, { timeoutMs: 300 }));
    expect(error).toMatchObject({ code: 'DOUG_IN_DOUBT', outcome: 'UNKNOWN' });
    await sim.scheduler.advance(5_000);
    expect(sim.cluster.applied.length).toBeLessThanOrEqual(1);
  });

  it('reads what is newest, whatever reads of its client do', async () => {
    const sim = await simClient({ nodes: 3 }, { consistency: 'eventual' });
    const other = await sim.join();
    let left = 20;
    const readAt = new Set<number>();
    sim.cluster.judge = ({ kind, node }) => {
      if (kind === 'get') readAt.add(node);
      if ((kind === 'txn' || kind === 'get') && left-- > 0) void other.put('n', `${left}`);
      return 'serve';
    };
    await sim.run(sim.db.increment('n', 1, { timeoutMs: 60_000 }));
    expect([...readAt]).toEqual([1]);
  });

  it('gives up when others are always faster, and has counted nothing', async () => {
    const sim = await simClient();
    let n = 0;
    sim.cluster.judge = ({ kind }) => {
      if (kind === 'txn' || kind === 'get') void other.put('n', `${++n}`);
      return 'serve';
    };
    const other = await sim.join();
    await sim.run(other.put('n', '0'));
    const error = await sim.fails(sim.db.increment('n', 1, { timeoutMs: 200 }));
    expect(error).toMatchObject({ code: 'DOUG_DEADLINE', outcome: 'NOT_APPLIED' });
  });
});

/** What one transaction of the model read and wrote. */
interface Committed {
  readonly revision: number;
  readonly reads: readonly (readonly [string, string | undefined])[];
  readonly scans: readonly {
    readonly range: { readonly start: string; readonly end: string };
    readonly found: readonly (readonly [string, string])[];
  }[];
  readonly writes: readonly (readonly [string, string | null])[];
}

/** Reads and writes at random; tells what it did. */
async function randomTransaction(db: DougClient, random: SimRandom, n: number): Promise<Committed> {
  const letters = 'abcdef';
  const letter = (): string => random.pick([...letters]);
  const plan = Array.from({ length: 1 + random.int(4) }, () => ({
    what: random.pick(['get', 'scan', 'put', 'put', 'delete'] as const),
    key: letter(),
    to: letter(),
  }));
  const { value, revision } = await db.transact(
    async (tx) => {
      const reads: [string, string | undefined][] = [];
      const scans: { range: { start: string; end: string }; found: [string, string][] }[] = [];
      const writes = new Map<string, string | null>();
      for (const { what, key, to } of plan) {
        if (what === 'get') {
          const hit = await tx.get(key);
          if (!writes.has(key)) reads.push([key, hit?.value]);
        } else if (what === 'scan') {
          const range = key < to ? { start: key, end: to } : { start: to, end: '' };
          const found = await tx.scan({ start: range.start, end: range.end || undefined });
          const isClean = ![...writes.keys()].some((one) => one >= range.start);
          if (isClean) scans.push({ range, found: found.map((one) => [one.key, one.value]) });
        } else if (what === 'put') {
          tx.put(key, `${n}`);
          writes.set(key, `${n}`);
        } else {
          tx.delete(key);
          writes.set(key, null);
        }
      }
      return { reads, scans, writes: [...writes] };
    },
    { timeoutMs: 600_000, attempts: 10_000 },
  );
  return { revision, ...value };
}

describe('transact', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'is serializable: the transactions one after the other explain all that was seen, seed %i',
    async (seed) => {
      const sim = await simClient(
        { judge: troubled(`transact ${seed}`, 0.05), chunkEntries: 2 },
        {},
        seed,
      );
      const all = await clients(sim, 5);
      const committed: Committed[] = [];
      await sim.run(
        Promise.all(
          all.map(async (db, client) => {
            const random = new SimRandom(`client ${seed} ${client}`);
            for (let i = 0; i < 12; i++) {
              committed.push(await randomTransaction(db, random, client * 100 + i));
            }
          }),
        ),
      );
      expect(committed).toHaveLength(60);
      // One that wrote has a revision of its own; one that only read comes behind the one with its revision.
      const order = committed
        .filter(({ revision }) => revision > 0)
        .sort((a, b) => a.revision - b.revision || b.writes.length - a.writes.length);
      const state = new Map<string, string>();
      for (const { reads, scans, writes } of order) {
        for (const [key, value] of reads) expect([key, state.get(key)]).toEqual([key, value]);
        for (const { range, found } of scans) {
          const there = [...state]
            .filter(([key]) => key >= range.start && (range.end === '' || key < range.end))
            .sort();
          expect(there).toEqual(found);
        }
        for (const [key, value] of writes) {
          if (value === null) state.delete(key);
          else state.set(key, value);
        }
      }
      const last = await sim.collect(sim.db.scan());
      expect(last.map(({ key, value }) => [key, value])).toEqual([...state].sort());
    },
  );

  it('runs again when what it threw may come of what it read', async () => {
    const sim = await simClient();
    const other = await sim.join();
    await sim.run(Promise.all([sim.db.put('a', '1'), sim.db.put('b', '-1')]));
    let runs = 0;
    const { value } = await sim.run(
      sim.db.transact(async (tx) => {
        const a = Number((await tx.get('a'))?.value);
        if (++runs === 1) await other.txn({ then: [put('a', '2'), put('b', '-2')] });
        const b = Number((await tx.get('b'))?.value);
        if (a + b !== 0) throw new Error('this cannot be');
        return a;
      }),
    );
    expect([value, runs]).toEqual([2, 2]);
  });

  it('gives up after so many attempts, with nothing done', async () => {
    const sim = await simClient();
    const other = await sim.join();
    await sim.run(sim.db.put('a', '0'));
    let runs = 0;
    const error = await sim.fails(
      sim.db.transact(
        async (tx) => {
          await tx.get('a');
          await other.put('a', `${++runs}`);
          tx.put('a', 'mine');
        },
        { attempts: 3, timeoutMs: 60_000 },
      ),
    );
    expect(error).toMatchObject({ code: 'DOUG_DEADLINE', outcome: 'NOT_APPLIED' });
    expect(runs).toBe(3);
    expect((await sim.run(sim.db.get('a')))?.value).toBe('3');
  });

  it('ends with its signal between attempts', async () => {
    const sim = await simClient();
    const other = await sim.join();
    const stop = new AbortController();
    const error = await sim.fails(
      sim.db.transact(
        async (tx) => {
          await tx.get('a');
          await other.put('a', 'x');
          tx.put('a', 'mine');
          sim.scheduler.schedule(5, () => stop.abort());
        },
        { signal: stop.signal },
      ),
    );
    expect(error).toMatchObject({ code: 'DOUG_ABORTED' });
  });

  it('lets nothing be read or written when the function has returned', async () => {
    const sim = await simClient();
    let late: { put(key: string, value: string): void } | undefined;
    await sim.run(
      sim.db.transact((tx) => {
        late = tx;
      }),
    );
    expect(() => late?.put('a', '1')).toThrow('has returned');
    expect(sim.cluster.applied).toEqual([]);
  });

  it.each([{}, { end: 'c' }, { prefix: '' }, { limit: 2 }])(
    'scans from the first key of all: %j',
    async (range) => {
      const sim = await simClient({ chunkEntries: 2 });
      await sim.run(Promise.all(['a', 'b'].map((key) => sim.db.put(key, '1'))));
      const tx = sim.db.transact((tx) => tx.scan(range), { attempts: 1 });
      expect((await sim.run(tx)).value.map(({ key }) => key)).toEqual(['a', 'b']);
    },
  );

  it('tells in a scan nothing of what is written while it is on its way', async () => {
    const sim = await simClient();
    await sim.run(Promise.all([sim.db.put('a', '1'), sim.db.put('b', '1')]));
    const { value } = await sim.run(
      sim.db.transact(async (tx) => {
        const scan = tx.scan({});
        tx.put('a', '2');
        tx.delete('b');
        const before = await scan;
        return [before, await tx.scan({})].map((all) => all.map((one) => one.key + one.value));
      }),
    );
    expect(value).toEqual([['a1', 'b1'], ['a2']]);
  });

  it.each(['reverse', 'keysOnly', 'from', 'revision'])(
    'refuses a scan with what it could not compare: %s',
    async (name) => {
      const sim = await simClient();
      await sim.run(Promise.all(['a', 'b', 'c'].map((key) => sim.db.put(key, '1'))));
      const range = { limit: 1, [name]: true };
      const error = await sim.fails(sim.db.transact((tx) => tx.scan(range)));
      expect(error).toMatchObject({ code: 'DOUG_INVALID_ARGUMENT' });
      expect(error.message).toContain(`no '${name}'`);
    },
  );

  it('reads nothing by a scan without room', async () => {
    const sim = await simClient();
    await sim.run(sim.db.put('a', '1'));
    const { value } = await sim.run(sim.db.transact((tx) => tx.scan({ limit: 0 })));
    expect(value).toEqual([]);
  });

  it('cuts a scan at the longest key that there can be', async () => {
    const sim = await simClient();
    const other = await sim.join();
    const longest = 'b'.repeat(8 * 1024);
    await sim.run(Promise.all(['a', longest, 'c'].map((key) => sim.db.put(key, '1'))));
    let runs = 0;
    const { value } = await sim.run(
      sim.db.transact(async (tx) => {
        const entries = await tx.scan({ limit: 2 });
        if (++runs === 1) await Promise.all([other.put('aa', '1'), other.put('d', '1')]);
        tx.put('n', String(entries.length));
        return entries.map(({ key }) => key.slice(0, 2));
      }),
    );
    expect([value, runs]).toEqual([['a', 'aa'], 2]);
  });

  it('notes what it read up to the last key of all', async () => {
    const sim = await simClient();
    const last = new Uint8Array(8 * 1024).fill(0xff);
    let runs = 0;
    await sim.run(
      sim.db.withCodec('bytes').transact(async (tx) => {
        const entries = await tx.scan({ start: 'z' });
        if (++runs === 1) await sim.db.put(last, 'v');
        tx.put('count', Uint8Array.of(entries.length));
      }),
    );
    expect(runs).toBe(2);
  });
});

describe('lock', () => {
  it('is lost before its time can be over, by the clock that counts no jumps', async () => {
    const sim = await simClient();
    const lock = await sim.run(sim.db.lock('l', { ttlMs: 10_000 }));
    await sim.scheduler.advance(8_000);
    expect(lock.lost.aborted).toBe(false);
    await sim.scheduler.advance(1_000);
    expect(lock.lost.aborted).toBe(true);
    // And it is still there: nobody else has it yet.
    expect(await sim.run(sim.db.get('l'))).not.toBeNull();
    expect(await sim.fails(lock.extend())).toMatchObject({ code: 'DOUG_COMPARE_FAILED' });
    await sim.scheduler.advance(1_100);
    expect(await sim.run(sim.db.get('l'))).toBeNull();
    await sim.db.close();
    expect(sim.clock.pendingCount).toBe(0);
  });

  it('lasts as long as it is extended', async () => {
    const sim = await simClient();
    const lock = await sim.run(sim.db.lock('l', { ttlMs: 10_000 }));
    for (let i = 0; i < 10; i++) {
      await sim.scheduler.advance(5_000);
      await sim.run(lock.extend());
    }
    expect(lock.lost.aborted).toBe(false);
    expect(await sim.run(lock.release())).toBe(true);
    await sim.scheduler.advance(60_000);
    expect(lock.lost.aborted).toBe(false);
  });

  it('counts its time from before it was sent', async () => {
    const sim = await simClient({ latencyMs: 300 });
    const beganMs = sim.nowMs();
    const lock = await sim.run(sim.db.lock('l', { ttlMs: 10_000 }));
    expect(sim.nowMs() - beganMs).toBeGreaterThanOrEqual(600);
    await sim.scheduler.advance(beganMs + 8_900 - sim.nowMs());
    expect(lock.lost.aborted).toBe(false);
    await sim.scheduler.advance(200);
    expect(lock.lost.aborted).toBe(true);
  });

  it('is lost at once if its time is over when the answer comes', async () => {
    const sim = await simClient({ latencyMs: 300 });
    const seen: boolean[] = [];
    await sim.run(
      sim.db.lock('l', { ttlMs: 1_000 }).then((lock) => {
        seen.push(lock.lost.aborted);
      }),
    );
    expect(seen).toEqual([true]);
  });

  it('is not said to be extended when it was lost before the answer came', async () => {
    const sim = await simClient();
    const lock = await sim.run(sim.db.lock('l', { ttlMs: 10_000 }));
    await sim.scheduler.advance(8_900);
    let isFirst = true;
    sim.cluster.judge = ({ kind }) => {
      if (kind !== 'txn' || !isFirst) return 'serve';
      isFirst = false;
      return { refuse: 'BUSY', retryAfterMs: 300 };
    };
    const error = await sim.fails(lock.extend());
    expect(error).toMatchObject({ code: 'DOUG_COMPARE_FAILED' });
    expect(lock.lost.aborted).toBe(true);
  });

  it('is found to be another one’s when it is extended too late', async () => {
    const sim = await simClient();
    const other = await sim.join();
    const lock = await sim.run(sim.db.lock('l', { ttlMs: 10_000 }));
    await sim.run(other.delete('l'));
    const second = await sim.run(other.lock('l', { ttlMs: 10_000 }));
    expect(second.token).toBeGreaterThan(lock.token);
    expect(await sim.fails(lock.extend())).toMatchObject({ code: 'DOUG_COMPARE_FAILED' });
    expect(lock.lost.aborted).toBe(true);
    expect(await sim.run(lock.release())).toBe(false);
    expect(second.lost.aborted).toBe(false);
  });

  it('is taken once although its answer was lost (applied-once)', async () => {
    const sim = await simClient();
    let isFirst = true;
    sim.cluster.judge = ({ kind }) => {
      if (kind !== 'txn' || !isFirst) return 'serve';
      isFirst = false;
      return 'serve-and-break';
    };
    const lock = await sim.run(sim.db.lock('l', { ttlMs: 10_000 }));
    const { succeeded } = await sim.run(
      sim.db.txn({ if: [lock.guard, compare('m').exists(false)], then: [del('l')] }),
    );
    expect(succeeded).toBe(true);
  });

  it('waits until it is free, its time is up or its signal fires', async () => {
    const sim = await simClient();
    const other = await sim.join();
    const lock = await sim.run(sim.db.lock('l', { ttlMs: 3_000 }));
    const beganMs = sim.nowMs();
    expect(await sim.fails(other.lock('l', { ttlMs: 3_000, waitMs: 500 }))).toMatchObject({
      code: 'DOUG_DEADLINE',
    });
    expect(sim.nowMs() - beganMs).toBeLessThan(700);
    const stop = new AbortController();
    sim.scheduler.schedule(200, () => stop.abort());
    const { signal } = stop;
    expect(
      await sim.fails(other.lock('l', { ttlMs: 3_000, waitMs: 60_000, signal })),
    ).toMatchObject({ code: 'DOUG_ABORTED' });
    const next = await sim.run(other.lock('l', { ttlMs: 3_000, waitMs: 60_000 }));
    expect(lock.lost.aborted).toBe(true);
    expect(next.token).toBeGreaterThan(lock.token);
  });

  it.each([[{ ttlMs: 50 }], [{ ttlMs: Number.NaN }], [{ ttlMs: 1_000, waitMs: -1 }]])(
    'refuses what makes no sense: %j',
    async (options) => {
      const sim = await simClient();
      expect(await sim.fails(sim.db.lock('l', options))).toMatchObject({
        code: 'DOUG_INVALID_ARGUMENT',
      });
    },
  );
});

describe('a client that is closed', () => {
  it('leaves no timer of what waits for its next attempt', async () => {
    const sim = await simClient();
    const other = await sim.join();
    await sim.run(Promise.all([other.lock('l', { ttlMs: 60_000 }), other.put('a', '0')]));
    let n = 0;
    const open = [
      sim.fails(sim.db.lock('l', { ttlMs: 1_000, waitMs: 60_000 })),
      sim.fails(
        sim.db.transact(
          async (tx) => {
            await tx.get('a');
            await other.put('a', `${++n}`);
            tx.put('a', 'mine');
          },
          { timeoutMs: 60_000 },
        ),
      ),
    ];
    await sim.scheduler.advance(1_000);
    await sim.db.close();
    expect(sim.clock.pendingCount).toBe(0);
    const errors = await Promise.all(open);
    expect(errors.map(({ code }) => code)).toEqual(['DOUG_CLOSED', 'DOUG_CLOSED']);
  });
});
