import fc from 'fast-check';
import { buildBlock } from '../../test/support/blocks.js';
import {
  type Entry,
  entryArbitrary,
  put,
  sorted,
  targetArbitrary,
} from '../../test/support/entries.js';
import { compareKeys } from '../encoding/key-order.js';
import { PointResult } from '../read/cursor.js';
import { Search } from './block-search.js';
import { dataEnd, isMisleading, searchData, withColumn } from './data-block.js';

function found(block: Uint8Array, key: Uint8Array, atMost: number): Entry | 'unsure' | null {
  const result = new PointResult();
  const search = searchData(block, key, atMost, result);
  if (search === Search.Unsure) return 'unsure';
  if (search === Search.Absent) return null;
  const { kind, sequence } = result;
  const value = result.bytes.slice(result.start, result.end);
  return { key, kind: kind as Entry['kind'], sequence, value };
}

/** Keys that begin alike, as those of a block do, or not. */
const entriesArbitrary = fc
  .tuple(
    fc.array(entryArbitrary, { minLength: 1, maxLength: 60 }),
    fc.constantFrom('', 'k', 'users/', '\u0000'),
  )
  .map(([entries, start]) =>
    sorted(
      entries.map((entry) => ({
        ...entry,
        key: Uint8Array.from([...new TextEncoder().encode(start), ...entry.key]),
      })),
    ),
  );

describe('a data block in memory', () => {
  it('finds what is there, and nothing else, or leaves it to the cursor', () => {
    let sure = 0;
    fc.assert(
      fc.property(
        entriesArbitrary,
        fc.constantFrom(1, 2, 16),
        targetArbitrary,
        (entries, restartInterval, target) => {
          const contents = buildBlock(entries, restartInterval);
          const block = withColumn(contents);
          expect([dataEnd(block), dataEnd(contents)]).toEqual([contents.length, contents.length]);
          expect(block.length).toBe(contents.length + 8 * entries.length + 8);
          const targets = [
            target,
            ...entries,
            ...entries.map((entry) => ({ ...entry, sequence: entry.sequence - 1 })),
            ...entries.map((entry) => ({ ...entry, key: entry.key.subarray(1) })),
            ...entries.map((entry) => ({ ...entry, key: Uint8Array.from([...entry.key, 0]) })),
          ];
          for (const { key, sequence } of targets) {
            const expected = entries.find(
              (entry) => compareKeys(entry.key, key) === 0 && entry.sequence <= sequence,
            );
            const actual = found(block, key, sequence);
            if (actual === 'unsure') continue;
            sure++;
            expect(actual).toEqual(expected ?? null);
          }
        },
      ),
      { numRuns: 300 },
    );
    expect(sure).toBeGreaterThan(3000);
  });

  it('is sure of the newest version of each key where keys have one length', () => {
    for (const start of ['', 'tenant/42/orders/']) {
      const entries = Array.from({ length: 60 }, (_, i) => put(`${start}${1000 + i * 7}`, i + 1));
      const block = withColumn(buildBlock(entries, 16));
      for (const entry of entries) {
        expect(found(block, entry.key, 1000)).toEqual(entry);
        const other = entry.key.slice();
        other[other.length - 1]! ^= 1;
        expect(found(block, other, 1000)).toBeNull();
      }
    }
  });

  it('has no column where entries are long or many: it is searched as it is', () => {
    const long = buildBlock([put('a', 1, 'x'.repeat(20_000)), put('b', 1)], 16);
    const many = buildBlock(
      Array.from({ length: 1100 }, (_, i) => put(`k${1000 + i}`, 1, '')),
      16,
    );
    expect([withColumn(long), withColumn(many)]).toEqual([long, many]);
    expect(found(withColumn(many), put('k1500', 1).key, 5)).toEqual(put('k1500', 1, ''));
  });

  it('tells contents that look like a block with a column', () => {
    expect(isMisleading(Uint8Array.of(0, 0, 0, 0x80))).toBe(true);
    expect(isMisleading(Uint8Array.of(1, 0, 0))).toBe(true);
    expect(isMisleading(buildBlock([put('a', 1)], 16))).toBe(false);
  });

  it('neither throws nor reads outside, whatever the contents are', () => {
    const good = entriesArbitrary.map((entries) => buildBlock(entries, 16));
    const change = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    const damaged = fc.tuple(good, change).map(([contents, changes]) => {
      for (const [at, byte] of changes) contents[at % contents.length] = byte;
      return contents;
    });
    fc.assert(
      fc.property(
        fc.oneof(damaged, fc.uint8Array({ maxLength: 120 })),
        targetArbitrary,
        (contents, { key, sequence }) => {
          fc.pre(!isMisleading(contents));
          const block = withColumn(contents);
          expect(dataEnd(block)).toBe(contents.length);
          const result = new PointResult();
          if (searchData(block, key, sequence, result) !== Search.Found) return;
          expect(result.start).toBeLessThanOrEqual(result.end);
          expect(result.end).toBeLessThanOrEqual(contents.length);
        },
      ),
      { numRuns: 1500 },
    );
  });
});
