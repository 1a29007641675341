import fc from 'fast-check';
import { bytes, text } from '../../test/support/entries.js';
import { snappyDecode } from './snappy.js';

const LIMIT = 1024 * 1024;

function decode(block: readonly number[] | Uint8Array, limit = LIMIT): Uint8Array {
  const data = Uint8Array.from(block);
  return snappyDecode(data, 0, data.length, limit);
}

describe('a snappy block', () => {
  it('may be literals', () => {
    expect(text(decode([3, 2 << 2, ...bytes('abc')]))).toBe('abc');
    const long = new Uint8Array(100).fill(97);
    expect(decode([100, 60 << 2, 99, ...long])).toEqual(long);
    const longer = new Uint8Array(300).fill(98);
    expect(decode([0xac, 2, 61 << 2, 0x2b, 1, ...longer])).toEqual(longer);
    expect(decode([0])).toHaveLength(0);
  });

  it('may copy what stands before, also what the copy itself has written', () => {
    // 'ab', then ten bytes from two back.
    expect(text(decode([12, 1 << 2, 97, 98, (6 << 2) | 1, 2]))).toBe('abababababab');
    expect(text(decode([12, 1 << 2, 97, 98, (9 << 2) | 2, 2, 0]))).toBe('abababababab');
    expect(text(decode([12, 1 << 2, 97, 98, (9 << 2) | 3, 2, 0, 0, 0]))).toBe('abababababab');
  });

  it('may copy from more than 255 bytes back', () => {
    const far = Uint8Array.from({ length: 300 }, (_, i) => i);
    const literal = [61 << 2, 0x2b, 1, ...far];
    expect(decode([0xb0, 2, ...literal, ((300 >> 8) << 5) | 1, 300 & 255])).toEqual(
      Uint8Array.from([...far, 0, 1, 2, 3]),
    );
  });

  it.each([
    ['nothing', []],
    ['a length without an end', [0x80]],
    ['a length of six bytes', [0x80, 0x80, 0x80, 0x80, 0x80, 1]],
    ['a length that it cannot have', [0xff, 0xff, 3, 0, 97]],
    ['a literal that is cut off', [3, 2 << 2, 97]],
    ['a literal whose length is cut off', [3, 61 << 2, 0]],
    ['a literal longer than it says', [1, 1 << 2, 97, 98]],
    ['a copy before its start', [8, 0, 97, (3 << 2) | 1, 2]],
    ['a copy from nowhere', [8, 0, 97, (3 << 2) | 1, 0]],
    ['a copy past its end', [3, 0, 97, (3 << 2) | 1, 1]],
    ['a copy that is cut off', [8, 0, 97, (3 << 2) | 2, 1]],
    ['less than it says', [5, 2 << 2, 97, 98, 99]],
  ])('is refused when it holds %s', (_, block) => {
    expect(() => decode(block)).toThrow(expect.objectContaining({ code: 'DECODE' }));
  });

  it('is refused above the limit, before memory is taken', () => {
    expect(() => decode([100, 60 << 2, 99, ...new Uint8Array(100)], 99)).toThrow(
      expect.objectContaining({ code: 'DECODE' }),
    );
  });

  it('is right or refused, whatever stands in it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (block) => {
        try {
          expect(decode(block).length).toBeLessThanOrEqual(80 * 32);
        } catch (error) {
          expect(error).toMatchObject({ code: 'DECODE' });
        }
      }),
      { numRuns: 2000 },
    );
  });
});
