import fc from 'fast-check';
import { Kind, MAX_SEQUENCE, readU32, sequenceOf, writeTrailer } from './internal-key.js';

function trailer(sequence: number, kind: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeTrailer(bytes, 0, sequence, kind);
  return bytes;
}

describe('the trailer of an internal key', () => {
  it('is sequence << 8 | kind, little-endian, as LevelDB has it', () => {
    expect([...trailer(0x0605_0403_0201, Kind.Set)]).toEqual([1, 1, 2, 3, 4, 5, 6, 0]);
    expect([...trailer(MAX_SEQUENCE, Kind.Delete)]).toEqual([0, 255, 255, 255, 255, 255, 255, 0]);
  });

  it('gives sequence and kind back', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.constantFrom(0, 1), (n, kind) => {
        const sequence = n % (MAX_SEQUENCE + 1);
        const bytes = trailer(sequence, kind);
        expect(sequenceOf(readU32(bytes, 0), readU32(bytes, 4))).toBe(sequence);
        expect(bytes[0]).toBe(kind);
      }),
    );
  });
});
