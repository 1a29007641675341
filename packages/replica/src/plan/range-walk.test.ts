import type { Db, DbIterator, IteratorOptions, MaybePromise, WarmOptions } from '@dougdb/sstable';
import { bytesOf, textOf } from '../../test/support/commands.js';
import { codeOf } from '../error-code.js';
import { Place } from './place.js';
import { run } from './planning.js';

const io = Object.assign(new Error('a read failed'), { code: 'SST_IO' });
const corrupt = Object.assign(new Error('a bad block'), { code: 'SST_CORRUPT' });

const names = Array.from({ length: 200 }, (_, at) => `k${String(at).padStart(3, '0')}`);

/** Keys k000 to k199; the next moves to some of them may throw. */
class RangeDb {
  lastSequence = 200;
  /** Thrown by the move to this key, as long as there are some. */
  readonly failures = new Map<string, unknown[]>();
  /** What the next calls of warm() come to; then the whole range is there. */
  readonly windows: (() => Uint8Array | Promise<Uint8Array>)[] = [];
  readonly warmed: string[] = [];
  open = 0;
  opened = 0;
  valueBytes = 1;
  /** Deleted keys before the first key. */
  gone = 0;

  warm({ start, end, reverse, blocks }: WarmOptions): MaybePromise<Uint8Array | null> {
    const [from, to] = [start, end].map((bound) => textOf(bound ?? bytesOf('')));
    this.warmed.push(`${reverse ? 'down ' : ''}${from} ${to} ${blocks}`.replaceAll('\0', '+'));
    return this.windows.shift()?.() ?? null;
  }

  iterator({ start, end, reverse, keysOnly }: IteratorOptions): DbIterator {
    const keys = names.filter(
      (name) =>
        (start === undefined || name >= textOf(start)) && (end === undefined || name < textOf(end)),
    );
    if (reverse) keys.reverse();
    let at = -1;
    let { gone } = this;
    this.open++;
    this.opened++;
    const step = (most: number): 'at' | 'passing' | 'end' => {
      const error = this.failures.get(keys[at + 1] ?? '')?.shift();
      if (error !== undefined) throw error;
      gone -= Math.min(gone, most);
      if (gone > 0) return 'passing';
      return ++at < keys.length ? 'at' : 'end';
    };
    return {
      next: () => step(Number.POSITIVE_INFINITY) === 'at',
      step,
      seek: () => false,
      key: () => bytesOf(keys[at] ?? ''),
      value: () => new Uint8Array(keysOnly ? 0 : this.valueBytes),
      sequence: () => names.indexOf(keys[at] ?? '') + 1,
      marked: () => false,
      close: () => {
        this.open--;
      },
    };
  }
}

const all = { start: bytesOf('k'), end: bytesOf('l'), reverse: false, keysOnly: false };

function placeOf(db: RangeDb): { place: Place; pauses: () => number } {
  let pauses = 0;
  const place = new Place(db as unknown as Db, 200, 1, () => {
    pauses++;
    return Promise.resolve();
  });
  return { place, pauses: () => pauses };
}

/** Walks all of it. */
async function walked(place: Place, reverse = false): Promise<string[]> {
  const keys: string[] = [];
  await run(
    place.walk({ ...all, reverse }, (key, { revision }) => {
      keys.push(`${textOf(key)}@${revision}`);
      return true;
    }),
  );
  return keys;
}

