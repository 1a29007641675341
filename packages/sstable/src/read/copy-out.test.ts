import { copyOut } from './copy-out.js';

describe('what a read hands out', () => {
  it('is a copy that nobody else writes to, whatever its length', () => {
    const source = Uint8Array.from({ length: 3000 }, (_, i) => i);
    const lengths = [
      0,
      1,
      64,
      65,
      100,
      1024,
      1025,
      2000,
      ...Array.from({ length: 200 }, (_, i) => 60 + i),
    ];
    const copies = lengths.map((length) => copyOut(source, 7, 7 + length));
    source.fill(0);
    for (const [i, copy] of copies.entries()) {
      expect(copy).toHaveLength(lengths[i] ?? -1);
      expect(copy.every((byte, at) => byte === ((at + 7) & 0xff))).toBe(true);
    }
    copies[4]?.fill(255);
    for (const [i, copy] of copies.entries()) {
      if (i !== 4) expect(copy.every((byte, at) => byte === ((at + 7) & 0xff))).toBe(true);
    }
  });

  it('keeps no more alive than a slab of eight KiB', () => {
    const source = new Uint8Array(2000);
    for (let length = 0; length < 2000; length += 7) {
      expect(copyOut(source, 0, length).buffer.byteLength).toBeLessThanOrEqual(8192);
    }
  });
});
