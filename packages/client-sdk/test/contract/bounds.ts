import { all, type Given, unique } from './target.js';

export function describeBounds(given: Given): void {
  describe('a client that is called faster than the store answers', () => {
    it('refuses what goes beyond its limit with BUSY, and that had no effect', async () => {
      const { target } = given();
      const client = await target.connect({ pendingLimit: { operations: 500 } });
      const prefix = `${unique('bound')}/`;
      const keys = Array.from({ length: 1500 }, (_, i) => `${prefix}${1000 + i}`);
      const settled = await Promise.allSettled(keys.map((key) => client.put(key, 'v')));
      const taken = keys.filter((_, i) => settled[i]?.status === 'fulfilled');
      for (const one of settled) {
        if (one.status === 'fulfilled') continue;
        expect(one.reason).toMatchObject({ code: 'DOUG_BUSY', outcome: 'NOT_APPLIED' });
      }
      expect(taken).toHaveLength(500);
      expect((await all(client.scan({ prefix }))).map(({ key }) => key)).toEqual(taken);
      await client.close();
    });

    it('takes everything from a loop that awaits ready()', async () => {
      const { target } = given();
      const client = await target.connect({ pendingLimit: { operations: 100 } });
      const prefix = `${unique('ready')}/`;
      const calls: Promise<unknown>[] = [];
      for (let i = 0; i < 1000; i++) {
        await client.ready();
        expect(client.pending.operations).toBeLessThan(100);
        calls.push(client.put(`${prefix}${1000 + i}`, 'v'));
      }
      await Promise.all(calls);
      expect(await all(client.scan({ prefix, keysOnly: true }))).toHaveLength(1000);
      await client.close();
    });
  });
}
