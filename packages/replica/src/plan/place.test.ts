import type { Db, DbIterator, IteratorOptions } from '@dougdb/sstable';
import { bytesOf, textOf } from '../../test/support/commands.js';
import { codeOf } from '../error-code.js';
import { Place } from './place.js';
import { run } from './planning.js';

const io = Object.assign(new Error('a read failed'), { code: 'SST_IO' });
const corrupt = Object.assign(new Error('a bad block'), { code: 'SST_CORRUPT' });

/** Keys k000 to k199; the next moves may throw. */
class RangeDb {
  lastSequence = 200;
  /** Thrown by the move to the key of this number, as long as there are some. */
  readonly failures = new Map<number, unknown[]>();
  open = 0;
  opened = 0;
  valueBytes = 1;

  iterator({ keysOnly }: IteratorOptions): DbIterator {
    let at = -1;
    this.open++;
    this.opened++;
    const name = (): Uint8Array => bytesOf(`k${String(at).padStart(3, '0')}`);
    return {
      next: () => {
        const error = this.failures.get(at + 1)?.shift();
        if (error !== undefined) throw error;
        return ++at < 200;
      },
      seek: () => false,
      key: name,
      value: () => new Uint8Array(keysOnly ? 0 : this.valueBytes),
      sequence: () => at + 1,
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
async function walked(place: Place): Promise<string[]> {
  const keys: string[] = [];
  await run(
    place.walk(all, (key, { revision }) => {
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

  it('does not wait at all for a few keys', () => {
    const { place } = placeOf(new RangeDb());
    let seen = 0;
    expect(run(place.walk(all, () => ++seen < 60))).toBeUndefined();
    expect(seen).toBe(60);
  });

  it('tries a read that fails again, and visits no key twice', async () => {
    const db = new RangeDb();
    db.failures.set(0, [io]).set(150, [io]);
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
    db.failures.set(70, failures);
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
