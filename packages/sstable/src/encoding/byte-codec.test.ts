import fc from 'fast-check';
import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';

describe('byte writer and reader', () => {
  it('read back what was written', () => {
    const number = fc.maxSafeNat();
    const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(number, number, u32, fc.uint8Array({ maxLength: 300 }), (a, b, c, d) => {
        const written = new ByteWriter().uvarint(a).u64(b).u32(c).u8(7).prefixed(d).raw(d).finish();
        const reader = new ByteReader(written);
        expect(reader.uvarint()).toBe(a);
        expect(reader.u64()).toBe(b);
        expect(reader.u32()).toBe(c);
        expect(reader.u8()).toBe(7);
        expect(reader.prefixed()).toEqual(d);
        expect(reader.offset).toBe(written.length - d.length);
        expect(reader.raw(d.length)).toEqual(d);
        expect(reader.done).toBe(true);
      }),
    );
  });

  it('write the bytes that the formats name', () => {
    const written = new ByteWriter()
      .uvarint(300)
      .u64(2 ** 40 + 1)
      .u32(0xdeadbeef)
      .finish();
    expect([...written]).toEqual([0xac, 2, 1, 0, 0, 0, 0, 1, 0, 0, 0xef, 0xbe, 0xad, 0xde]);
  });

  it.each([
    ['a number without end', [0x80, 0x80]],
    ['a number of nine bytes', [255, 255, 255, 255, 255, 255, 255, 255, 1]],
    ['a number of 2^53', [128, 128, 128, 128, 128, 128, 128, 16]],
  ])('refuse %s', (_, list) => {
    expect(() => new ByteReader(Uint8Array.from(list)).uvarint()).toThrow(
      expect.objectContaining({ code: 'DECODE' }),
    );
  });

  it('never read past the end', () => {
    const reader = new ByteReader(Uint8Array.of(1, 2, 3, 4, 5), 0, 3);
    expect(() => reader.u32()).toThrow(expect.objectContaining({ code: 'DECODE' }));
    expect(() => reader.u64()).toThrow(expect.objectContaining({ code: 'DECODE' }));
    expect(() => new ByteReader(Uint8Array.of(9, 1)).prefixed()).toThrow(
      expect.objectContaining({ code: 'DECODE' }),
    );
  });
});
