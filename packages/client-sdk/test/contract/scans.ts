import type { DougClient, ScanOptions } from '../../src/core.js';
import { all, type Given, spread, unique } from './target.js';

export function describeScans(given: Given): void {
  describe('scans', () => {
    const prefix = `${unique('scan')}/`;
    const names = ['a', 'b', 'b/1', 'b/2', 'c', 'é', '✓'];
    const keys = names.map((name) => `${prefix}${name}`);
    const found = async (options: ScanOptions): Promise<string[]> =>
      (await all(given().db.scan(options))).map(({ key }) => key.slice(prefix.length));

    beforeAll(async () => {
      await Promise.all(keys.map((key) => given().db.put(key, `value of ${key}`)));
    });

    it('yields the entries of a prefix in the order of the bytes of their keys', async () => {
      expect(await found({ prefix })).toEqual(names);
      expect(await found({ prefix: `${prefix}b/` })).toEqual(['b/1', 'b/2']);
      expect(await found({ prefix: `${prefix}nobody` })).toEqual([]);
      for (const { key, value, revision } of await all(given().db.scan({ prefix }))) {
        expect(value).toBe(`value of ${key}`);
        expect(revision).toBeGreaterThan(0);
      }
    });

    it('yields ranges, from the start to before the end', async () => {
      expect(await found({ start: `${prefix}b`, end: `${prefix}c` })).toEqual(['b', 'b/1', 'b/2']);
      expect(await found({ start: `${prefix}b`, end: `${prefix}b` })).toEqual([]);
      expect(await found({ start: `${prefix}c`, end: `${prefix}b` })).toEqual([]);
    });

    it('goes backwards, stops at a limit, and leaves values out', async () => {
      expect(await found({ prefix, reverse: true })).toEqual([...names].reverse());
      expect(await found({ prefix, limit: 3 })).toEqual(['a', 'b', 'b/1']);
      expect(await found({ prefix, limit: 3, reverse: true })).toEqual(['✓', 'é', 'c']);
      expect(await found({ prefix, limit: 0 })).toEqual([]);
      const [first] = await all(given().db.scan({ prefix, limit: 1, keysOnly: true }));
      expect(first).toEqual({ key: `${prefix}a`, revision: expect.any(Number) });
    });

    it('goes over all partitions, both ways, and ends when it is left', async () => {
      const { db } = given();
      const name = unique('wide');
      const wide = spread(name, 100).sort();
      await Promise.all(wide.map((key) => db.put(key, 'v')));
      const mine = async (reverse: boolean): Promise<string[]> => {
        // As bytes: other tests may have left keys and values there that are no text.
        const entries = await all(db.withCodec('bytes').scan({ start: 'a/', end: 'z0', reverse }));
        const keys = entries.map(({ key }) => new TextDecoder().decode(key));
        return keys.filter((key) => key.includes(name));
      };
      expect(await mine(false)).toEqual(wide);
      expect(await mine(true)).toEqual([...wide].reverse());
      for await (const { key } of db.scan({ prefix: `g/${name}/` })) {
        expect(key).toBe(wide.find((one) => one.startsWith('g/')));
        break;
      }
    });

    it('reads more than fits one answer', async () => {
      const { db } = given();
      const large = `${unique('large')}/`;
      const value = 'x'.repeat(400_000);
      const some = ['1', '2', '3', '4', '5', '6', '7'].map((name) => `${large}${name}`);
      await Promise.all(some.map((key) => db.put(key, value)));
      for (const reverse of [false, true]) {
        const entries = await all(db.scan({ prefix: large, reverse }));
        expect(entries.map(({ key }) => key)).toEqual(reverse ? [...some].reverse() : some);
        expect(entries.every((entry) => entry.value === value)).toBe(true);
      }
    });

    it('yields no key twice and none less that was there throughout, while others write', async () => {
      const { db } = given();
      const busy = `${unique('busy')}/`;
      const steady = Array.from({ length: 300 }, (_, i) => `${busy}${1000 + i}`);
      await Promise.all(steady.map((key) => db.put(key, 'x'.repeat(8_000))));
      let isScanning = true;
      const writing = keepWriting(db, busy, () => isScanning);
      const seen = (await all(db.scan({ prefix: busy }))).map(({ key }) => key);
      isScanning = false;
      await writing;
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen).toEqual([...seen].sort());
      expect(seen.filter((key) => steady.includes(key))).toEqual(steady);
    });
  });
}

async function keepWriting(db: DougClient, prefix: string, goOn: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && goOn(); i++) {
    await Promise.all([
      db.put(`${prefix}${1000 + (i % 300)}`, 'overwritten'),
      db.put(`${prefix}${1000 + (i % 300)}+`, 'new'),
      db.delete(`${prefix}${1000 + ((i + 150) % 300)}+`),
    ]);
  }
}
