import type { DougClient, Watch, WatchEvent, WatchOptions } from '../../src/core.js';
import { type Given, spread, unique } from './target.js';

/** The next events of a watch, so many. */
async function take(watch: Watch<WatchEvent>, count: number): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  while (events.length < count) {
    const step = await watch.next();
    if (step.done === true) throw new Error('the watch has ended');
    events.push(step.value);
  }
  return events;
}

async function ready(db: DougClient, options: WatchOptions): Promise<Watch<WatchEvent>> {
  const watch = db.watch({ ...options, progress: false });
  await watch.ready;
  return watch;
}

const text = (event: WatchEvent): string =>
  event.type === 'put' ? `${event.key}=${event.value}` : event.key;

export function describeWatches(given: Given): void {
  describe('watches', () => {
    it('tell what is written from when they are ready, in the order in which it took effect', async () => {
      const { db } = given();
      const prefix = `${unique('watch')}/`;
      await db.put(`${prefix}a`, 'before');
      await using watch = await ready(db, { prefix });
      const { revision } = await db.put(`${prefix}a`, '1');
      await db.put(`${prefix}b`, '2');
      await db.put('elsewhere', '3');
      await db.delete(`${prefix}a`);
      const events = await take(watch, 3);
      expect(events.map(text)).toEqual([`${prefix}a=1`, `${prefix}b=2`, `${prefix}a`]);
      expect(events.map(({ type }) => type)).toEqual(['put', 'put', 'delete']);
      expect(events[0]?.revision).toBe(revision);
      const revisions = events.map((event) => event.revision);
      expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
    });

    it('go on behind the token of any of their events, at any client', async () => {
      const { db, target } = given();
      const prefix = `${unique('resume')}/`;
      await using watch = await ready(db, { prefix });
      for (let i = 0; i < 5; i++) await db.put(`${prefix}${i % 2}`, `${i}`);
      const events = await take(watch, 5);
      const other = await target.connect();
      for (const [at, { token }] of events.entries()) {
        await using rest = other.watch({ prefix, from: token });
        expect((await take(rest, 4 - at)).map(text)).toEqual(events.slice(at + 1).map(text));
      }
      await other.close();
    });

    it('tell all that a transaction changes at one revision, by key, and go on in the middle of it', async () => {
      const { db } = given();
      const prefix = `${unique('txn')}/`;
      await db.put(`${prefix}c`, '0');
      await using watch = await ready(db, { prefix });
      const { revision } = await db.txn({
        then: [
          { put: `${prefix}d`, value: '1' },
          { put: `${prefix}a`, value: '1' },
          { delete: `${prefix}c` },
          { put: `${prefix}b`, value: '1' },
        ],
      });
      await db.put(`${prefix}a`, '2');
      const events = await take(watch, 5);
      const told = ['a=1', 'b=1', 'c', 'd=1', 'a=2'].map((one) => `${prefix}${one}`);
      expect(events.map(text)).toEqual(told);
      expect(new Set(events.slice(0, 4).map((event) => event.revision))).toEqual(
        new Set([revision]),
      );
      for (const [at, { token }] of events.entries()) {
        await using rest = db.watch({ prefix, from: token });
        expect((await take(rest, 4 - at)).map(text)).toEqual(told.slice(at + 1));
      }
    });

    it('tell that the time of a key is over as its delete', async () => {
      const { db } = given();
      const key = unique('ttl');
      await using watch = await ready(db, { key, previous: true });
      const { revision } = await db.put(key, '1', { ttlMs: 1_000 });
      const [put, gone] = await take(watch, 2);
      expect([put?.type, gone?.type]).toEqual(['put', 'delete']);
      expect(gone).toMatchObject({ key, previous: { value: '1', revision } });
    }, 30_000);

    it('tell what was there before, and only what was asked for', async () => {
      const { db } = given();
      const key = unique('key');
      await using all = await ready(db, { key, previous: true });
      await using puts = await ready(db, { key, deletes: false });
      await using deletes = await ready(db, { key, puts: false });
      const first = await db.put(key, '1');
      await db.put(`${key}+`, 'another key');
      const second = await db.put(key, '2');
      await db.delete(key);
      expect((await take(all, 3)).map(({ previous }) => previous)).toEqual([
        null,
        { value: '1', revision: first.revision },
        { value: '2', revision: second.revision },
      ]);
      expect((await take(puts, 2)).map(text)).toEqual([`${key}=1`, `${key}=2`]);
      expect((await take(deletes, 1)).map(text)).toEqual([key]);
    });

    it('tell more than is held of them, to whoever reads late', async () => {
      const { db } = given();
      const prefix = `${unique('large')}/`;
      await using watch = await ready(db, { prefix });
      const value = 'x'.repeat(200_000);
      for (let i = 0; i < 20; i++) await db.put(`${prefix}${i}`, value);
      const keys = (await take(watch, 20)).map(({ key }) => key);
      expect(keys).toEqual(Array.from({ length: 20 }, (_, i) => `${prefix}${i}`));
    });

    it('end with their signal, and when they are left', async () => {
      const { db } = given();
      const key = unique('end');
      const stop = new AbortController();
      const watch = await ready(db, { key, signal: stop.signal });
      const next = watch.next();
      stop.abort();
      await expect(next).rejects.toMatchObject({ code: 'DOUG_ABORTED', token: watch.token });
      const left = await ready(db, { key });
      await db.put(key, '1');
      for await (const event of left) {
        expect(event.key).toBe(key);
        break;
      }
      expect((await left.next()).done).toBe(true);
    });

    it('tell every change once and in order while there is trouble', async () => {
      const { db, target } = given();
      const name = unique('trouble');
      const keys = spread(name, 10);
      await using watch = await ready(db, {});
      const told = new Map<string, number[]>(keys.map((key) => [key, []]));
      const reading = (async () => {
        for await (const event of watch) {
          if (event.type === 'put') told.get(event.key)?.push(Number(event.value));
          if ([...told.values()].every((values) => values.at(-1) === last)) return;
        }
      })();
      let isTroubled = true;
      const acknowledged = new Map<string, number[]>(keys.map((key) => [key, []]));
      const writing = keys.map(async (key) => {
        for (let i = 1; isTroubled; i++) {
          // One that failed may have taken effect all the same.
          await db.put(key, `${i}`).then(
            () => acknowledged.get(key)?.push(i),
            () => undefined,
          );
        }
      });
      await target.disturb();
      isTroubled = false;
      await Promise.all(writing);
      await Promise.all(keys.map((key) => db.put(key, `${last}`)));
      await reading;
      for (const key of keys) {
        const values = told.get(key) ?? [];
        expect(values).toEqual([...new Set(values)].sort((a, b) => a - b));
        expect(values).toEqual(expect.arrayContaining(acknowledged.get(key) ?? []));
      }
      expect([...acknowledged.values()].flat().length).toBeGreaterThan(10);
    }, 60_000);
  });
}

const last = 1e9;
