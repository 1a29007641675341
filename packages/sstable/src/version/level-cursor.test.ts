import fc from 'fast-check';
import {
  backward,
  type Entry,
  entryArbitrary,
  expectSeeks,
  forward,
  put,
  sorted,
  targetArbitrary,
} from '../../test/support/entries.js';
import { newFs, openTable, writeTable } from '../../test/support/tables.js';
import { BlockCache } from '../block-cache.js';
import { compareKeys } from '../encoding/key-order.js';
import { LevelCursor } from './level-cursor.js';

/** Entries cut into tables at user keys. */
const levelArbitrary = fc
  .tuple(fc.array(entryArbitrary, { maxLength: 80 }).map(sorted), fc.integer({ min: 1, max: 20 }))
  .map(([list, size]) => {
    const tables: Entry[][] = [];
    for (const entry of list) {
      const table = tables.at(-1);
      const last = table?.at(-1);
      const isSameKey = last !== undefined && compareKeys(last.key, entry.key) === 0;
      if (table !== undefined && (table.length < size || isSameKey)) table.push(entry);
      else tables.push([entry]);
    }
    return { list, tables };
  });

function cursorOver(tables: readonly Entry[][]): LevelCursor {
  const fs = newFs();
  const cache = new BlockCache(10_000);
  return new LevelCursor(
    tables.map((entries, i) => {
      const meta = writeTable(fs, i + 1, entries, 60);
      return { meta, reader: openTable(fs, meta, cache) };
    }),
  );
}

describe('LevelCursor', () => {
  it('walks all tables of a level, both ways', () => {
    fc.assert(
      fc.property(levelArbitrary, ({ list, tables }) => {
        const cursor = cursorOver(tables);
        expect(forward(cursor)).toEqual(list);
        expect(backward(cursor)).toEqual([...list].reverse());
      }),
    );
  });

  it('seeks to and before any key and sequence', () => {
    fc.assert(
      fc.property(levelArbitrary, targetArbitrary, ({ list, tables }, target) => {
        expectSeeks(cursorOver(tables), list, target);
      }),
    );
  });

  it('opens a table only when it comes to it', () => {
    const fs = newFs();
    const tables = [['a'], ['b'], ['c']].map((keys, i) => {
      const meta = writeTable(
        fs,
        i + 1,
        keys.map((key) => put(key, 1)),
      );
      return { meta, reader: openTable(fs, meta) };
    });
    const cursor = new LevelCursor(tables);
    const before = fs.operationCount;
    cursor.seek(Uint8Array.of(98), 0, 1, 9);
    expect(cursor.valid).toBe(true);
    // Index, metaindex, filter and data block of one table.
    expect(fs.operationCount - before).toBeLessThanOrEqual(4);
    cursor.close();
    expect(cursor.valid).toBe(false);
  });
});
