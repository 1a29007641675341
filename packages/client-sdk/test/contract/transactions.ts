import { compare, del, deleteRange, get, put, scan } from '../../src/core.js';
import { all, type Given, unique } from './target.js';

export function describeTransactions(given: Given): void {
  describe('transactions', () => {
    it('carry out one of two lists, by what is there', async () => {
      const { db } = given();
      const p = `${unique('txn')}/`;
      const created = await db.txn({
        if: [compare(`${p}a`).exists(false), compare(`${p}b`).revision(0)],
        then: [put(`${p}a`, '1'), put(`${p}b`, '2')],
        else: [get(`${p}a`)],
      });
      expect(created).toEqual({ succeeded: true, revision: created.revision, results: [{}, {}] });
      const again = await db.txn({
        if: [compare(`${p}a`).exists(false)],
        then: [put(`${p}a`, 'never')],
        else: [get(`${p}a`), get(`${p}nobody`)],
      });
      expect(again).toEqual({
        succeeded: false,
        revision: expect.any(Number),
        results: [{ key: `${p}a`, value: '1', revision: created.revision }, null],
      });
      // Both keys were written at one revision.
      const hits = await db.getMany([`${p}a`, `${p}b`]);
      expect(hits.map((hit) => hit?.revision)).toEqual([created.revision, created.revision]);
    });

    it('let steps see those before them, and write each key once', async () => {
      const { db } = given();
      const p = `${unique('steps')}/`;
      await db.put(`${p}old`, '0');
      const outcome = await db.txn({
        then: [
          put(`${p}k`, '1', { returnPrevious: true }),
          put(`${p}k`, '2', { returnPrevious: true }),
          get(`${p}k`),
          del(`${p}old`, { returnPrevious: true }),
          del(`${p}old`),
          scan({ prefix: p }),
          put(`${p}k`, '3'),
        ],
      });
      const { revision } = outcome;
      expect(outcome.results).toEqual([
        { previous: null },
        { previous: { value: '1', revision } },
        { key: `${p}k`, value: '2', revision },
        { existed: true, previous: { value: '0', revision: expect.any(Number) } },
        { existed: false },
        { entries: [{ key: `${p}k`, value: '2', revision }], more: false },
        {},
      ]);
      expect(await all(db.scan({ prefix: p }))).toEqual([{ key: `${p}k`, value: '3', revision }]);
    });

    it('write what they put and delete again, at a revision as any other change', async () => {
      const { db } = given();
      const key = unique('to-and-fro');
      const { revision } = await db.put(`${key}/before`, 'v');
      const something = await db.txn({ then: [put(key, 'v'), del(key)] });
      expect(something.results).toEqual([{}, { existed: true }]);
      expect(something.revision).toBeGreaterThan(revision);
      expect(await db.get(key)).toBeNull();
    });

    it('see the end of what they put with a time to live', async () => {
      const { db } = given();
      const key = unique('mortal');
      const outcome = await db.txn({ then: [put(key, 'v', { ttlMs: 60_000 }), get(key)] });
      const hit = await db.get(key);
      expect(outcome.results?.[1]).toEqual(hit);
      expect(hit?.expiresAt).toBeGreaterThan(0);
    });

    it('count each key that they come to, once, up to 1,024', async () => {
      const { db } = given();
      const p = `${unique('touched')}/`;
      await Promise.all(Array.from({ length: 1_000 }, (_, i) => db.put(`${p}${1_000 + i}`, 'v')));
      const most = Array.from({ length: 23 }, (_, i) => put(`${p}new/${i}`, 'v'));
      const range = compare.prefix(p).exists();
      const rest = deleteRange({ prefix: p });
      await expect(
        db.txn({ if: [range], then: [rest, ...most, put(`${p}more`, 'v')] }),
      ).rejects.toMatchObject({ code: 'DOUG_INVALID_ARGUMENT', outcome: 'NOT_APPLIED' });
      expect(await db.count({ prefix: p })).toBe(1_000);
      const { succeeded } = await db.txn({ if: [range], then: [rest, ...most] });
      expect([succeeded, await db.count({ prefix: p })]).toEqual([true, 23]);
    });

    it('scan and delete ranges', async () => {
      const { db } = given();
      const p = `${unique('ranges')}/`;
      await Promise.all(['a', 'b', 'c', 'd'].map((name) => db.put(`${p}${name}`, name)));
      const outcome = await db.txn({
        then: [
          scan({ prefix: p, limit: 2, reverse: true, keysOnly: true }),
          deleteRange({ start: `${p}b`, end: `${p}d` }),
          scan({ prefix: p }),
        ],
      });
      if (!outcome.succeeded || outcome.results === undefined)
        throw new Error('it did not succeed');
      const [last, deleted, rest] = outcome.results;
      expect(last.more).toBe(true);
      expect(last.entries.map(({ key }) => key)).toEqual([`${p}d`, `${p}c`]);
      expect(last.entries[0]).not.toHaveProperty('value');
      expect(deleted).toEqual({ deleted: 2 });
      expect(rest.entries.map(({ key }) => key)).toEqual([`${p}a`, `${p}d`]);
    });

    it.each([
      ['revision', (k: string, r: number) => compare(k).revision(r), true],
      ['another revision', (k: string, r: number) => compare(k).revision(r + 1), false],
      ['not a revision', (k: string, r: number) => compare(k).revision.not(r), false],
      ['below a revision', (k: string, r: number) => compare(k).revision.lessThan(r + 1), true],
      ['above a revision', (k: string, r: number) => compare(k).revision.greaterThan(r), false],
      ['value', (k: string) => compare(k).value('v'), true],
      ['another value', (k: string) => compare(k).value('w'), false],
      ['not a value', (k: string) => compare(k).value.not('w'), true],
      ['below a value', (k: string) => compare(k).value.lessThan('va'), true],
      ['above a value', (k: string) => compare(k).value.greaterThan('v'), false],
      ['there', (k: string) => compare(k).exists(), true],
      ['not there', (k: string) => compare(k).exists(false), false],
      ['nobody', (k: string) => compare(`${k}+`).exists(false), true],
      ['no value of nobody', (k: string) => compare(`${k}+`).value('v'), false],
      ['not a value of nobody', (k: string) => compare(`${k}+`).value.not('v'), true],
      ['nobody at 0', (k: string) => compare(`${k}+`).revision(0), true],
      ['a range', (k: string, r: number) => compare.prefix(k).revision.lessThan(r + 1), true],
      ['a range too new', (k: string, r: number) => compare.prefix(k).revision.lessThan(r), false],
      ['a range with keys', (k: string) => compare.prefix(k).exists(), true],
      ['an empty range', (k: string) => compare.range(`${k}0`, `${k}9`).exists(false), true],
      ['all of nothing', (k: string) => compare.range(`${k}0`, `${k}9`).value('x'), true],
    ])('compare: %s', async (_, condition, holds) => {
      const { db } = given();
      const key = unique('compare');
      const { revision } = await db.put(key, 'v');
      const { succeeded } = await db.txn({ if: [condition(key, revision)] });
      expect(succeeded).toBe(holds);
    });

    it('are plain objects too, with values of any codec', async () => {
      const { db } = given();
      const p = `${unique('plain')}/`;
      const json = db.withCodec('json');
      await json.txn({ then: [{ put: `${p}a`, value: { n: [1] } }] });
      const outcome = await json.txn({
        if: [
          { key: `${p}a`, value: { n: [1] } },
          { prefix: `${p}x`, exists: false },
        ],
        then: [{ get: `${p}a` }, { delete: `${p}a` }, { deleteRange: { prefix: p } }],
      });
      expect(outcome).toMatchObject({
        succeeded: true,
        results: [{ value: { n: [1] } }, { existed: true }, { deleted: 0 }],
      });
    });

    it('change nothing and take no revision where nothing is to change', async () => {
      const { db } = given();
      const p = `${unique('nothing')}/`;
      const { revision } = await db.put(`${p}k`, '1');
      const read = await db.txn({ then: [get(`${p}k`), del(`${p}nobody`)] });
      expect(read.revision).toBeGreaterThanOrEqual(revision);
      const refused = await db.txn({
        if: [compare(`${p}k`).exists(false)],
        then: [put(`${p}k`, '2')],
      });
      expect(refused.succeeded).toBe(false);
      expect((await db.get(`${p}k`))?.revision).toBe(revision);
    });

    it('that are not awaited keep the order with all other calls on their keys (call-order)', async () => {
      const { db } = given();
      const p = `${unique('order')}/`;
      const [a, b] = [`${p}a`, `${p}b`];
      const seen: Promise<string | undefined>[] = [];
      const calls: Promise<unknown>[] = [];
      for (let i = 0; i < 30; i++) {
        calls.push(db.put(a, `${i}`), db.put(b, `${i}`));
        seen.push(
          db
            .txn({ then: [get(a), get(b), put(a, `${i}+`), deleteRange({ prefix: p })] })
            .then(({ results }) => `${results?.[0]?.value} ${results?.[1]?.value}`),
          db.get(a).then((hit) => hit?.value),
        );
      }
      const expected = Array.from({ length: 30 }, (_, i) => [`${i} ${i}`, undefined]).flat();
      expect(await Promise.all(seen)).toEqual(expected);
      await Promise.all(calls);
    });

    it('are refused when their keys lie in two partitions, with nothing done', async () => {
      const { db } = given();
      const data = (await db.admin.partitions()).filter(({ keyspace }) => keyspace === 1);
      if (data.length === 1) return;
      const name = unique('cross');
      const keys = [`a/${name}`, `z/${name}`];
      for (const call of [
        () => db.txn({ then: keys.map((key) => put(key, 'v')) }),
        () =>
          db.txn({
            if: [compare(keys[1] as string).exists(false)],
            then: [put(keys[0] as string, 'v')],
          }),
        () =>
          db.txn({
            then: [put(keys[0] as string, 'v')],
            else: [deleteRange({ start: 'a/', end: 'z0' })],
          }),
      ]) {
        await expect(call()).rejects.toMatchObject({
          code: 'DOUG_CROSS_PARTITION',
          outcome: 'NOT_APPLIED',
          message: expect.stringContaining('partition'),
        });
      }
      expect(await db.getMany(keys)).toEqual([null, null]);
    });

    it.each([
      ['nothing', {}],
      ['a step of no kind', { then: [{ set: 'k' }] }],
      ['a field with a slip', { then: [{ put: 'k', value: 'v', ttl: 5 }] }],
      ['a compare of nothing', { if: [{ key: 'k' }] }],
      ['a compare of two things', { if: [{ key: 'k', revision: 1, exists: true }] }],
      ['a relation that is none', { if: [{ key: 'k', revision: 1, is: '<' }] }],
      ['an empty key', { then: [{ get: '' }] }],
      ['too many steps', { then: Array.from({ length: 129 }, () => ({ get: 'k' })) }],
      ['a list that is none', { then: { get: 'k' } }],
    ])('that make no sense are refused: %s', async (_, txn) => {
      const { db } = given();
      await expect(db.txn(txn as { then: [] })).rejects.toMatchObject({
        code: 'DOUG_INVALID_ARGUMENT',
        outcome: 'NOT_APPLIED',
      });
    });
  });

  describe('deletes of ranges', () => {
    it('take as many chunks and partitions as there are, and leave the rest alone', async () => {
      const { db } = given();
      const name = unique('range');
      const mine = (letter: string, count: number): string[] =>
        Array.from({ length: count }, (_, i) => `${letter}/${name}/${10_000 + i}`);
      const keys = [...mine('h', 1100), ...mine('q', 3)];
      await Promise.all(keys.map((key) => db.put(key, 'v')));
      await db.put(`h/${name}0`, 'stays');
      expect(await db.deleteRange({ prefix: `h/${name}/` })).toEqual({ deleted: 1100 });
      expect(await all(db.scan({ prefix: `h/${name}` }))).toMatchObject([{ value: 'stays' }]);
      expect(await db.deleteRange({ start: `h/${name}`, end: `q/${name}/10002` })).toEqual({
        deleted: expect.any(Number),
      });
      expect(await db.getMany(mine('q', 3))).toMatchObject([null, null, { value: 'v' }]);
      expect(await db.deleteRange({ prefix: `h/${name}/` })).toEqual({ deleted: 0 });
    });

    it('of everything must be asked for as such', async () => {
      const { db } = given();
      await expect(db.deleteRange({})).rejects.toMatchObject({ code: 'DOUG_INVALID_ARGUMENT' });
    });
  });

  describe('recipes', () => {
    it('transact: nothing comes between what is read and what is written', async () => {
      const { target, db } = given();
      const p = `${unique('transact')}/`;
      await Promise.all([db.put(`${p}a`, '100'), db.put(`${p}b`, '100')]);
      const others = await Promise.all([target.connect(), target.connect()]);
      const move = async (client: typeof db, from: string, to: string): Promise<void> => {
        await client.transact(
          async (tx) => {
            const [a, b] = [await tx.get(from), await tx.get(to)];
            tx.put(from, `${Number(a?.value) - 1}`);
            tx.put(to, `${Number(b?.value) + 1}`);
          },
          { timeoutMs: 60_000 },
        );
      };
      await Promise.all(
        [db, ...others].map(async (client, n) => {
          for (let i = 0; i < 10; i++) {
            await (n === 1 ? move(client, `${p}b`, `${p}a`) : move(client, `${p}a`, `${p}b`));
          }
        }),
      );
      const [a, b] = await db.getMany([`${p}a`, `${p}b`]);
      expect([a?.value, b?.value]).toEqual(['90', '110']);
      await Promise.all(others.map((client) => client.close()));
    });

    it('transact: a key that appears or goes in a range that was read is seen', async () => {
      const { db } = given();
      const p = `${unique('phantom')}/`;
      await Promise.all(['b', 'd'].map((name) => db.put(`${p}${name}`, name)));
      for (const disturb of [
        () => db.put(`${p}c`, 'new'),
        () => db.delete(`${p}b`),
        () => db.put(`${p}d`, 'changed'),
      ]) {
        let runs = 0;
        const { value } = await db.transact(async (tx) => {
          const entries = await tx.scan({ prefix: p });
          if (++runs === 1) await disturb();
          tx.put(`${p}sum`, entries.map((entry) => entry.value).join());
          return entries.filter(({ key }) => key !== `${p}sum`).map((entry) => entry.value);
        });
        expect(runs).toBe(2);
        const now = await all(db.scan({ prefix: p }));
        expect(value).toEqual(
          now.filter(({ key }) => key !== `${p}sum`).map((entry) => entry.value),
        );
      }
    });

    it('transact: sees its own writes, and carries out none of them if it throws', async () => {
      const { db } = given();
      const p = `${unique('own')}/`;
      await db.put(`${p}a`, '1');
      const failing = db.transact(async (tx) => {
        tx.put(`${p}b`, '2');
        tx.delete(`${p}a`);
        expect(await tx.get(`${p}b`)).toEqual({ key: `${p}b`, value: '2', revision: 0 });
        expect(await tx.get(`${p}a`)).toBeNull();
        expect((await tx.scan({ prefix: p })).map(({ key }) => key)).toEqual([`${p}b`]);
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      expect(await db.getMany([`${p}a`, `${p}b`])).toMatchObject([{ value: '1' }, null]);
    });

    it('increment: many at once lose none', async () => {
      const { target, db } = given();
      const key = unique('count');
      const others = await Promise.all([target.connect({ codec: 'json' }), target.connect()]);
      await Promise.all(
        [db, ...others].map(async (client) => {
          for (let i = 0; i < 15; i++) await client.increment(key, 2, { timeoutMs: 60_000 });
        }),
      );
      expect(await db.get(key)).toMatchObject({ value: '90' });
      expect(await db.increment(key, -100)).toMatchObject({ value: -10 });
      expect((await db.withCodec('json').get(key))?.value).toBe(-10);
      await db.put(key, 'ten');
      await expect(db.increment(key)).rejects.toMatchObject({ code: 'DOUG_DECODE' });
      await Promise.all(others.map((client) => client.close()));
    });

    it('lock: one holder at a time, with tokens that grow', async () => {
      const { target, db } = given();
      const name = unique('lock');
      const other = await target.connect();
      const first = await db.lock(name, { ttlMs: 60_000 });
      await expect(other.lock(name, { ttlMs: 60_000 })).rejects.toMatchObject({
        code: 'DOUG_DEADLINE',
        outcome: 'NOT_APPLIED',
      });
      await first.extend();
      const guarded = await db.txn({ if: [first.guard], then: [put(`${name}+`, 'done')] });
      expect(guarded.succeeded).toBe(true);
      const waiting = other.lock(name, { ttlMs: 60_000, waitMs: 30_000 });
      expect(await first.release()).toBe(true);
      expect(await first.release()).toBe(false);
      const second = await waiting;
      expect(second.token).toBeGreaterThan(first.token);
      expect(first.lost.aborted).toBe(false);
      const late = await db.txn({ if: [first.guard], then: [put(`${name}+`, 'late')] });
      expect(late.succeeded).toBe(false);
      await expect(first.extend()).rejects.toMatchObject({ code: 'DOUG_COMPARE_FAILED' });
      await other.close();
      expect(second.lost.aborted).toBe(true);
    });
  });
}
