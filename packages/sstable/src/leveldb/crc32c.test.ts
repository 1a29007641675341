import { bytes } from '../../test/support/entries.js';
import { crc32c, masked } from './crc32c.js';

function crcOf(data: Uint8Array): number {
  return crc32c(data, 0, data.length);
}

describe('crc32c', () => {
  it.each([
    ['zeros', new Uint8Array(32), 0x8a9136aa],
    ['ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['rising bytes', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['falling bytes', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['123456789', bytes('123456789'), 0xe3069283],
  ])('of %s is that of RFC 3720', (_, data, expected) => {
    expect(crcOf(data)).toBe(expected);
  });

  it('goes on from what came before, and looks at its range alone', () => {
    const data = bytes('hello, world of checksums');
    for (let split = 0; split <= data.length; split++) {
      expect(crc32c(data, split, data.length, crc32c(data, 0, split))).toBe(crcOf(data));
    }
    const padded = Uint8Array.of(9, ...data, 9);
    expect(crc32c(padded, 1, padded.length - 1)).toBe(crcOf(data));
  });

  it('is stored rotated and shifted', () => {
    expect(masked(0)).toBe(0xa282ead8);
    expect(masked(0x8000)).toBe(0xa282ead9);
    expect(masked(1)).toBe((0x00020000 + 0xa282ead8) >>> 0);
    expect(masked(masked(crcOf(bytes('foo'))))).not.toBe(crcOf(bytes('foo')));
  });
});
