import fc from 'fast-check';
import { entryArbitrary, forward, sorted } from '../../test/support/entries.js';
import { Memtable } from './memtable.js';
import { SlabPool } from './slab-pool.js';

const KIB = 1024;

describe('SlabPool', () => {
  it('hands out again what it was given, of the same size', () => {
    const pool = new SlabPool(100 * KIB);
    const slab = pool.take(10 * KIB);
    expect(slab.byteLength).toBe(16 * KIB);
    pool.give(slab);
    expect(pool.freeBytes).toBe(16 * KIB);
    expect(pool.take(8 * KIB)).not.toBe(slab);
    expect(pool.take(9 * KIB)).toBe(slab);
    expect(pool.freeBytes).toBe(0);
  });

  it('wastes little of what is large, and keeps no more than it may', () => {
    const pool = new SlabPool(2000 * KIB);
    const sizes = [1, 1024, 1025, 1024 * KIB, 1024 * KIB + 1].map((n) => pool.take(n).byteLength);
    expect(sizes).toEqual([KIB, KIB, 2 * KIB, 1024 * KIB, 1280 * KIB]);
    for (let i = 0; i < 3; i++) pool.give(new SharedArrayBuffer(1024 * KIB));
    expect(pool.freeBytes).toBe(1024 * KIB);
  });

  it('makes memtables that show nothing of those before them', () => {
    const pool = new SlabPool(1 << 24);
    fc.assert(
      fc.property(fc.array(entryArbitrary, { maxLength: 300 }), (entries) => {
        const memtable = new Memtable(pool);
        for (const { sequence, kind, key, value } of entries) {
          memtable.add(sequence, kind, key, value);
        }
        expect(forward(memtable.cursor())).toEqual(sorted(entries));
        memtable.free();
        expect(memtable.reservedBytes).toBe(0);
      }),
    );
    expect(pool.freeBytes).toBeGreaterThan(0);
  });

  it('does not let a memtable be read that was given back', () => {
    const memtable = new Memtable(new SlabPool(1 << 24));
    memtable.add(1, 1, Uint8Array.of(1), Uint8Array.of(2));
    const cursor = memtable.cursor();
    cursor.first();
    memtable.free();
    expect(() => cursor.first()).not.toThrow();
    expect(cursor.valid).toBe(false);
  });
});
