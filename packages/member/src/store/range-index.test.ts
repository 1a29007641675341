import { compareKeys } from '@dougdb/facade';
import fc from 'fast-check';
import { type KeyRange, RangeIndex } from './range-index.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const range = (start: string, end: string): KeyRange => ({ start: bytes(start), end: bytes(end) });

describe('RangeIndex', () => {
  it('finds what a look at each range finds, gaps included', () => {
    const key = fc.uint8Array({ maxLength: 3 });
    fc.assert(
      fc.property(fc.array(key, { maxLength: 12 }), fc.nat(), key, (bounds, holes, wanted) => {
        const sorted = [...bounds].filter((b) => b.length > 0).sort(compareKeys);
        const distinct = sorted.filter(
          (b, at) => at === 0 || compareKeys(b, sorted[at - 1] as Uint8Array) !== 0,
        );
        const all = [new Uint8Array(0), ...distinct].map((start, at) => ({
          start,
          end: distinct[at] ?? new Uint8Array(0),
        }));
        const ranges = all.filter((_, at) => ((holes >> (at % 30)) & 1) === 0).reverse();
        const linear = ranges.find(
          ({ start, end }) =>
            compareKeys(start, wanted) <= 0 && (end.length === 0 || compareKeys(wanted, end) < 0),
        );
        expect(new RangeIndex(ranges, (r) => r).find(wanted)).toBe(linear);
      }),
    );
  });

  it('knows that an end is not in its range and a start is', () => {
    const index = new RangeIndex([range('', 'b'), range('b', 'd'), range('f', '')], (r) => r);
    const found = (key: string) => index.find(bytes(key))?.start;
    expect([found('a'), found('b'), found('c'), found('d'), found('f'), found('z')]).toEqual([
      bytes(''),
      bytes('b'),
      bytes('b'),
      undefined,
      bytes('f'),
      bytes('f'),
    ]);
    const below = (end: string) => index.findBelow(bytes(end))?.start;
    expect([
      below('a'),
      below('b'),
      below('b!'),
      below('d'),
      below('e'),
      below('f'),
      below('g'),
      below(''),
    ]).toEqual([
      bytes(''),
      bytes(''),
      bytes('b'),
      bytes('b'),
      undefined,
      undefined,
      bytes('f'),
      bytes('f'),
    ]);
    expect(new RangeIndex<KeyRange>([], (r) => r).find(bytes('a'))).toBeUndefined();
    expect(new RangeIndex<KeyRange>([], (r) => r).findBelow(bytes(''))).toBeUndefined();
  });
});
