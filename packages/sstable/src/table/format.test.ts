import { crc32 } from '@dougdb/ports';
import fc from 'fast-check';
import { writeU32 } from '../encoding/internal-key.js';
import { describeBitFlip } from './bit-flip.js';
import { codecOf } from './block-codec.js';
import { blockChecksum, checkBlock, decodeFooter, encodeFooter, type Footer } from './format.js';

const footer: Footer = {
  metaindex: { offset: 2 ** 40 + 5, sizeBytes: 77 },
  index: { offset: 12_345, sizeBytes: 678 },
  tableId: Uint8Array.from({ length: 16 }, (_, i) => i + 1),
  seed: 0xdeadbeef,
  levels: 1,
  isCompressed: false,
};

/** A footer changed at these places, with a right checksum again. */
function altered(changes: readonly (readonly [at: number, byte: number])[]): Uint8Array {
  const bytes = encodeFooter(footer);
  for (const [at, byte] of changes) bytes[at] = byte;
  writeU32(bytes, 48, crc32(bytes, crc32(bytes, 0, 0, 48), 52, 64));
  return bytes;
}

function block(contents: readonly number[], compression: number, offset: number): Uint8Array {
  const bytes = Uint8Array.from([...contents, compression, 0, 0, 0, 0]);
  const crcAt = contents.length + 1;
  writeU32(bytes, crcAt, blockChecksum(footer.seed, offset, bytes, 0, crcAt));
  return bytes;
}

describe('the footer of a table', () => {
  it('has 64 bytes and gives its fields back', () => {
    const bytes = encodeFooter(footer);
    expect(bytes).toHaveLength(64);
    expect(decodeFooter(bytes, 100, '/t.sst')).toEqual(footer);
  });

  it('says whether the index has two levels and whether blocks may be compressed', () => {
    const all = { ...footer, levels: 2, isCompressed: true } as const;
    expect(encodeFooter(all)[41]).toBe(3);
    expect(decodeFooter(encodeFooter(all), 100, '/t.sst')).toEqual(all);
  });

  it('is refused with one flipped bit, wherever it is', () => {
    for (let bit = 0; bit < 64 * 8; bit++) {
      const bytes = encodeFooter(footer);
      bytes[bit >>> 3]! ^= 1 << (bit & 7);
      expect(() => decodeFooter(bytes, 100, '/t.sst')).toThrow(
        expect.objectContaining({ code: 'SST_CORRUPT', file: '/t.sst' }),
      );
    }
  });

  it.each([
    ['a later format version', 52, 2],
    ['another checksum type', 40, 2],
    ['unknown flags', 41, 4],
  ])('is refused as newer with %s', (_, at, byte) => {
    expect(() => decodeFooter(altered([[at, byte]]), 100, '/t.sst')).toThrow(
      expect.objectContaining({ code: 'SST_NEWER_FORMAT', offset: 100 }),
    );
  });
});

describe('the trailer of a block', () => {
  it('accepts the block at its own place and nowhere else', () => {
    const bytes = block([1, 2, 3], 0, 4096);
    expect(() => checkBlock(bytes, 4096, footer.seed, '/t.sst')).not.toThrow();
    for (const [offset, seed] of [
      [8192, footer.seed],
      [4096, 1],
      [4096 + 2 ** 32, footer.seed],
    ] as const) {
      expect(() => checkBlock(bytes, offset, seed, '/t.sst')).toThrow(
        expect.objectContaining({ code: 'SST_CORRUPT', file: '/t.sst', offset }),
      );
    }
  });

  it.each([
    ['that nobody knows', 1, false],
    ['that nobody knows', 7, true],
    ['where the footer says that there is none', 2, false],
  ])('refuses a compression %s, and says so', (_, compression, isCompressed) => {
    const codec = codecOf({ ...footer, isCompressed });
    expect(() => codec.unpack(block([1, 2, 3], compression, 0), 0, '/t.sst')).toThrow(
      expect.objectContaining({
        code: 'SST_NEWER_FORMAT',
        message: expect.stringContaining(`compression ${compression}`),
      }),
    );
  });

  it('names the flipped bit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(), (contents, n) => {
        const bytes = block([...contents], 0, 1000);
        const bit = n % (bytes.length * 8);
        bytes[bit >>> 3]! ^= 1 << (bit & 7);
        expect(() => checkBlock(bytes, 1000, footer.seed, '/t.sst')).toThrow(
          `bit ${bit & 7} of the byte at ${1000 + (bit >>> 3)} may have flipped`,
        );
      }),
    );
  });

  it('does not guess where more than a bit is wrong', () => {
    const bytes = Uint8Array.from({ length: 4096 }, (_, i) => i);
    const before = crc32(bytes);
    bytes.fill(9, 100, 140);
    expect(describeBitFlip(bytes, bytes.length, crc32(bytes) ^ before, 0)).toBe('');
  });
});
