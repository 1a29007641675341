import fc from 'fast-check';
import { crc32, crc32Sliced } from './crc32.js';

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Bit by bit, as the standard defines it. */
function crc32ByBits(bytes: Uint8Array, seed: number): number {
  let crc = ~seed;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('crc32', () => {
  it.each([
    ['', 0],
    ['a', 0xe8b7be43],
    ['abc', 0x352441c2],
    ['123456789', 0xcbf43926],
    ['The quick brown fox jumps over the lazy dog', 0x414fa339],
    ['1234567890'.repeat(8), 0x7ca94a72],
  ])('knows the published value of %p', (text, expected) => {
    expect(crc32(ascii(text))).toBe(expected);
  });

  it.each([
    [0x00, 0x190a55ad],
    [0xff, 0xff6cab0b],
  ])('knows 32 bytes of %p', (fill, expected) => {
    expect(crc32(new Uint8Array(32).fill(fill))).toBe(expected);
  });

  it('is the same by loop, by zlib and by definition, for any range and seed', () => {
    const range = fc.tuple(fc.uint8Array({ maxLength: 400 }), fc.nat(400), fc.nat(400));
    fc.assert(
      fc.property(range, fc.nat(0xffffffff), ([bytes, a, b], seed) => {
        const start = Math.min(a, b, bytes.length);
        const end = Math.min(Math.max(a, b), bytes.length);
        const expected = crc32ByBits(bytes.slice(start, end), seed);
        expect(crc32(bytes, seed, start, end)).toBe(expected);
        expect(crc32Sliced(bytes, seed, start, end)).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });

  it('is continued by the seed wherever the bytes are split', () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, i) => i * 7);
    for (let split = 0; split <= bytes.length; split++) {
      expect(crc32(bytes, crc32(bytes, 0, 0, split), split)).toBe(crc32(bytes));
    }
  });

  it('reads a view into a larger or shared buffer', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(512)).subarray(100, 400);
    shared.set(ascii('x'.repeat(300)));
    expect(crc32(shared)).toBe(crc32(ascii('x'.repeat(300))));
  });
});