describe('a walk at a place', () => {
  it('lets others run after so many keys, or so many bytes', async () => {
    const { place, pauses } = placeOf(new RangeDb());
    const keys = await walked(place);
    expect([keys.length, keys[0], keys[199]]).toEqual([200, 'k000@1', 'k199@200']);
    expect(pauses()).toBe(3);
    const large = new RangeDb();
    large.valueBytes = 64 << 10;
    const other = placeOf(large);
    await walked(other.place);
    expect(other.pauses()).toBe(50);
  });

  it('lets others run while it passes over keys that are deleted', async () => {
    const db = new RangeDb();
    db.gone = 100_000;
    const { place, pauses } = placeOf(db);
    expect(await walked(place)).toHaveLength(200);
    expect(pauses()).toBeGreaterThan(20);
    expect([db.opened, db.open]).toEqual([1, 0]);
  });

  it('does not wait at all for a few keys', () => {
    const { place } = placeOf(new RangeDb());
    let seen = 0;
    expect(run(place.walk(all, () => ++seen < 60))).toBeUndefined();
    expect(seen).toBe(60);
  });

  it('goes window by window, each brought into memory first, and pauses after so many keys of all, and after each large one', async () => {
    const db = new RangeDb();
    const windows = ['k010', 'k010', 'k090', 'k150', 'k151', 'k152'];
    for (const key of windows) db.windows.push(() => bytesOf(key));
    const { place, pauses } = placeOf(db);
    expect((await walked(place)).map((key) => key.slice(0, 4))).toEqual(names);
    expect(db.warmed).toEqual([
      'k l 1',
      'k010+ l 2',
      'k010+ l 4',
      'k090+ l 8',
      'k150+ l 16',
      'k151+ l 16',
      'k152+ l 16',
    ]);
    // Three for the keys, two for large windows.
    expect([pauses(), db.open]).toEqual([5, 0]);
  });

  it('goes so in reverse, too', async () => {
    const db = new RangeDb();
    for (const key of ['k190', 'k100']) db.windows.push(() => Promise.resolve(bytesOf(key)));
    const keys = await walked(placeOf(db).place, true);
    expect(keys.map((key) => key.slice(0, 4))).toEqual([...names].reverse());
    expect(db.warmed).toEqual(['down k l 1', 'down k k190+ 2', 'down k k100+ 4']);
  });

  it('brings no further window into memory once it is told to end', async () => {
    const db = new RangeDb();
    for (const key of ['k010', 'k100']) db.windows.push(() => bytesOf(key));
    let left = 20;
    await run(placeOf(db).place.walk(all, () => --left > 0));
    expect([db.warmed.length, db.opened, left]).toEqual([2, 2, 0]);
  });

  it('tries again where a window cannot be read, up to three times', async () => {
    const db = new RangeDb();
    const failing = (): Promise<Uint8Array> => Promise.reject(io);
    db.windows.push(failing, failing, () => bytesOf('k100'), failing);
    expect(await walked(placeOf(db).place)).toHaveLength(200);
    expect(db.warmed).toHaveLength(5);
    db.windows.push(failing, failing, failing);
    const error: unknown = await walked(placeOf(db).place).catch((cause: unknown) => cause);
    expect([codeOf(error), db.open]).toEqual(['SST_IO', 0]);
  });

  it('tries a read that fails again, and visits no key twice', async () => {
    const db = new RangeDb();
    db.failures.set('k000', [io]).set('k150', [io]);
    const keys = await walked(placeOf(db).place);
    expect(keys).toHaveLength(200);
    expect(new Set(keys).size).toBe(200);
    expect([db.opened, db.open]).toEqual([3, 0]);
  });

  it.each([
    ['a read that failed three times', [io, io, io], 'SST_IO', 3],
    ['damage, at once', [corrupt], 'SST_CORRUPT', 1],
  ])('gives up for %s', async (_what, failures, code, opened) => {
    const db = new RangeDb();
    db.failures.set('k070', failures);
    const error: unknown = await walked(placeOf(db).place).catch((cause: unknown) => cause);
    expect(codeOf(error)).toBe(code);
    expect([db.opened, db.open]).toEqual([opened, 0]);
  });

  it('closes its iterator, whatever the visitor throws, and does not take that for a failed read', async () => {
    const db = new RangeDb();
    const { place } = placeOf(db);
    const failing = async (): Promise<unknown> =>
      run(
        place.walk(all, () => {
          throw new Error('of the visitor');
        }),
      );
    await expect(failing()).rejects.toThrow('of the visitor');
    expect([db.opened, db.open]).toEqual([1, 0]);
  });

  it('INVARIANT(look-at-place): is none in a database that holds more than the commands before', () => {
    const db = new RangeDb();
    db.lastSequence = 201;
    let code: unknown = null;
    try {
      placeOf(db);
    } catch (error) {
      code = codeOf(error);
    }
    expect(code).toBe('REPLICA_INVARIANT');
  });
});
