import fc from 'fast-check';
import {
  compareEnds,
  compareKeyAt,
  compareKeys,
  isBelowEnd,
  keyBelow,
  prefixEnd,
  rangesOverlap,
} from './key-range.js';

const bytes = (...values: number[]) => Uint8Array.from(values);
const anyKey = fc.uint8Array({ maxLength: 4 });

describe('key order', () => {
  it('agrees with the order of Node.js', () => {
    fc.assert(
      fc.property(anyKey, anyKey, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(a, b));
      }),
    );
  });

  it('is the same inside of a message', () => {
    fc.assert(
      fc.property(anyKey, anyKey, anyKey, (before, a, b) => {
        const message = Buffer.concat([before, a, before]);
        const end = before.length + a.length;
        const order = compareKeyAt(message, before.length, end, b);
        expect(Math.sign(order)).toBe(Math.sign(compareKeys(a, b)));
      }),
    );
  });

  it('puts a prefix before what it begins', () => {
    expect(compareKeys(bytes(1), bytes(1, 0))).toBeLessThan(0);
  });

  it('puts the empty end behind every other end', () => {
    expect(compareEnds(bytes(), bytes(255))).toBeGreaterThan(0);
    expect(compareEnds(bytes(255), bytes())).toBeLessThan(0);
    expect(compareEnds(bytes(), bytes())).toBe(0);
    expect(compareEnds(bytes(1), bytes(2))).toBeLessThan(0);
  });
});

describe('ranges', () => {
  it('overlap exactly when some key lies in both', () => {
    const one = fc.uint8Array({ minLength: 1, maxLength: 1 });
    const range = fc.tuple(one, one).filter(([start, end]) => compareKeys(start, end) < 0);
    fc.assert(
      fc.property(range, range, ([aStart, aEnd], [bStart, bEnd]) => {
        const common = Array.from({ length: 256 }, (_, value) => bytes(value)).some(
          (key) =>
            compareKeys(aStart, key) <= 0 &&
            isBelowEnd(key, aEnd) &&
            compareKeys(bStart, key) <= 0 &&
            isBelowEnd(key, bEnd),
        );
        expect(rangesOverlap(aStart, aEnd, bStart, bEnd)).toBe(common);
      }),
    );
  });

  it('with empty ends reach to the last key', () => {
    expect(rangesOverlap(bytes(9), bytes(), bytes(1), bytes())).toBe(true);
    expect(rangesOverlap(bytes(9), bytes(), bytes(1), bytes(9))).toBe(false);
  });
});

describe('keyBelow', () => {
  it('is below the end, with no room for short keys between', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 4 }), anyKey, (end, other) => {
        const key = keyBelow(end);
        expect(isBelowEnd(key, end)).toBe(true);
        if (isBelowEnd(other, end)) expect(compareKeys(other, key)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it('is behind every short key where the end is open', () => {
    expect(compareKeys(keyBelow(bytes()), bytes(255, 255, 255, 255))).toBeGreaterThan(0);
  });
});

describe('prefixEnd', () => {
  it('ends exactly the keys with the prefix', () => {
    fc.assert(
      fc.property(anyKey, anyKey, (prefix, key) => {
        const hasPrefix = Buffer.from(key.subarray(0, prefix.length)).equals(prefix);
        const inRange = compareKeys(prefix, key) <= 0 && isBelowEnd(key, prefixEnd(prefix));
        expect(inRange).toBe(hasPrefix);
      }),
    );
  });

  it('leaves the prefix alone', () => {
    const prefix = Buffer.from('a');
    prefixEnd(prefix);
    expect(prefix.toString()).toBe('a');
  });

  it('is open for prefixes that nothing comes behind', () => {
    expect(prefixEnd(bytes())).toEqual(bytes());
    expect(prefixEnd(bytes(255, 255))).toEqual(bytes());
    expect(prefixEnd(bytes(1, 255))).toEqual(bytes(2));
  });
});
