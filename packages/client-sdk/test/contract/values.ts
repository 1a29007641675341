import { type Given, unique } from './target.js';

const utf8 = new TextEncoder();

export function describeValues(given: Given): void {
  describe('keys and values', () => {
    it('are text by default: any that has UTF-8, and nothing else', async () => {
      const { db } = given();
      const key = `${unique('text')} \u0000 ✓ \u{1f600} \ufeff`;
      for (const value of ['', '\u0000', '\ufeffx', 'é ✓ \u{1f600}', 'line\nline']) {
        await db.put(key, value);
        expect(await db.get(key)).toMatchObject({ key, value });
      }
      for (const call of [() => db.put('\ud800', 'v'), () => db.put(key, '\udc00')]) {
        await expect(call()).rejects.toMatchObject({ code: 'DOUG_INVALID_ARGUMENT' });
      }
    });

    it('are bytes if they are wanted so, and refused as text if they are none', async () => {
      const { db } = given();
      const raw = db.withCodec('bytes');
      const name = utf8.encode(unique('bytes'));
      const key = Uint8Array.of(...name, 0xff, 0);
      const value = Uint8Array.of(0, 255, 128);
      await raw.put(key, value);
      const hit = await raw.get(key);
      expect([hit?.key, hit?.value]).toEqual([key, value]);
      await raw.put(name, value);
      await expect(db.get(name)).rejects.toMatchObject({
        code: 'DOUG_DECODE',
        outcome: 'NOT_APPLIED',
      });
    });

    it('are JSON, or whatever a codec of the application makes of them', async () => {
      const { db } = given();
      const key = unique('codec');
      const json = db.withCodec('json');
      await json.put(key, { a: [1, null, 'x', { b: true }] });
      expect((await json.get(key))?.value).toEqual({ a: [1, null, 'x', { b: true }] });
      expect((await db.get(key))?.value).toBe('{"a":[1,null,"x",{"b":true}]}');
      const dates = db.withCodec<Date>({
        encode: (date) => utf8.encode(date.toISOString()),
        decode: (bytes) => new Date(new TextDecoder().decode(bytes)),
      });
      const { previous } = await db.put(key, 'no JSON', { returnPrevious: true });
      expect(previous?.value).toMatch(/^\{/);
      await expect(json.get(key)).rejects.toMatchObject({ code: 'DOUG_DECODE' });
      await dates.put(key, new Date(0));
      expect((await dates.get(key))?.value).toEqual(new Date(0));
    });

    it('are as large as the limits say, and not larger', async () => {
      const { db } = given();
      const limits = (await db.admin.status()).limits;
      const key = unique('large').padEnd(limits.key, '.');
      const value = 'x'.repeat(limits.value);
      const { revision } = await db.put(key, value);
      const hit = await db.get(key);
      expect(hit?.value === value && hit.revision === revision).toBe(true);
      const { previous } = await db.put(key, '', { returnPrevious: true });
      expect(previous?.value === value).toBe(true);
      for (const call of [
        () => db.put(`${key}.`, 'v'),
        () => db.get(`${key}.`),
        () => db.put(key, `${value}.`),
        () => db.put('', 'v'),
      ]) {
        await expect(call()).rejects.toMatchObject({
          code: 'DOUG_INVALID_ARGUMENT',
          outcome: 'NOT_APPLIED',
        });
      }
    });
  });
}
