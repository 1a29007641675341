import fc from 'fast-check';
import { keyArbitrary } from '../../test/support/entries.js';
import { compareKeys, compareRanges, keyPrefix } from './key-order.js';

describe('key order', () => {
  it('is the bytewise order', () => {
    fc.assert(
      fc.property(keyArbitrary, keyArbitrary, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(a, b));
      }),
    );
  });

  it('compares ranges inside larger buffers', () => {
    const a = Uint8Array.of(9, 1, 2, 9);
    const b = Uint8Array.of(1, 2, 3);
    expect(compareRanges(a, 1, 3, b, 0, 2)).toBe(0);
    expect(compareRanges(a, 1, 3, b, 0, 3)).toBeLessThan(0);
    expect(compareRanges(a, 1, 3, b, 1, 3)).toBeLessThan(0);
  });

  it('has prefixes that never contradict it', () => {
    fc.assert(
      fc.property(keyArbitrary, keyArbitrary, (a, b) => {
        const difference = keyPrefix(a, 0, a.length) - keyPrefix(b, 0, b.length);
        if (difference !== 0) expect(Math.sign(difference)).toBe(Math.sign(compareKeys(a, b)));
      }),
    );
  });

  it('fills short keys with zeros in the prefix', () => {
    expect(keyPrefix(Uint8Array.of(7, 0xff, 0xfe), 1, 3)).toBe(0xfffe0000);
    expect(keyPrefix(new Uint8Array(0), 0, 0)).toBe(0);
  });
});
