import fc from 'fast-check';
import { levelShape } from './level-shape.js';

const MIB = 1024 * 1024;
const at = (...bytes: number[]): number[] => [...Array<number>(7 - bytes.length).fill(0), ...bytes];

describe('levelShape', () => {
  it('keeps a small database in one level, the last', () => {
    expect(levelShape(at(), 64 * MIB).base).toBe(6);
    expect(levelShape(at(64 * MIB), 64 * MIB).base).toBe(6);
  });

  it('moves the base up when a level would be larger than the base may be', () => {
    expect(levelShape(at(65 * MIB), 64 * MIB).base).toBe(5);
    expect(levelShape(at(641 * MIB), 64 * MIB).base).toBe(4);
    expect(levelShape(at(1, 6401 * MIB), 64 * MIB).base).toBe(3);
    const { base, maxBytes } = levelShape(at(1 * MIB, 60 * MIB, 5000 * MIB), 64 * MIB);
    expect(base).toBe(4);
    expect(maxBytes.map((bytes) => Math.round(bytes / MIB))).toEqual([
      ...Array(4).fill(Number.POSITIVE_INFINITY),
      64,
      500,
      Number.POSITIVE_INFINITY,
    ]);
  });

  it('lets levels that were filled from the top flow down', () => {
    const levels = [0, 64 * MIB, 640 * MIB, 300 * MIB, 0, 0, 0];
    const { base, maxBytes } = levelShape(levels, 64 * MIB);
    expect(base).toBe(1);
    expect(maxBytes[2]).toBe(64 * MIB);
  });

  it('never leaves data above the base, and asks of no level to be smaller than one above it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant(0), fc.nat(1e12)), { minLength: 7, maxLength: 7 }),
        (levels) => {
          const { base, maxBytes } = levelShape(levels, 64 * MIB);
          expect(base).toBeGreaterThanOrEqual(1);
          expect(base).toBeLessThanOrEqual(6);
          for (let level = 1; level < base; level++) expect(levels[level]).toBe(0);
          const bounds = maxBytes.slice(base);
          expect(bounds).toEqual([...bounds].sort((a, b) => a - b));
        },
      ),
    );
  });
});
