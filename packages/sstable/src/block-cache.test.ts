import fc from 'fast-check';
import { BlockCache, CachedTable, NOT_CACHED } from './block-cache.js';

function block(sizeBytes: number): Uint8Array {
  return new Uint8Array(sizeBytes);
}

describe('BlockCache', () => {
  it('finds what was put in, and counts', () => {
    const cache = new BlockCache(100);
    const table = new CachedTable(3);
    expect(cache.find(table, 1)).toBe(NOT_CACHED);
    const slot = cache.insert(table, 1, block(40));
    expect(cache.find(table, 1)).toBe(slot);
    expect(cache.block(slot)).toHaveLength(40);
    expect(cache.find(table, 0)).toBe(NOT_CACHED);
    expect(cache.stats()).toEqual({ blocks: 1, usedBytes: 40, hits: 1, misses: 2 });
  });

  it('keeps tables apart', () => {
    const cache = new BlockCache(100);
    const [one, other] = [new CachedTable(1), new CachedTable(1)];
    cache.insert(one, 0, block(10));
    expect(cache.find(other, 0)).toBe(NOT_CACHED);
  });

  it('evicts what was not read since the hand came by', () => {
    const cache = new BlockCache(100);
    const table = new CachedTable(4);
    for (const ordinal of [0, 1]) cache.insert(table, ordinal, block(50));
    cache.find(table, 0);
    cache.insert(table, 2, block(50));
    expect(cache.find(table, 0)).not.toBe(NOT_CACHED);
    expect(cache.find(table, 1)).toBe(NOT_CACHED);
  });

  it('spares what is worth much once, although it was not read', () => {
    const cache = new BlockCache(100);
    const table = new CachedTable(4);
    cache.insert(table, 0, block(50), 'much');
    cache.insert(table, 1, block(50));
    cache.insert(table, 2, block(50));
    expect(table.slots[0]).not.toBe(NOT_CACHED);
    expect(table.slots[1]).toBe(NOT_CACHED);
    cache.insert(table, 3, block(50));
    expect(cache.stats().blocks).toBe(2);
  });

  it('never evicts a pinned block', () => {
    const cache = new BlockCache(100);
    const table = new CachedTable(4);
    const pinned = cache.insert(table, 0, block(60));
    cache.pin(pinned);
    expect(cache.insert(table, 1, block(60))).toBe(NOT_CACHED);
    expect(cache.block(pinned)).toHaveLength(60);
    cache.unpin(pinned);
    expect(cache.insert(table, 1, block(60))).not.toBe(NOT_CACHED);
    expect(cache.find(table, 0)).toBe(NOT_CACHED);
  });

  it('forgets a dropped table, its pinned blocks when they are unpinned', () => {
    const cache = new BlockCache(100);
    const table = new CachedTable(2);
    cache.insert(table, 0, block(10));
    const pinned = cache.insert(table, 1, block(20));
    cache.pin(pinned);
    cache.drop(table);
    expect(cache.stats()).toMatchObject({ blocks: 1, usedBytes: 20 });
    cache.unpin(pinned);
    expect(cache.stats()).toMatchObject({ blocks: 0, usedBytes: 0 });
  });

  it('makes room for bytes that are charged to it', () => {
    const cache = new BlockCache(100);
    const table = new CachedTable(2);
    cache.insert(table, 0, block(50));
    cache.charge(80);
    expect(cache.find(table, 0)).toBe(NOT_CACHED);
    expect(cache.insert(table, 0, block(50))).toBe(NOT_CACHED);
    cache.charge(-80);
    expect(cache.insert(table, 0, block(50))).not.toBe(NOT_CACHED);
  });

  it('evicts nothing for a block that would not fit anyway', () => {
    const cache = new BlockCache(100);
    const table = new CachedTable(2);
    cache.insert(table, 0, block(50));
    expect(cache.insert(table, 1, block(101))).toBe(NOT_CACHED);
    expect(cache.stats()).toMatchObject({ blocks: 1, usedBytes: 50 });
  });

  it('may have no room at all', () => {
    const cache = new BlockCache(0);
    expect(cache.insert(new CachedTable(1), 0, block(1))).toBe(NOT_CACHED);
  });

  it('stays within its capacity and never mixes blocks up, whatever is done', () => {
    const step = fc.record({
      what: fc.constantFrom('read', 'read', 'read', 'pin', 'unpin', 'drop'),
      table: fc.nat(2),
      ordinal: fc.nat(9),
      sizeBytes: fc.integer({ min: 1, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const cache = new BlockCache(100);
        const tables = [0, 1, 2].map(() => new CachedTable(10));
        const pins: number[] = [];
        for (const { what, table, ordinal, sizeBytes } of steps) {
          const cached = tables[table]!;
          if (what === 'read') {
            const slot = cache.find(cached, ordinal);
            if (slot === NOT_CACHED) {
              cache.insert(cached, ordinal, block(sizeBytes).fill(table * 10 + ordinal));
            } else expect(cache.block(slot)[0]).toBe(table * 10 + ordinal);
          } else if (what === 'pin') {
            const slot = cache.find(cached, ordinal);
            if (slot !== NOT_CACHED) {
              cache.pin(slot);
              pins.push(slot);
            }
          } else if (what === 'unpin') {
            const slot = pins.pop();
            if (slot !== undefined) cache.unpin(slot);
          } else cache.drop(cached);
          expect(cache.stats().usedBytes).toBeLessThanOrEqual(100);
        }
        for (const slot of pins) cache.unpin(slot);
        for (const table of tables) cache.drop(table);
        expect(cache.stats()).toMatchObject({ blocks: 0, usedBytes: 0 });
      }),
    );
  });
});
