import fc from 'fast-check';
import {
  backward,
  bytes,
  del,
  type Entry,
  entryArbitrary,
  entryAt,
  expectSeeks,
  forward,
  put,
  sorted,
  targetArbitrary,
} from '../../test/support/entries.js';
import { compareKeys } from '../encoding/key-order.js';
import { PointResult } from '../read/cursor.js';
import { Memtable } from './memtable.js';

function memtableOf(entries: readonly Entry[]): Memtable {
  const memtable = new Memtable();
  for (const { key, sequence, kind, value } of entries) memtable.add(sequence, kind, key, value);
  return memtable;
}

/** Keys that begin alike, and keys that their first bytes tell apart or nearly do. */
const namings: Readonly<Record<string, (n: number) => Uint8Array>> = {
  alike: (n) => bytes(`key${String(n).padStart(8, '0')}`),
  different: (n) => Uint8Array.of(n >>> 7, n << 1, 0, 0, 1),
  'alike by sevens': (n) => Uint8Array.of(0, n / 7 / 256, n / 7, 0x80, n % 7, 0xff),
};

const orders: Readonly<Record<string, (i: number) => number>> = {
  ascending: (i) => i,
  descending: (i) => 12_000 - i,
  scattered: (i) => (i * 7919) % 12_007,
  'from the middle': (i) => 6_000 + (i % 2 === 0 ? i : -i) / 2,
};

function numbered(count: number, order: (i: number) => number, naming = namings.alike!): Entry[] {
  return Array.from({ length: count }, (_, i) => {
    const n = Math.floor(order(i));
    return { ...put('', n % 7, `value ${n}`), key: naming(n) };
  });
}

describe('Memtable', () => {
  it('keeps every version in internal key order, both ways', () => {
    fc.assert(
      fc.property(fc.array(entryArbitrary, { maxLength: 200 }), (entries) => {
        const memtable = new Memtable();
        const kept: Entry[] = [];
        for (const entry of entries) {
          const { key, sequence, kind, value } = entry;
          if (memtable.add(sequence, kind, key, value)) kept.push(entry);
        }
        const expected = sorted(kept);
        expect(expected).toHaveLength(memtable.entries);
        expect(forward(memtable.cursor())).toEqual(expected);
        expect(backward(memtable.cursor())).toEqual([...expected].reverse());
      }),
    );
  });

  it('seeks to and before any key and sequence', () => {
    fc.assert(
      fc.property(
        fc.array(entryArbitrary, { maxLength: 100 }),
        targetArbitrary,
        (entries, target) => {
          const list = sorted(entries);
          expectSeeks(memtableOf(list).cursor(), list, target);
        },
      ),
    );
  });

  it('gets the newest version at or below a sequence', () => {
    fc.assert(
      fc.property(
        fc.array(entryArbitrary, { maxLength: 100 }),
        targetArbitrary,
        (entries, target) => {
          const list = sorted(entries);
          const result = new PointResult();
          const isFound = memtableOf(list).get(target.key, target.sequence, result);
          const expected = list.find(
            ({ key, sequence }) =>
              compareKeys(key, target.key) === 0 && sequence <= target.sequence,
          );
          expect(isFound).toBe(expected !== undefined);
          if (expected === undefined) return;
          expect(result).toMatchObject({ kind: expected.kind, sequence: expected.sequence });
          expect(result.bytes.slice(result.start, result.end)).toEqual(expected.value);
        },
      ),
    );
  });

  const courses = Object.keys(namings).flatMap((naming) =>
    Object.keys(orders).map((order) => [naming, order] as const),
  );
  it.each(courses)('holds 12,000 keys, %s, that come %s, over levels of nodes', (naming, order) => {
    const entries = numbered(12_000, orders[order]!, namings[naming]!);
    const memtable = memtableOf(entries);
    const expected = sorted(entries);
    const cursor = memtable.cursor();
    let at = 0;
    for (cursor.first(); cursor.valid; cursor.next(), at++) {
      if (compareKeys(entryAt(cursor).key, expected[at]!.key) !== 0) break;
    }
    expect(at).toBe(expected.length);
    for (cursor.last(); cursor.valid; cursor.prev()) at--;
    expect(at).toBe(0);
    const result = new PointResult();
    const missed = entries.filter(({ key }) => !memtable.get(key, 9, result));
    const neighbours = entries.map(({ key }) => Uint8Array.of(...key, 0));
    const invented = neighbours.filter((key) => memtable.get(key, 9, result));
    const doubled = entries.filter(({ key, sequence }) => memtable.add(sequence, 1, key, key));
    expect([missed, invented, doubled]).toEqual([[], [], []]);
  });

  it('refuses a second version of a key at one sequence', () => {
    const memtable = memtableOf([put('a', 1)]);
    expect(memtable.add(1, 0, bytes('a'), bytes(''))).toBe(false);
    expect(memtable.add(2, 0, bytes('a'), bytes(''))).toBe(true);
    expect(forward(memtable.cursor())).toEqual([del('a', 2), put('a', 1)]);
  });

  it('copies keys and values', () => {
    const key = bytes('key');
    const value = bytes('value');
    const memtable = new Memtable();
    memtable.add(1, 1, key, value);
    key.fill(0);
    value.fill(0);
    expect(forward(memtable.cursor())).toEqual([put('key', 1, 'value')]);
  });

  it('lets a cursor walk while writes go on', () => {
    fc.assert(
      fc.property(
        fc.array(entryArbitrary, { minLength: 1, maxLength: 300 }),
        fc.array(fc.constantFrom('next', 'prev', 'add'), { maxLength: 300 }),
        (entries, steps) => {
          const pool = sorted(entries);
          const half = pool.filter((_, i) => i % 2 === 0);
          const rest = pool.filter((_, i) => i % 2 === 1);
          const memtable = memtableOf(half);
          const present = [...half];
          const cursor = memtable.cursor();
          cursor.first();
          let here: Entry | undefined = half[0];
          for (const step of steps) {
            if (here === undefined) break;
            if (step === 'add') {
              const entry = rest.pop();
              if (entry === undefined) continue;
              memtable.add(entry.sequence, entry.kind, entry.key, entry.value);
              present.push(entry);
              expect(entryAt(cursor)).toEqual(here);
              continue;
            }
            const list = sorted(present);
            const at = list.indexOf(here);
            here = list[step === 'next' ? at + 1 : at - 1];
            if (step === 'next') cursor.next();
            else cursor.prev();
            expect(cursor.valid ? entryAt(cursor) : undefined).toEqual(here);
          }
        },
      ),
    );
  });

  it('takes an entry larger than a slab, and small ones after it', () => {
    const large = { ...put('b', 2), value: new Uint8Array(3_000_000).fill(7) };
    const [a, b, c, ...rest] = forward(memtableOf([put('a', 1), large, put('c', 3)]).cursor());
    expect([a, c, rest]).toEqual([put('a', 1), put('c', 3), []]);
    expect(compareKeys(b!.value, large.value)).toBe(0);
  });

  it('counts no bytes while it is empty', () => {
    const memtable = new Memtable();
    expect(memtable.sizeBytes).toBe(0);
    expect(forward(memtable.cursor())).toEqual([]);
    expect(memtable.get(bytes('a'), 1, new PointResult())).toBe(false);
    memtable.add(4, 1, bytes('a'), bytes('b'));
    expect(memtable.sizeBytes).toBeGreaterThan(0);
    expect(memtable.sizeBytes).toBeLessThan(1024);
    expect([memtable.smallestSequence, memtable.largestSequence]).toEqual([4, 4]);
  });
});
