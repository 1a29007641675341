import { CompareFailedError, type DougClient } from '../../src/core.js';
import { count } from './conditions.js';
import { all, type Given, spread, unique } from './target.js';

export function describeTrouble(given: Given): void {
  describe('while the store is in trouble', () => {
    it('every write takes effect once, and reads go on (applied-once)', async () => {
      const { target, db } = given();
      const key = unique('once');
      await db.put(key, '0');
      let isOver = false;
      const trouble = target.disturb().finally(() => {
        isOver = true;
      });
      let counted = 0;
      while (!isOver || counted < 30) {
        await count(db, key, 1);
        counted++;
      }
      await trouble;
      // A count that had taken effect twice, or not at all, would show.
      expect(await db.get(key)).toMatchObject({ value: `${counted}` });
    }, 60_000);

    it('an insert is never told that it failed because of itself (applied-once)', async () => {
      const { target, db } = given();
      const prefix = `${unique('insert')}/`;
      let isOver = false;
      const trouble = target.disturb().finally(() => {
        isOver = true;
      });
      const inserted: string[] = [];
      for (let i = 0; !isOver || i < 30; i++) {
        const key = `${prefix}${100_000 + i}`;
        await db.put(key, 'mine', { ifAbsent: true, timeoutMs: 30_000 });
        inserted.push(key);
      }
      await trouble;
      expect((await all(db.scan({ prefix }))).map(({ key }) => key)).toEqual(inserted);
    }, 60_000);

    it('calls that are not awaited keep their order on every key (call-order)', async () => {
      const { target, db } = given();
      const keys = spread(unique('ordered'), 10);
      let isOver = false;
      const trouble = target.disturb().finally(() => {
        isOver = true;
      });
      let last = 0;
      for (let round = 1; !isOver || round <= 20; round++) {
        const calls = keys.flatMap((key) => [
          db.put(key, `${round} first`, { timeoutMs: 30_000 }),
          db.put(key, `${round}`, { timeoutMs: 30_000, returnPrevious: true }),
        ]);
        const results = await Promise.all(calls);
        for (const result of results) {
          const { previous } = result as { previous?: { value: string } };
          if (previous !== undefined) expect(previous.value).toBe(`${round} first`);
        }
        last = round;
      }
      await trouble;
      expect((await db.getMany(keys)).map((hit) => hit?.value)).toEqual(keys.map(() => `${last}`));
    }, 60_000);

    it('what fails says what is certain (outcome-of-all-attempts)', async () => {
      const { target, db } = given();
      const key = unique('certain');
      await db.put(key, '0');
      let isOver = false;
      const trouble = target.disturb().finally(() => {
        isOver = true;
      });
      const tally = { ok: 0, unknown: 0 };
      while (!isOver) await countOrNot(db, key, tally);
      await trouble;
      const value = Number((await db.get(key))?.value);
      expect(value).toBeGreaterThanOrEqual(tally.ok);
      expect(value).toBeLessThanOrEqual(tally.ok + tally.unknown);
    }, 60_000);
  });
}

/** Tries to add one with hardly any time for it. */
async function countOrNot(
  db: DougClient,
  key: string,
  tally: { ok: number; unknown: number },
): Promise<void> {
  const hit = await db.get(key, { timeoutMs: 30_000 });
  try {
    await db.put(key, `${Number(hit?.value) + 1}`, { ifRevision: hit?.revision, timeoutMs: 20 });
    tally.ok++;
  } catch (error) {
    if (CompareFailedError.is(error)) return;
    const { code, outcome } = error as { code: string; outcome: string };
    expect(['DOUG_DEADLINE', 'DOUG_IN_DOUBT']).toContain(code);
    if (outcome === 'UNKNOWN') tally.unknown++;
  }
}
