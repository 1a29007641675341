import fc from 'fast-check';
import { buildBlock } from '../../test/support/blocks.js';
import {
  type Entry,
  entryArbitrary,
  put,
  sorted,
  targetArbitrary,
} from '../../test/support/entries.js';
import { BlockCursor } from './block-cursor.js';
import { contentsEnd, searchIndex, withPrefixes } from './index-block.js';

/** An index: each entry is a restart point. */
function contentsOf(entries: readonly Entry[]): Uint8Array {
  return buildBlock(entries, 1);
}

/** Where a cursor comes to. */
function expected(contents: Uint8Array, key: Uint8Array, sequence: number, count: number): number {
  const cursor = new BlockCursor();
  cursor.reset(contents, contents.length, '/t.sst', 0);
  cursor.seek(key, 0, key.length, sequence);
  return cursor.valid ? cursor.restart : count;
}

/** Keys that begin alike, as those of a table often do, or not. */
const entriesArbitrary = fc
  .tuple(
    fc.array(entryArbitrary, { minLength: 1, maxLength: 60 }),
    fc.constantFrom('', 'k', 'users/', '\u0000'),
  )
  .map(([entries, start]) =>
    sorted(entries.map((entry) => ({ ...entry, key: joined(start, entry.key) }))),
  );

function joined(start: string, key: Uint8Array): Uint8Array {
  return Uint8Array.from([...new TextEncoder().encode(start), ...key]);
}

describe('an index block in memory', () => {
  it('finds the same entry as a cursor over its contents', () => {
    fc.assert(
      fc.property(
        entriesArbitrary,
        targetArbitrary,
        fc.constantFrom('', 'k', 'users/', 'users', 'v'),
        (entries, { key, sequence }, start) => {
          const contents = contentsOf(entries);
          const block = withPrefixes(contents);
          expect(contentsEnd(block)).toBe(contents.length);
          expect(block.length).toBe(contents.length + 4 * entries.length + 8);
          for (const target of [joined(start, key), key, ...entries.map((entry) => entry.key)]) {
            expect(searchIndex(block, target, sequence)).toBe(
              expected(contents, target, sequence, entries.length),
            );
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is searched without a column where it is not as it should be, and no outside is read', () => {
    const good = entriesArbitrary.map(contentsOf);
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
          const block = withPrefixes(contents);
          expect(contentsEnd(block)).toBe(contents.length);
          const at = searchIndex(block, key, sequence);
          expect(at).toBeGreaterThanOrEqual(-1);
          expect(at).toBeLessThanOrEqual(contents.length);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('tells keys apart behind a long beginning that they share', () => {
    const entries = Array.from({ length: 1000 }, (_, i) =>
      put(`tenant/42/orders/${10_000 + i}`, 1),
    );
    const block = withPrefixes(contentsOf(entries));
    for (const [i, { key }] of entries.entries()) {
      expect([searchIndex(block, key, 1), searchIndex(block, key, 0)]).toEqual([i, i + 1]);
    }
  });
});
