import { CompareFailedError, type DougClient } from '../../src/core.js';
import { type Given, unique } from './target.js';

const failed = { code: 'DOUG_COMPARE_FAILED', outcome: 'NOT_APPLIED', retryable: false };

export function describeConditions(given: Given): void {
  describe('conditions', () => {
    it('ifAbsent: only where nothing is', async () => {
      const { db } = given();
      const key = unique('absent');
      const { revision } = await db.put(key, '1', { ifAbsent: true });
      await expect(db.put(key, '2', { ifAbsent: true })).rejects.toMatchObject({
        ...failed,
        current: { revision },
      });
      expect(await db.get(key)).toEqual({ key, value: '1', revision });
      await db.delete(key);
      await db.put(key, '3', { ifAbsent: true });
      expect((await db.get(key))?.value).toBe('3');
    });

    it('ifRevision: only where the key was last written then', async () => {
      const { db } = given();
      const key = unique('revision');
      const first = await db.put(key, '1');
      const second = await db.put(key, '2', { ifRevision: first.revision });
      const late = { ifRevision: first.revision };
      for (const call of [() => db.put(key, '3', late), () => db.delete(key, late)]) {
        await expect(call()).rejects.toMatchObject({
          ...failed,
          current: { revision: second.revision },
        });
      }
      expect((await db.get(key))?.value).toBe('2');
      await db.delete(key, { ifRevision: second.revision });
      expect(await db.get(key)).toBeNull();
      for (const call of [() => db.put(key, '4', late), () => db.delete(key, late)]) {
        await expect(call()).rejects.toMatchObject({ ...failed, current: null });
      }
    });

    it('a condition that is not met changes nothing and takes no revision', async () => {
      const { db } = given();
      const key = unique('nothing');
      const { revision } = await db.put(key, '1');
      const error: unknown = await db.put(key, '2', { ifAbsent: true }).catch((e: unknown) => e);
      expect(CompareFailedError.is(error)).toBe(true);
      await expect(db.delete(key, { ifRevision: revision + 9 })).rejects.toMatchObject(failed);
      expect(await db.put(`${key}+`, '1')).toEqual({ revision: revision + 1 });
    });

    it('returnPrevious: what was there, or stands in the way', async () => {
      const { db } = given();
      const key = unique('previous');
      const first = await db.put(key, '1', { returnPrevious: true });
      expect(first).toEqual({ revision: first.revision, previous: null });
      const second = await db.put(key, '', { returnPrevious: true });
      expect(second.previous).toEqual({ value: '1', revision: first.revision });
      const third = await db.put(key, '3', {
        ifRevision: second.revision,
        returnPrevious: true,
      });
      expect(third.previous).toEqual({ value: '', revision: second.revision });
      await expect(
        db.put(key, '4', { ifAbsent: true, returnPrevious: true }),
      ).rejects.toMatchObject({ ...failed, current: { value: '3', revision: third.revision } });
      const bare: unknown = await db.put(key, '4', { ifAbsent: true }).catch((e: unknown) => e);
      expect((bare as CompareFailedError).current).toEqual({ revision: third.revision });
      const gone = await db.delete(key, { returnPrevious: true });
      expect(gone).toEqual({
        revision: third.revision + 1,
        previous: { value: '3', revision: third.revision },
      });
    });

    it('returnExisted: whether it was there; a delete that looks and finds nothing takes no revision', async () => {
      const { db } = given();
      const key = unique('existed');
      const { revision } = await db.put(key, '1');
      expect(await db.delete(key, { returnExisted: true })).toEqual({
        revision: revision + 1,
        existed: true,
      });
      expect(await db.delete(key, { returnExisted: true })).toEqual({
        revision: revision + 1,
        existed: false,
      });
      expect(await db.delete(key, { returnExisted: true, returnPrevious: true })).toEqual({
        revision: revision + 1,
        existed: false,
        previous: null,
      });
    });

    it('calls with conditions that are not awaited see what was called before them (call-order)', async () => {
      const { db } = given();
      const key = unique('chain');
      const calls = [
        db.put(key, '1', { ifAbsent: true }),
        db.put(key, '2', { ifAbsent: true }),
        db.delete(key),
        db.put(key, '3', { ifAbsent: true, returnPrevious: true }),
        db.put(key, '4', { returnPrevious: true }),
      ];
      const settled = await Promise.allSettled(calls);
      expect(settled.map(({ status }) => status)).toEqual([
        ...['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
      ]);
      expect(settled[4]).toMatchObject({ value: { previous: { value: '3' } } });
    });

    it('many clients that count together lose no update', async () => {
      const { target, db } = given();
      const key = unique('counter');
      await db.put(key, '0');
      const others = await Promise.all([target.connect(), target.connect()]);
      await Promise.all([db, ...others].map((client) => count(client, key, 20)));
      expect((await db.get(key))?.value).toBe('60');
      await Promise.all(others.map((client) => client.close()));
    });
  });
}

/** Adds one, so often. */
export async function count(client: DougClient, key: string, times: number): Promise<void> {
  for (let done = 0; done < times; ) {
    const hit = await client.get(key);
    try {
      await client.put(key, `${Number(hit?.value) + 1}`, { ifRevision: hit?.revision });
      done++;
    } catch (error) {
      if (!CompareFailedError.is(error)) throw error;
    }
  }
}
