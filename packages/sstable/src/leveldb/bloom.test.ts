import fc from 'fast-check';
import { bytes, keyArbitrary } from '../../test/support/entries.js';
import { LevelDbFilterBuilder, levelDbFilterHash, levelDbFilterMayContain } from './bloom.js';

function hashOf(key: Uint8Array): number {
  return levelDbFilterHash(key, 0, key.length);
}

describe("LevelDB's filter block", () => {
  it('knows the keys of each block that began in its range', () => {
    const block = fc.record({
      sizeBytes: fc.integer({ min: 1, max: 9000 }),
      keys: fc.array(keyArbitrary, { minLength: 1, maxLength: 30 }),
    });
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 12 }), (blocks) => {
        const builder = new LevelDbFilterBuilder();
        let offset = 0;
        const offsets = blocks.map(({ sizeBytes, keys }) => {
          builder.startBlock(offset);
          for (const key of keys) builder.add(hashOf(key));
          const start = offset;
          offset += sizeBytes;
          builder.startBlock(offset);
          return start;
        });
        const filter = builder.finish();
        for (const [i, { keys }] of blocks.entries()) {
          for (const key of keys) {
            expect(levelDbFilterMayContain(filter, offsets[i] ?? 0, hashOf(key))).toBe(true);
          }
        }
      }),
    );
  });

  it('is wrong about other keys in about one case of a hundred', () => {
    const builder = new LevelDbFilterBuilder();
    builder.startBlock(0);
    for (let i = 0; i < 10_000; i++) builder.add(hashOf(bytes(`key/${i}`)));
    const filter = builder.finish();
    let wrong = 0;
    for (let i = 0; i < 10_000; i++) {
      if (levelDbFilterMayContain(filter, 0, hashOf(bytes(`other/${i}`)))) wrong++;
    }
    expect(wrong / 10_000).toBeLessThan(0.02);
  });

  it('says no for a range in which no block begins, and yes where it cannot know', () => {
    const builder = new LevelDbFilterBuilder();
    builder.startBlock(0);
    builder.add(1);
    builder.startBlock(5000);
    builder.add(2);
    const filter = builder.finish();
    expect(levelDbFilterMayContain(filter, 2048, 1)).toBe(false);
    expect(levelDbFilterMayContain(filter, 1_000_000, 1)).toBe(true);
    expect(levelDbFilterMayContain(new Uint8Array(3), 0, 1)).toBe(true);
  });

  it('never says no to a key that is there because of damage it can see, nor reads outside', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.nat(10_000),
        fc.nat(),
        (filter, at, hash) => {
          expect(typeof levelDbFilterMayContain(filter, at, hash)).toBe('boolean');
        },
      ),
    );
  });

  it.each([
    [[], 0xbc9f1d34],
    [[0x62], 0xef1345c4],
    [[0xc3, 0x97], 0x5b663814],
    [[0xe2, 0x99, 0xa5], 0x323c078f],
    [[0xe1, 0x80, 0xb9, 0x32], 0xed21633a],
  ])('hashes %j as LevelDB does', (key, expected) => {
    expect(hashOf(Uint8Array.from(key))).toBe(expected);
  });
});
