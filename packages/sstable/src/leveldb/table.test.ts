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
import { writeLevelDbTable } from '../../test/support/leveldb.js';
import { newFs } from '../../test/support/tables.js';
import { BlockCache } from '../block-cache.js';
import { Kind } from '../encoding/internal-key.js';
import { compareKeys } from '../encoding/key-order.js';
import { verifyTable } from '../inspect/verify-table.js';
import { dumpTable } from '../node/index.js';
import { PointResult } from '../read/cursor.js';
import { filterHash } from '../table/bloom-filter.js';
import { TableReader } from '../table/table-reader.js';

const PATH = '/db/000007.ldb';

/** LevelDB has none. */
function withoutMarks(entries: readonly Entry[]): Entry[] {
  return entries.map((entry) =>
    entry.kind === Kind.SetMarked ? { ...entry, kind: Kind.Set } : entry,
  );
}

const tableArbitrary = fc.record({
  entries: fc.array(entryArbitrary, { minLength: 1, maxLength: 120 }).map(sorted).map(withoutMarks),
  options: fc.record({
    blockBytes: fc.constantFrom(1, 60, 300, 4096),
    filter: fc.constantFrom('bloom', 'none'),
  }),
  cacheBytes: fc.constantFrom(0, 100_000),
});

describe("a table of LevelDB's format", () => {
  it('gives its entries back, both ways, and passes its check', () => {
    fc.assert(
      fc.property(tableArbitrary, targetArbitrary, ({ entries, options, cacheBytes }, target) => {
        const fs = newFs();
        const { sizeBytes } = writeLevelDbTable(fs, PATH, entries, options);
        const expected = { sizeBytes, tableId: null };
        const reader = TableReader.open(fs, PATH, expected, new BlockCache(cacheBytes));
        expect(forward(reader.cursor())).toEqual(entries);
        expect(backward(reader.cursor())).toEqual([...entries].reverse());
        expectSeeks(reader.cursor(), entries, target);
        expect([...verifyTable(reader, null)].every((step) => step === undefined)).toBe(true);
        expect([reader.format, reader.tableId, reader.properties()]).toEqual([
          'leveldb',
          null,
          null,
        ]);
        reader.close();
        expect(fs.openPaths).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('gets the newest version at or below a sequence, at once and off the loop', async () => {
    await fc.assert(
      fc.asyncProperty(tableArbitrary, async ({ entries, options }) => {
        const fs = newFs();
        writeLevelDbTable(fs, PATH, entries, options);
        const reader = TableReader.open(fs, PATH, null, new BlockCache(1000));
        for (const { key, sequence } of entries.slice(0, 20)) {
          const atMost = sequence + 1;
          const hash = filterHash(key, 0, key.length);
          const expected = entries.find(
            (entry) => compareKeys(entry.key, key) === 0 && entry.sequence <= atMost,
          );
          const result = new PointResult();
          expect(reader.get(key, hash, atMost, result)).toBe(true);
          expect(result.sequence).toBe(expected?.sequence);
          const place = await reader.locate(key, hash, atMost);
          expect(place !== null && reader.getAt(place, key, atMost, result)).toBe(true);
          expect(result.sequence).toBe(expected?.sequence);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('has the bytes of the format', () => {
    const fs = newFs();
    writeLevelDbTable(fs, PATH, [put('ab', 1, 'x'), put('ac', 2, 'yz')], {
      blockBytes: 4096,
      filter: 'none',
    });
    const table = fs.contents(PATH);
    expect([...table.subarray(0, 40)]).toEqual([
      ...[0, 10, 1, 97, 98, 1, 1, 0, 0, 0, 0, 0, 0, 120],
      ...[1, 9, 2, 99, 1, 2, 0, 0, 0, 0, 0, 0, 121, 122],
      ...[0, 0, 0, 0, 1, 0, 0, 0, 0, ...table.subarray(37, 40)],
    ]);
    // Metaindex without an entry: 8 bytes; index with one.
    expect([...table.subarray(-48, -44)]).toEqual([41, 8, 54, 23]);
    expect([...table.subarray(-8)]).toEqual([0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb]);
  });

  it('is never taken for a table of ours, nor ours for one of LevelDB', () => {
    const fs = newFs();
    const { sizeBytes } = writeLevelDbTable(fs, PATH, [put('a', 1)]);
    const ours = { sizeBytes, tableId: new Uint8Array(16) };
    expect(() => TableReader.open(fs, PATH, ours, null)).toThrow(
      expect.objectContaining({ code: 'SST_FOREIGN', file: PATH }),
    );
  });

  it('is dumped as ours is', () => {
    const fs = newFs();
    writeLevelDbTable(fs, PATH, [put('a', 3), put('b', 1)]);
    const seen: string[] = [];
    const dumped = dumpTable(fs, PATH, ({ kind, sequence }) => seen.push(`${kind} ${sequence}`));
    expect(seen).toEqual(['set 3', 'set 1']);
    expect(dumped).toMatchObject({ format: 'leveldb', tableId: null, properties: null });
  });
});
