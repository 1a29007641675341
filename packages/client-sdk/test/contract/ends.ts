import { all, type Given, unique } from './target.js';

export function describeEnds(given: Given): void {
  describe('the end of a call', () => {
    it('comes with its signal at any moment: what is NOT_APPLIED is not there', async () => {
      const { db } = given();
      const prefix = `${unique('abort')}/`;
      const early = AbortSignal.abort('no');
      await expect(db.put(`${prefix}early`, 'v', { signal: early })).rejects.toMatchObject({
        code: 'DOUG_ABORTED',
        outcome: 'NOT_APPLIED',
        cause: 'no',
      });
      const stop = new AbortController();
      const { signal } = stop;
      const keys = Array.from({ length: 600 }, (_, i) => `${prefix}${1000 + i}`);
      const calls = Promise.allSettled(keys.map((key) => db.put(key, 'v', { signal })));
      await db.get(prefix);
      stop.abort();
      const settled = await calls;
      // A later write of this client on the same key comes after whatever they did.
      const found = new Set((await db.getMany(keys)).flatMap((hit) => hit?.key ?? []));
      for (const [i, one] of settled.entries()) {
        const key = keys[i] as string;
        if (one.status === 'fulfilled') {
          expect([key, found.has(key)]).toEqual([key, true]);
          continue;
        }
        expect(one.reason).toMatchObject({ code: 'DOUG_ABORTED' });
        if (one.reason.outcome === 'NOT_APPLIED')
          expect([key, found.has(key)]).toEqual([key, false]);
      }
    });

    it('comes with its signal in the middle of a scan', async () => {
      const { db } = given();
      const prefix = `${unique('stop')}/`;
      await Promise.all(Array.from({ length: 5 }, (_, i) => db.put(`${prefix}${i}`, 'v')));
      const stop = new AbortController();
      const scanning = (async () => {
        for await (const _ of db.scan({ prefix, signal: stop.signal })) stop.abort();
      })();
      // The chunk that is there already may be the last one: then there is nothing to give up.
      await scanning.catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'DOUG_ABORTED', outcome: 'NOT_APPLIED' });
      });
      await expect(all(db.scan({ prefix, signal: stop.signal }))).rejects.toMatchObject({
        code: 'DOUG_ABORTED',
      });
    });

    it.each([
      ['no time', { timeoutMs: 0 }],
      ['a time that is none', { timeoutMs: Number.NaN }],
      ['a consistency that is none', { consistency: 'strong' as 'eventual' }],
    ])('is at once if it makes no sense: %s', async (_, options) => {
      const { db } = given();
      for (const call of [
        () => db.get('k', options),
        () => db.getMany(['k'], options),
        () => all(db.scan({ ...options, prefix: 'k' })),
      ]) {
        await expect(call()).rejects.toMatchObject({
          code: 'DOUG_INVALID_ARGUMENT',
          outcome: 'NOT_APPLIED',
        });
      }
    });

    it('comes with the client: nothing waits after close, and nothing begins', async () => {
      const { target, db } = given();
      const client = await target.connect();
      const prefix = `${unique('close')}/`;
      const keys = Array.from({ length: 300 }, (_, i) => `${prefix}${1000 + i}`);
      const calls = Promise.allSettled(keys.map((key) => client.put(key, 'v')));
      const view = client.withCodec('bytes');
      await client.close();
      await client.close();
      const settled = await calls;
      for (const [i, one] of settled.entries()) {
        if (one.status === 'fulfilled') continue;
        expect(one.reason).toMatchObject({ code: 'DOUG_CLOSED' });
        if (one.reason.outcome !== 'NOT_APPLIED') continue;
        expect(await db.get(keys[i] as string)).toBeNull();
      }
      for (const call of [
        () => client.get('k'),
        () => view.put('k', Uint8Array.of(1)),
        () => client.getMany(['k']),
        () => all(client.scan()),
        () => client.ready(),
        () => client.admin.members(),
      ]) {
        await expect(call()).rejects.toMatchObject({
          code: 'DOUG_CLOSED',
          outcome: 'NOT_APPLIED',
        });
      }
    });
  });
}
