import fc from 'fast-check';
import { bytes, keyArbitrary } from '../../test/support/entries.js';
import { BloomBuilder, BloomFilter, filterHash } from './bloom-filter.js';

function hashOf(key: Uint8Array): number {
  return filterHash(key, 0, key.length);
}

function filterOver(keys: readonly Uint8Array[]): BloomFilter {
  const builder = new BloomBuilder();
  for (const key of keys) builder.add(hashOf(key));
  return new BloomFilter(builder.finish(), '/t.sst', 0);
}

describe('the bloom filter', () => {
  it('knows every key that was added', () => {
    fc.assert(
      fc.property(fc.array(keyArbitrary, { maxLength: 300 }), (keys) => {
        const filter = filterOver(keys);
        for (const key of keys) expect(filter.mayContain(hashOf(key))).toBe(true);
      }),
    );
  });

  it('is wrong about other keys in less than 1.5 % of the cases', () => {
    const filter = filterOver(Array.from({ length: 20_000 }, (_, i) => bytes(`key/${i}`)));
    let wrong = 0;
    for (let i = 0; i < 20_000; i++) if (filter.mayContain(hashOf(bytes(`other/${i}`)))) wrong++;
    expect(wrong / 20_000).toBeLessThan(0.015);
  });

  it('hashes as MurmurHash3 x86 32 does', () => {
    const vectors = ['', 'a', 'ab', 'abc', 'hello', 'hello, world'].map((s) => hashOf(bytes(s)));
    expect(vectors).toEqual([0, 0x3c2569b2, 0x9bbfd75f, 0xb3dd93fa, 0x248bfa47, 0x149bbb7f]);
    expect(filterHash(bytes('xxhelloxx'), 2, 7)).toBe(0x248bfa47);
  });

  it('refuses a block of a wrong size and an unknown hash', () => {
    const block = new BloomBuilder().finish();
    expect(() => new BloomFilter(block.subarray(1), '/t.sst', 9)).toThrow(
      expect.objectContaining({ code: 'SST_CORRUPT', offset: 9 }),
    );
    expect(() => new BloomFilter(new Uint8Array(3), '/t.sst', 9)).toThrow(
      expect.objectContaining({ code: 'SST_CORRUPT' }),
    );
    block[block.length - 3] = 2;
    expect(() => new BloomFilter(block, '/t.sst', 9)).toThrow(
      expect.objectContaining({ code: 'SST_NEWER_FORMAT' }),
    );
  });
});
