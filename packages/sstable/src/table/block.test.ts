import fc from 'fast-check';
import { buildBlock } from '../../test/support/blocks.js';
import {
  backward,
  entryArbitrary,
  expectSeeks,
  forward,
  put,
  sorted,
  targetArbitrary,
} from '../../test/support/entries.js';
import { BlockCursor } from './block-cursor.js';

function cursorOver(block: Uint8Array): BlockCursor {
  const cursor = new BlockCursor();
  cursor.reset(block, block.length, '/t.sst', 4096);
  return cursor;
}

const blockArbitrary = fc.record({
  entries: fc.array(entryArbitrary, { minLength: 1, maxLength: 60 }).map(sorted),
  restartInterval: fc.constantFrom(1, 2, 16),
});

describe('a block', () => {
  it('gives its entries back, both ways', () => {
    fc.assert(
      fc.property(blockArbitrary, ({ entries, restartInterval }) => {
        const cursor = cursorOver(buildBlock(entries, restartInterval));
        expect(forward(cursor)).toEqual(entries);
        expect(backward(cursor)).toEqual([...entries].reverse());
      }),
    );
  });

  it('seeks to and before any key and sequence', () => {
    fc.assert(
      fc.property(blockArbitrary, targetArbitrary, ({ entries, restartInterval }, target) => {
        expectSeeks(cursorOver(buildBlock(entries, restartInterval)), entries, target);
      }),
    );
  });

  it('has the bytes of the LevelDB format', () => {
    const block = buildBlock([put('ab', 1, 'x'), put('ac', 2, 'yz')], 16);
    expect([...block]).toEqual([
      ...[0, 10, 1, 97, 98, 1, 1, 0, 0, 0, 0, 0, 0, 120],
      ...[1, 9, 2, 99, 1, 2, 0, 0, 0, 0, 0, 0, 121, 122],
      ...[0, 0, 0, 0, 1, 0, 0, 0],
    ]);
  });

  it('numbers its entries by restart points where each is one', () => {
    const entries = ['a', 'b', 'c'].map((key) => put(key, 1));
    const cursor = cursorOver(buildBlock(entries, 1));
    const ordinals: number[] = [];
    for (cursor.first(); cursor.valid; cursor.next()) ordinals.push(cursor.restart);
    for (cursor.last(); cursor.valid; cursor.prev()) ordinals.push(cursor.restart);
    expect(ordinals).toEqual([0, 1, 2, 2, 1, 0]);
    expect(cursor.restartCount).toBe(3);
  });

  it('holds values longer than one length byte can say', () => {
    const entries = [put('a', 1, 'x'.repeat(200)), put('b', 1, 'y'.repeat(70_000))];
    expect(forward(cursorOver(buildBlock(entries, 16)))).toEqual(entries);
  });

  it('is refused with file and offset where its contents make no sense, whatever they are', () => {
    const good = blockArbitrary.map(({ entries, restartInterval }) =>
      buildBlock(entries, restartInterval),
    );
    const change = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    const damaged = fc.tuple(good, change).map(([block, changes]) => {
      for (const [at, byte] of changes) block[at % block.length] = byte;
      return block;
    });
    fc.assert(
      fc.property(
        fc.oneof(damaged, fc.uint8Array({ maxLength: 200 })),
        targetArbitrary,
        (block, target) => {
          const tries = [
            (cursor: BlockCursor) => forward(cursor),
            (cursor: BlockCursor) => backward(cursor),
            (cursor: BlockCursor) => cursor.seek(target.key, 0, target.key.length, target.sequence),
          ];
          for (const attempt of tries) {
            try {
              attempt(cursorOver(block));
            } catch (error) {
              expect(error).toMatchObject({ file: '/t.sst', offset: 4096 });
              expect(['SST_CORRUPT', 'SST_NEWER_FORMAT']).toContain(
                (error as { code: string }).code,
              );
            }
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
