import fc from 'fast-check';
import {
  getU16,
  getU32,
  getU64,
  IntegerCursor,
  putU16,
  putU32,
  putU64,
  putUvarint,
  uvarintBytes,
} from './little-endian.js';

const safe = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(300),
  fc.constantFrom(0, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 49, Number.MAX_SAFE_INTEGER),
);

describe('integers on disk', () => {
  it('come back as they were, fixed and variable', () => {
    fc.assert(
      fc.property(safe, (value) => {
        const bytes = new Uint8Array(24);
        putU64(bytes, 1, value);
        expect(getU64(bytes, 1)).toBe(value);
        putU32(bytes, 2, value % 2 ** 32);
        expect(getU32(bytes, 2)).toBe(value % 2 ** 32);
        putU16(bytes, 3, value % 65536);
        expect(getU16(bytes, 3)).toBe(value % 65536);
        const end = putUvarint(bytes, 5, value);
        expect(end - 5).toBe(uvarintBytes(value));
        const cursor = new IntegerCursor(bytes, 5, end);
        expect([cursor.uvarint(), cursor.ok, cursor.at]).toEqual([value, true, end]);
      }),
    );
  });

  it('have the bytes of LEB128', () => {
    const bytes = new Uint8Array(4);
    expect(putUvarint(bytes, 0, 300)).toBe(2);
    expect([...bytes]).toEqual([0xac, 0x02, 0, 0]);
  });

  it('of 2^53 and more are refused, when written and when read', () => {
    const bytes = new Uint8Array(16).fill(0xff);
    expect(getU64(bytes, 0)).toBe(-1);
    expect(() => putU64(bytes, 0, 2 ** 53)).toThrow(RangeError);
    expect(() => putU64(bytes, 0, -1)).toThrow(RangeError);
    const tooLarge = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f);
    const cursor = new IntegerCursor(tooLarge, 0, 8);
    cursor.uvarint();
    expect(cursor.ok).toBe(false);
  });

  it('that run past the end or are longer than needed make the cursor fail for good', () => {
    const endless = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
    for (const bytes of [[0x80], [0x80, 0x00], [], endless]) {
      const cursor = new IntegerCursor(Uint8Array.from([...bytes, 5]), 0, bytes.length);
      cursor.uvarint();
      expect([bytes, cursor.ok]).toEqual([bytes, false]);
      expect([cursor.u8(), cursor.u32(), cursor.ok]).toEqual([0, 0, false]);
    }
  });
});
