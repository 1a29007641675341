import { DougError } from '@dougdb/rpc-proto';
import type { DougClient, Scan } from '../../src/core.js';
import { all, type Given, unique, until } from './target.js';

/** The partition that a key lies in. */
async function partitionOf(db: DougClient, key: string): Promise<number> {
  const bytes = new TextEncoder().encode(key);
  const data = (await db.admin.partitions()).filter(({ keyspace }) => keyspace === 1);
  const own = data.findLast(({ start }) => Buffer.compare(start, bytes) <= 0);
  return own?.partitionId ?? 0;
}

export function describeMoments(given: Given): void {
  describe('reads of other moments', () => {
    it('a read at a revision sees what was there then', async () => {
      const { db } = given();
      const key = unique('then');
      const first = await db.put(key, '1');
      const second = await db.put(key, '2');
      const gone = await db.delete(key);
      for (const [{ revision }, value] of [
        [first, '1'],
        [second, '2'],
        [gone, undefined],
      ] as const) {
        expect((await db.get(key, { revision }))?.value).toBe(value);
      }
      if (first.revision > 1) {
        expect(await db.get(key, { revision: first.revision - 1 })).toBeNull();
      }
    });

    it('a scan at a revision sees what was there then', async () => {
      const { db } = given();
      const prefix = `${unique('scan')}/`;
      await db.put(`${prefix}a`, '1');
      const { revision } = await db.put(`${prefix}b`, '1');
      await Promise.all([
        db.put(`${prefix}a`, '2'),
        db.delete(`${prefix}b`),
        db.put(`${prefix}c`, '2'),
      ]);
      const then = await all(db.scan({ prefix, revision }));
      expect(then.map(({ key, value }) => [key, value])).toEqual([
        [`${prefix}a`, '1'],
        [`${prefix}b`, '1'],
      ]);
      expect(await db.count({ prefix, revision })).toBe(2);
    });

    it('a revision of a range in several partitions means nothing', async () => {
      const { db } = given();
      const data = (await db.admin.partitions()).filter(({ keyspace }) => keyspace === 1);
      if (data.length === 1) return;
      await expect(all(db.scan({ revision: 1 }))).rejects.toMatchObject({
        code: 'DOUG_INVALID_ARGUMENT',
      });
      await expect(db.getMany(['a', 'z'], { revision: 1 } as object)).rejects.toMatchObject({
        code: 'DOUG_INVALID_ARGUMENT',
      });
    });

    it('below the floor of history they are refused, and above the newest revision too', async () => {
      const { db } = given();
      const key = unique('floor');
      const first = await db.put(key, '1');
      const second = await db.put(key, '2');
      const partitionId = await partitionOf(db, key);
      const { historyFloor } = await db.admin.compact(partitionId, { revision: second.revision });
      expect(historyFloor).toBeGreaterThanOrEqual(second.revision);
      const compacted = { code: 'DOUG_COMPACTED', outcome: 'NOT_APPLIED' };
      const below = { revision: first.revision };
      await expect(db.get(key, below)).rejects.toMatchObject(compacted);
      await expect(all(db.scan({ prefix: key, ...below }))).rejects.toMatchObject(compacted);
      expect((await db.get(key, { revision: historyFloor }))?.value).toBe('2');
      const far = { revision: second.revision + 1_000_000, timeoutMs: 300 };
      await expect(db.get(key, far)).rejects.toMatchObject({
        code: expect.stringMatching(/^DOUG_(FUTURE_REVISION|DEADLINE)$/),
        outcome: 'NOT_APPLIED',
      });
    });

    it('a bounded read is at most so old, and catches up', async () => {
      const { db } = given();
      const key = unique('bounded');
      const { revision } = await db.put(key, 'v');
      const consistency = { maxAgeMs: 60_000 };
      await until(async () => (await db.get(key, { consistency })) !== null);
      expect(await db.get(key, { consistency })).toEqual({ key, value: 'v', revision });
      expect(await db.getMany([key], { consistency })).toMatchObject([{ value: 'v' }]);
      await until(async () => (await db.count({ prefix: key, consistency })) === 1);
    });

    it('a lease read sees every write acknowledged before it, or is refused where there are no leases', async () => {
      const { target, db } = given();
      const other = await target.connect({ consistency: 'lease' });
      const key = unique('lease');
      for (let i = 0; i < 20; i++) {
        const { revision } = await db.put(key, `${i}`);
        try {
          expect(await other.get(key)).toEqual({ key, value: `${i}`, revision });
        } catch (error) {
          if (!DougError.is(error)) throw error;
          expect(error).toMatchObject({ code: 'DOUG_INVALID_ARGUMENT', outcome: 'NOT_APPLIED' });
          expect(error.message).toContain('lease');
        }
      }
      await other.close();
    });

    it('what makes no sense is refused at once', async () => {
      const { db } = given();
      for (const options of [
        { revision: 0 },
        { revision: 1.5 },
        { revision: 1, consistency: 'eventual' as const },
        { consistency: { maxAgeMs: 0 } },
        { consistency: {} as { maxAgeMs: number } },
      ]) {
        await expect(db.get('k', options)).rejects.toMatchObject({ code: 'DOUG_INVALID_ARGUMENT' });
      }
    });
  });

  describe('long scans', () => {
    it('count what they would yield', async () => {
      const { db } = given();
      const name = unique('count');
      const keys = 'agmtz'
        .split('')
        .flatMap((letter) => [`${letter}/${name}/1`, `${letter}/${name}/2`]);
      const before = await db.count();
      await Promise.all(keys.map((key) => db.put(key, 'v')));
      expect(await db.count({ prefix: `g/${name}/` })).toBe(2);
      expect(await db.count({ prefix: `g/${name}/`, limit: 1 })).toBe(1);
      expect(await db.count({ prefix: `nobody/${name}` })).toBe(0);
      expect(await db.count()).toBeGreaterThanOrEqual(Math.min(before, 1) + keys.length - 10);
    });

    it('go on from a token behind the entry that was told last', async () => {
      const { db } = given();
      const prefix = `${unique('token')}/`;
      const keys = Array.from({ length: 9 }, (_, i) => `${prefix}${i}`);
      await Promise.all(keys.map((key) => db.put(key, 'v')));
      for (const reverse of [false, true]) {
        const wanted = reverse ? [...keys].reverse() : keys;
        const seen: string[] = [];
        let from: string | undefined;
        for (let part = 0; part < 5; part++) {
          const range: object = from === undefined ? { prefix } : { from };
          const scan: Scan<{ key: string }> = db.scan({ ...range, reverse, limit: 2 });
          for await (const { key } of scan) seen.push(key);
          from = scan.token;
          if (from === undefined) break;
        }
        expect(seen).toEqual(wanted);
        // The last part had room for one more: nothing is left.
        expect(from).toBeUndefined();
      }
      await expect(all(db.scan({ from: 'garbage' }))).rejects.toMatchObject({
        code: 'DOUG_INVALID_ARGUMENT',
      });
      await expect(all(db.scan({ from: 'AAAA', prefix }))).rejects.toMatchObject({
        code: 'DOUG_INVALID_ARGUMENT',
      });
    });

    it('go over all partitions by tokens', async () => {
      const { db } = given();
      const name = unique('wide');
      const keys = 'agmtz'.split('').map((letter) => `${letter}/${name}`);
      await Promise.all(keys.map((key) => db.put(key, 'v')));
      const raw = db.withCodec('bytes');
      const seen: string[] = [];
      let from: string | undefined;
      do {
        const range: object = from === undefined ? { start: 'a/', end: 'z0' } : { from };
        const scan = raw.scan({ ...range, keysOnly: true, limit: 400 });
        for await (const { key } of scan) seen.push(new TextDecoder().decode(key));
        from = scan.token;
      } while (from !== undefined);
      expect(seen.filter((key) => key.includes(name))).toEqual(keys);
      expect(new Set(seen).size).toBe(seen.length);
    });
  });

  describe('keys with a time to live', () => {
    it('go by themselves, and stay when they are put again without one', async () => {
      const { db } = given();
      const p = `${unique('ttl')}/`;
      const beganMs = Date.now();
      const { revision } = await db.put(`${p}goes`, 'v', { ttlMs: 1_500 });
      await db.put(`${p}stays`, 'v', { ttlMs: 1_500 });
      await db.put(`${p}stays`, 'w');
      await db.txn({ then: [{ put: `${p}too`, value: 'v', ttlMs: 1_500 }] });
      const hit = await db.get(`${p}goes`);
      expect(hit).toMatchObject({ value: 'v', revision });
      // By the clock of the leader, which is the one of this test.
      expect(hit?.expiresAt).toBeGreaterThan(beganMs - 60_000);
      expect(hit?.expiresAt).toBeLessThan(Date.now() + 60_000);
      const entries = await all(db.scan({ prefix: p }));
      expect(entries.map((entry) => 'expiresAt' in entry)).toEqual([true, false, true]);
      await until(async () => {
        const hits = await db.getMany([`${p}goes`, `${p}too`]);
        return hits.every((one) => one === null);
      });
      expect(await db.get(`${p}stays`)).toMatchObject({ value: 'w' });
      // It was there: it went by a change of its own.
      expect((await db.get(`${p}goes`, { revision }))?.value).toBe('v');
    }, 30_000);

    it('must have one that makes sense', async () => {
      const { db } = given();
      for (const ttlMs of [-1, 1.5, Number.NaN, 1e15]) {
        await expect(db.put('k', 'v', { ttlMs })).rejects.toMatchObject({
          code: 'DOUG_INVALID_ARGUMENT',
        });
      }
    });
  });
}
