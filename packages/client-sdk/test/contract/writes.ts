import { type Given, spread, unique } from './target.js';

export function describeWrites(given: Given): void {
  describe('writes', () => {
    it('put sets, get finds, delete removes', async () => {
      const { db } = given();
      const key = unique('write');
      expect(await db.get(key)).toBeNull();
      const { revision } = await db.put(key, 'Ada');
      expect(await db.get(key)).toEqual({ key, value: 'Ada', revision });
      await db.put(key, 'Eve');
      expect((await db.get(key))?.value).toBe('Eve');
      await db.delete(key);
      expect(await db.get(key)).toBeNull();
    });

    it('revisions grow with every write in the partition', async () => {
      const { db } = given();
      const key = unique('revision');
      const first = await db.put(key, '1');
      const second = await db.put(`${key}+`, '1');
      const third = await db.delete(key);
      // A delete does not look: it is a write whether or not the key is there.
      const fourth = await db.delete(key);
      const revisions = [first, second, third, fourth].map(({ revision }) => revision);
      expect(revisions.map((revision) => revision - first.revision)).toEqual([0, 1, 2, 3]);
      expect(first.revision).toBeGreaterThan(0);
    });

    it('the answer of a blind write is its revision and nothing else', async () => {
      const { db } = given();
      const key = unique('blind');
      expect(Object.keys(await db.put(key, 'v'))).toEqual(['revision']);
      expect(Object.keys(await db.delete(key))).toEqual(['revision']);
    });

    it('calls on one key that are not awaited take effect in the order of the calls (call-order)', async () => {
      const { db } = given();
      const key = unique('order');
      const seen: Promise<string | undefined>[] = [];
      const writes: Promise<{ revision: number }>[] = [];
      for (let i = 0; i < 600; i++) {
        writes.push(db.put(key, `${i}`));
        if (i % 13 === 0) seen.push(db.get(key).then((hit) => hit?.value));
      }
      writes.push(db.delete(key));
      seen.push(db.get(key).then((hit) => hit?.value));
      const revisions = (await Promise.all(writes)).map(({ revision }) => revision);
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
      const expected = Array.from({ length: 600 }, (_, i) => i).filter((i) => i % 13 === 0);
      expect(await Promise.all(seen)).toEqual([...expected.map((i) => `${i}`), undefined]);
    });

    it('thousands of calls at once are all served, each once', async () => {
      const { db } = given();
      const keys = spread(unique('many'), 3000);
      const written = await Promise.all(keys.map((key) => db.put(key, `value of ${key}`)));
      const hits = await db.getMany(keys);
      for (const [i, hit] of hits.entries()) {
        expect(hit).toEqual({
          key: keys[i],
          value: `value of ${keys[i]}`,
          revision: written[i]?.revision,
        });
      }
    });
  });
}
