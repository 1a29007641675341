import fc from 'fast-check';
import {
  ArrayCursor,
  backward,
  bytes,
  entryArbitrary,
  expectSeeks,
  forward,
  put,
  sorted,
  targetArbitrary,
} from '../../test/support/entries.js';
import { MergingCursor } from './merging-cursor.js';

/** Sorted entries, and the same dealt out to runs. */
const runsArbitrary = fc
  .tuple(fc.array(entryArbitrary, { maxLength: 60 }).map(sorted), fc.array(fc.nat(5)), fc.nat(5))
  .map(([list, deal, spread]) => {
    const runs = Array.from({ length: spread + 1 }, () => [] as typeof list);
    for (const [i, entry] of list.entries()) runs[(deal[i] ?? 0) % runs.length]?.push(entry);
    return { list, runs };
  });

function mergeOf(runs: ReturnType<typeof sorted>[]): MergingCursor {
  return new MergingCursor(runs.map((run) => new ArrayCursor(run)));
}

describe('MergingCursor', () => {
  it('makes one order of many, both ways', () => {
    fc.assert(
      fc.property(runsArbitrary, ({ list, runs }) => {
        expect(forward(mergeOf(runs))).toEqual(list);
        expect(backward(mergeOf(runs))).toEqual([...list].reverse());
      }),
    );
  });

  it('seeks to and before any key and sequence', () => {
    fc.assert(
      fc.property(runsArbitrary, targetArbitrary, ({ list, runs }, target) => {
        expectSeeks(mergeOf(runs), list, target);
      }),
    );
  });

  it('does not turn round half-way', () => {
    const cursor = mergeOf([[put('a', 1)], [put('b', 1)]]);
    cursor.first();
    expect(() => cursor.prev()).toThrow(RangeError);
    cursor.last();
    expect(() => cursor.next()).toThrow(RangeError);
  });

  it('does not move past its end', () => {
    const cursor = mergeOf([[]]);
    cursor.first();
    expect(cursor.valid).toBe(false);
    expect(() => cursor.next()).toThrow(RangeError);
  });

  it('closes what it merges', () => {
    const children = [new ArrayCursor([put('a', 1)]), new ArrayCursor([])];
    const cursor = new MergingCursor(children);
    cursor.seek(bytes('a'), 0, 1, 1);
    cursor.close();
    expect(cursor.valid).toBe(false);
    expect(children.every(({ isClosed }) => isClosed)).toBe(true);
  });
});
