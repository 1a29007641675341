import fc from 'fast-check';
import { compareKeys } from '../encoding/key-order.js';
import { nodePrefix, prefixesBelow, touchWords } from './node-search.js';

/** Few bytes and the extremes, so that keys are often alike or beginnings of each other. */
const byte = fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xfe, 0xff), fc.nat(255));
const keyArbitrary = fc
  .uint8Array({ maxLength: 9 })
  .chain((bytes) =>
    fc
      .array(byte, { minLength: bytes.length, maxLength: bytes.length })
      .map((list) => Uint8Array.from(list)),
  );

const LARGEST = 2 ** 31 - 1;
const prefixArbitrary = fc.oneof(
  fc.constantFrom(0, 1, 2 ** 30 - 1, 2 ** 30, LARGEST - 1, LARGEST),
  fc.nat(LARGEST),
);

describe('nodePrefix', () => {
  it('orders keys as far as it tells them apart, of any length', () => {
    fc.assert(
      fc.property(keyArbitrary, keyArbitrary, fc.nat(3), (a, b, shift) => {
        const shifted = Uint8Array.from([...new Uint8Array(shift).fill(0xaa), ...a, 0xff]);
        const ofA = nodePrefix(shifted, shift, shift + a.length);
        const ofB = nodePrefix(b, 0, b.length);
        expect(ofA).toBe(nodePrefix(a, 0, a.length));
        expect(ofA >= 0 && ofA <= LARGEST).toBe(true);
        if (ofA !== ofB) expect(Math.sign(ofA - ofB)).toBe(Math.sign(compareKeys(a, b)));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('prefixesBelow', () => {
  it('counts what a filter counts, in columns of any length, and looks at nothing outside', () => {
    fc.assert(
      fc.property(
        fc.array(prefixArbitrary, { maxLength: 140 }),
        prefixArbitrary,
        fc.nat(3),
        (list, other, column) => {
          const sorted = [...list].sort((a, b) => a - b);
          // Its neighbours would mislead it.
          const words = new Uint32Array(column + sorted.length + 3).fill(LARGEST, 0, column);
          words.set(sorted, column);
          for (const prefix of [other, ...sorted]) {
            expect(prefixesBelow(words, column, sorted.length, prefix)).toBe(
              sorted.filter((entry) => entry < prefix).length,
            );
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('counts in columns of each length up to 130 with each place for the answer', () => {
    for (let count = 0; count <= 130; count++) {
      const words = Uint32Array.from({ length: count }, (_, i) => 2 * i + 1);
      for (let below = 0; below <= count; below++) {
        expect(prefixesBelow(words, 0, count, 2 * below)).toBe(below);
      }
    }
  });
});

describe('touchWords', () => {
  it('reads words of the range alone', () => {
    for (let count = 1; count <= 130; count++) {
      const words = new Uint32Array(count + 2);
      words[0] = words[count + 1] = 0xffff_ffff;
      expect(touchWords(words, 1, count)).toBe(0);
    }
  });
});
