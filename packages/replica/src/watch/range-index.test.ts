import fc from 'fast-check';
import { compareKeys } from '../state/key-range.js';
import { type Ranged, RangeIndex } from './range-index.js';

const aKey = fc.uint8Array({ maxLength: 2, max: 3 });
const aRange = fc
  .tuple(aKey, aKey)
  .map(([start, end]): Ranged => ({ start, end }))
  .filter(({ start, end }) => end.length === 0 || compareKeys(start, end) < 0);

function holding(index: RangeIndex<Ranged>, key: Uint8Array): Set<Ranged> {
  const found: Ranged[] = [];
  index.holding(key, (range) => found.push(range));
  expect(new Set(found).size).toBe(found.length);
  return new Set(found);
}

describe('an index of ranges', () => {
  it('finds all that hold a key and no others, whatever was added and removed', () => {
    const key = fc.uint8Array({ minLength: 1, maxLength: 3, max: 4 });
    fc.assert(
      fc.property(
        fc.array(aRange, { maxLength: 40 }),
        fc.array(fc.nat(39), { maxLength: 20 }),
        fc.array(key, { maxLength: 10 }),
        (ranges, removed, keys) => {
          const index = new RangeIndex<Ranged>();
          const left = new Set<Ranged>();
          const check = (): void => {
            expect(index.size).toBe(left.size);
            for (const one of keys) {
              const expected = [...left].filter(
                ({ start, end }) =>
                  compareKeys(start, one) <= 0 && (end.length === 0 || compareKeys(one, end) < 0),
              );
              expect(holding(index, one)).toEqual(new Set(expected));
            }
          };
          for (const range of ranges) {
            index.add(range);
            left.add(range);
          }
          check();
          for (const at of removed) {
            const range = ranges[at];
            if (range === undefined) continue;
            // Once more changes nothing.
            index.remove(range);
            index.remove(range);
            left.delete(range);
          }
          check();
        },
      ),
    );
  });

  it('looks at few of many small ranges', () => {
    const index = new RangeIndex<Ranged>();
    let looked = 0;
    for (let n = 0; n < 4096; n++) {
      const start = Uint8Array.of(n >> 8, n & 255);
      const end = Uint8Array.of(n >> 8, n & 255, 0);
      index.add({
        start,
        get end() {
          looked++;
          return end;
        },
      });
    }
    expect(holding(index, Uint8Array.of(7, 7)).size).toBe(1);
    looked = 0;
    expect(holding(index, Uint8Array.of(9, 9)).size).toBe(1);
    expect(looked).toBeLessThan(30);
  });
});
