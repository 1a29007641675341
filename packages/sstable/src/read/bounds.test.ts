import fc from 'fast-check';
import { bytes, keyArbitrary } from '../../test/support/entries.js';
import { compareKeys } from '../encoding/key-order.js';
import {
  ALL_KEYS,
  boundsOf,
  intersection,
  isEmpty,
  isInBounds,
  isWithin,
  touches,
} from './bounds.js';

const limit = fc.option(keyArbitrary, { nil: undefined });
const boundsArbitrary = fc.record({
  start: fc.option(keyArbitrary),
  end: fc.option(keyArbitrary),
});

describe('bounds of a range', () => {
  it('hold exactly the keys that every one of its limits holds', () => {
    fc.assert(
      fc.property(
        fc.record({ start: limit, end: limit, gte: limit, gt: limit, lte: limit, lt: limit }),
        keyArbitrary,
        (range, key) => {
          const { start, end, gte, gt, lte, lt } = range;
          const isIn =
            (start === undefined || compareKeys(key, start) >= 0) &&
            (end === undefined || compareKeys(key, end) < 0) &&
            (gte === undefined || compareKeys(key, gte) >= 0) &&
            (gt === undefined || compareKeys(key, gt) > 0) &&
            (lte === undefined || compareKeys(key, lte) <= 0) &&
            (lt === undefined || compareKeys(key, lt) < 0);
          const given = Object.fromEntries(
            Object.entries(range).filter(([, value]) => value !== undefined),
          );
          expect(isInBounds(boundsOf(given), key)).toBe(isIn);
        },
      ),
    );
  });

  it('are copies', () => {
    const start = bytes('a');
    const bounds = boundsOf({ start });
    start.fill(0);
    expect(bounds.start).toEqual(bytes('a'));
  });

  it('meet in what is in both, and lie in what they do not leave', () => {
    fc.assert(
      fc.property(boundsArbitrary, boundsArbitrary, keyArbitrary, (a, b, key) => {
        const both = intersection(a, b);
        expect(isInBounds(both, key)).toBe(isInBounds(a, key) && isInBounds(b, key));
        expect(isWithin(both, a)).toBe(true);
        expect(isWithin(a, ALL_KEYS)).toBe(true);
        if (isWithin(a, b) && isInBounds(a, key)) expect(isInBounds(b, key)).toBe(true);
        if (isEmpty(a)) expect(isInBounds(a, key)).toBe(false);
        expect(touches(a, key, key)).toBe(isInBounds(a, key));
      }),
    );
  });

  it('are not within narrower ones', () => {
    const narrow = { start: bytes('b'), end: bytes('d') };
    expect(isWithin({ start: bytes('a'), end: bytes('c') }, narrow)).toBe(false);
    expect(isWithin({ start: bytes('b'), end: null }, narrow)).toBe(false);
    expect(isWithin(ALL_KEYS, narrow)).toBe(false);
    expect(isWithin({ start: bytes('c'), end: bytes('d') }, narrow)).toBe(true);
  });
});
