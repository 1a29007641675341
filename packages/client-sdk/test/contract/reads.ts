import { type Given, spread, unique, until } from './target.js';

export function describeReads(given: Given): void {
  describe('reads', () => {
    it('a linearizable read sees every write acknowledged before it, of any client', async () => {
      const { target, db } = given();
      const other = await target.connect();
      const key = unique('fresh');
      for (let i = 0; i < 50; i++) {
        const { revision } = await db.put(key, `${i}`);
        expect(await other.get(key)).toEqual({ key, value: `${i}`, revision });
      }
      await other.close();
    });

    it('an eventual read tells how old it may be, and catches up', async () => {
      const { db } = given();
      const key = unique('eventual');
      const { revision } = await db.put(key, 'v');
      await until(async () => {
        const hit = await db.get(key, { consistency: 'eventual' });
        if (hit === null) return false;
        expect(hit).toEqual({ key, value: 'v', revision, ageMs: expect.any(Number) });
        expect(hit.ageMs).toBeGreaterThanOrEqual(0);
        return true;
      });
      expect(await db.get(key)).not.toHaveProperty('ageMs');
    });

    it('getMany answers in the order of the keys, null where there is none', async () => {
      const { db } = given();
      const [a, b, c, d] = spread(unique('some'), 4) as [string, string, string, string];
      await Promise.all([db.put(a, '1'), db.put(c, '3')]);
      const hits = await db.getMany([d, c, b, a, c]);
      expect(hits.map((hit) => hit?.value)).toEqual([undefined, '3', undefined, '1', '3']);
      expect(hits[0]).toBeNull();
      expect(await db.getMany([])).toEqual([]);
    });

    it('getMany sees what was called before it and nothing called after it (call-order)', async () => {
      const { db } = given();
      const keys = spread(unique('between'), 5);
      const before = keys.map((key) => db.put(key, 'before'));
      const many = db.getMany(keys);
      const after = keys.map((key) => db.put(key, 'after'));
      expect((await many).map((hit) => hit?.value)).toEqual(keys.map(() => 'before'));
      await Promise.all([...before, ...after]);
    });

    it('a client with eventual reads by default says so in its answers', async () => {
      const { target, db } = given();
      const key = unique('default');
      await db.put(key, 'v');
      const lazy = await target.connect({ consistency: 'eventual' });
      // Each read may meet another replica, and any of them may be behind.
      const seen = async (read: () => Promise<object | null | undefined>): Promise<object> => {
        const hits: (object | null | undefined)[] = [];
        await until(async () => {
          hits.push(await read());
          return hits.at(-1) !== null;
        });
        return hits.at(-1) as object;
      };
      expect(await seen(() => lazy.get(key))).toHaveProperty('ageMs');
      expect(await seen(async () => (await lazy.getMany([key]))[0])).toHaveProperty('ageMs');
      expect(await lazy.get(key, { consistency: 'linearizable' })).not.toHaveProperty('ageMs');
      await lazy.close();
    });
  });
}
