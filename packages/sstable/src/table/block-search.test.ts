import fc from 'fast-check';
import { buildBlock } from '../../test/support/blocks.js';
import {
  type Entry,
  entryArbitrary,
  entryAt,
  put,
  sorted,
  targetArbitrary,
} from '../../test/support/entries.js';
import { compareKeys } from '../encoding/key-order.js';
import { PointResult } from '../read/cursor.js';
import { BlockCursor } from './block-cursor.js';
import { lowerBound, Search, searchBlock } from './block-search.js';

function found(block: Uint8Array, key: Uint8Array, atMost: number): Entry | 'unsure' | null {
  const result = new PointResult();
  const search = searchBlock(block, block.length, key, atMost, result);
  if (search === Search.Unsure) return 'unsure';
  if (search === Search.Absent) return null;
  const { kind, sequence } = result;
  const value = result.bytes.slice(result.start, result.end);
  return { key, kind: kind as Entry['kind'], sequence, value };
}

const entriesArbitrary = fc.array(entryArbitrary, { minLength: 1, maxLength: 60 }).map(sorted);

describe('the search of a block', () => {
  it('finds what is there, and nothing else, or leaves it to the cursor', () => {
    let sure = 0;
    let unsure = 0;
    fc.assert(
      fc.property(
        entriesArbitrary,
        fc.constantFrom(1, 2, 16),
        targetArbitrary,
        (entries, restartInterval, target) => {
          const block = buildBlock(entries, restartInterval);
          const targets = [
            target,
            ...entries,
            ...entries.map((entry) => ({ ...entry, sequence: entry.sequence - 1 })),
          ];
          for (const { key, sequence } of targets) {
            const expected = entries.find(
              (entry) => compareKeys(entry.key, key) === 0 && entry.sequence <= sequence,
            );
            const actual = found(block, key, sequence);
            if (actual === 'unsure') unsure++;
            else {
              sure++;
              expect(actual).toEqual(expected ?? null);
            }
          }
        },
      ),
    );
    // Keys that are prefixes of each other, and many versions of them, are what it is not made for.
    expect(sure).toBeGreaterThan(unsure / 2);
  });

  it('is sure of the newest version of each key where keys have one length', () => {
    const entries = Array.from({ length: 100 }, (_, i) => put(`key${1000 + i * 7}`, i + 1));
    const block = buildBlock(entries, 16);
    for (const entry of entries) expect(found(block, entry.key, 1000)).toEqual(entry);
    for (const { key } of entries) {
      const other = key.slice();
      other[6]! ^= 1;
      expect(found(block, other, 1000)).not.toBe('unsure');
    }
  });

  it('leaves values of more than 16 KiB to the cursor', () => {
    const block = buildBlock([put('a', 1, 'x'.repeat(20_000)), put('b', 1)], 16);
    expect(found(block, put('a', 1).key, 9)).toBe('unsure');
  });

  it('finds the same entry of an index as a cursor', () => {
    fc.assert(
      fc.property(entriesArbitrary, targetArbitrary, (entries, { key, sequence }) => {
        const block = buildBlock(entries, 1);
        const at = lowerBound(block, block.length, key, sequence);
        const cursor = new BlockCursor();
        cursor.reset(block, block.length, '/t.sst', 0);
        cursor.seek(key, 0, key.length, sequence);
        expect(at).toBe(cursor.valid ? cursor.restart : entries.length);
        cursor.goTo(at);
        expect(cursor.valid ? entryAt(cursor) : undefined).toEqual(entries[at]);
      }),
    );
  });

  it('neither throws nor reads outside, whatever the block is', () => {
    const good = fc
      .tuple(entriesArbitrary, fc.constantFrom(1, 16))
      .map(([entries, restartInterval]) => buildBlock(entries, restartInterval));
    const change = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    const damaged = fc.tuple(good, change).map(([block, changes]) => {
      for (const [at, byte] of changes) block[at % block.length] = byte;
      return block;
    });
    fc.assert(
      fc.property(
        fc.oneof(damaged, fc.uint8Array({ maxLength: 200 })),
        targetArbitrary,
        (block, { key, sequence }) => {
          const result = new PointResult();
          const search = searchBlock(block, block.length, key, sequence, result);
          expect([0, 1, 2]).toContain(search);
          if (search === Search.Found) {
            expect(result.end).toBeLessThanOrEqual(block.length - 4);
            expect(result.start).toBeLessThanOrEqual(result.end);
          }
          const at = lowerBound(block, block.length, key, sequence);
          expect(at).toBeLessThanOrEqual(block.length);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
