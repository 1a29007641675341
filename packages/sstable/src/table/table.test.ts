import fc from 'fast-check';
import {
  ArrayCursor,
  backward,
  bytes,
  type Entry,
  entryArbitrary,
  expectSeeks,
  forward,
  put,
  sorted,
  targetArbitrary,
} from '../../test/support/entries.js';
import { DIR, newFs, openTable, writeTable } from '../../test/support/tables.js';
import { BlockCache } from '../block-cache.js';
import { compareKeys } from '../encoding/key-order.js';
import { verifyTable } from '../inspect/verify-table.js';
import { PointResult } from '../read/cursor.js';
import { filterHash } from './bloom-filter.js';
import { TableReader } from './table-reader.js';
import { TableWriter } from './table-writer.js';

const tableArbitrary = fc.record({
  entries: fc.array(entryArbitrary, { minLength: 1, maxLength: 120 }).map(sorted),
  format: fc.record({
    blockBytes: fc.constantFrom(1, 50, 300, 4096),
    indexBytes: fc.constantFrom(1, 60, 200, 65_536),
    compression: fc.constantFrom('none', 'deflate-raw'),
  }),
  cacheBytes: fc.constantFrom(0, 200, 100_000),
});

function get(reader: TableReader, key: Uint8Array, atMost: number): Entry | null {
  const result = new PointResult();
  if (!reader.get(key, filterHash(key, 0, key.length), atMost, result)) return null;
  const { kind, sequence } = result;
  const value = result.bytes.slice(result.start, result.end);
  return { key, kind: kind as Entry['kind'], sequence, value };
}

describe('a table', () => {
  it('gives its entries back, both ways, and passes its check', () => {
    fc.assert(
      fc.property(tableArbitrary, ({ entries, format, cacheBytes }) => {
        const fs = newFs();
        const meta = writeTable(fs, 7, entries, format);
        const cache = new BlockCache(cacheBytes);
        const reader = openTable(fs, meta, cache);
        const cursor = reader.cursor();
        expect(forward(cursor)).toEqual(entries);
        expect(backward(cursor)).toEqual([...entries].reverse());
        expect([...verifyTable(reader, meta)].every((step) => step === undefined)).toBe(true);
        cursor.close();
        reader.close();
        expect(fs.openPaths).toEqual([]);
        expect(cache.stats()).toMatchObject({ blocks: 0, usedBytes: 0 });
      }),
    );
  });

  it('seeks to and before any key and sequence', () => {
    fc.assert(
      fc.property(tableArbitrary, targetArbitrary, ({ entries, format, cacheBytes }, target) => {
        const fs = newFs();
        const reader = openTable(
          fs,
          writeTable(fs, 7, entries, format),
          new BlockCache(cacheBytes),
        );
        expectSeeks(reader.cursor(), entries, target);
      }),
    );
  });

  it('gets the newest version at or below a sequence', () => {
    fc.assert(
      fc.property(tableArbitrary, targetArbitrary, ({ entries, format }, target) => {
        const fs = newFs();
        const reader = openTable(fs, writeTable(fs, 7, entries, format), new BlockCache(1000));
        const targets = [
          target,
          ...entries,
          ...entries.map((e) => ({ ...e, sequence: e.sequence - 1 })),
        ];
        for (const { key, sequence } of targets) {
          const expected = entries.find(
            (entry) => compareKeys(entry.key, key) === 0 && entry.sequence <= sequence,
          );
          expect(get(reader, key, sequence)).toEqual(expected ?? null);
        }
      }),
    );
  });

  it('tells the manifest what it holds', () => {
    const fs = newFs();
    const entries = [
      put('a', 3),
      put('b', 9),
      put('b', 2),
      { ...put('c', 5, ''), kind: 0 as const },
    ];
    const meta = writeTable(fs, 12, entries);
    expect(meta).toMatchObject({
      number: 12,
      sizeBytes: fs.stat(`${DIR}/000012.sst`)?.sizeBytes,
      smallest: bytes('a'),
      largest: bytes('c'),
      smallestSequence: 2,
      largestSequence: 9,
      entries: 4,
      deletions: 1,
    });
    expect(openTable(fs, meta).properties()).toMatchObject({
      entries: 4,
      deletions: 1,
      dataBlocks: 1,
      keyBytes: 4,
      valueBytes: 9,
      smallest: bytes('a'),
      largest: bytes('c'),
      smallestSequence: 2,
      largestSequence: 9,
    });
  });

  it('reads each block from the file once while the cache has room', () => {
    const fs = newFs();
    const entries = Array.from({ length: 50 }, (_, i) => put(`key${100 + i}`, 1));
    const cache = new BlockCache(100_000);
    const reader = openTable(fs, writeTable(fs, 7, entries), cache);
    forward(reader.cursor());
    const before = fs.operationCount;
    forward(reader.cursor());
    for (const { key } of entries) expect(get(reader, key, 9)).not.toBeNull();
    expect(fs.operationCount).toBe(before);
    expect(cache.stats().hits).toBeGreaterThan(50);
  });

  it('pins the block that a cursor stands in', () => {
    const fs = newFs();
    const entries = Array.from({ length: 50 }, (_, i) => put(`key${100 + i}`, 1));
    const meta = writeTable(fs, 7, entries);
    const probe = new BlockCache(100_000);
    get(openTable(fs, meta, probe), bytes('key100'), 9);
    // Room for index, filter and one block.
    const cache = new BlockCache(probe.stats().usedBytes);
    const reader = openTable(fs, meta, cache);
    const cursor = reader.cursor();
    cursor.first();
    get(reader, bytes('key149'), 9);
    expect(cache.stats().blocks).toBe(1);
    cursor.close();
    get(reader, bytes('key149'), 9);
    get(reader, bytes('key149'), 9);
    expect(cache.stats()).toMatchObject({ blocks: 1, hits: 1 });
  });

  it('finds nothing past a filter that says no, without reading a block', () => {
    const fs = newFs();
    const reader = openTable(fs, writeTable(fs, 7, [put('a', 1), put('z', 1)]));
    get(reader, bytes('a'), 9);
    const before = fs.operationCount;
    expect(get(reader, bytes('m'), 9)).toBeNull();
    expect(fs.operationCount).toBe(before);
  });

  it.each([
    ['keys out of order', [put('b', 1), put('a', 1)]],
    ['a sequence that rises within a key', [put('a', 1), put('a', 2)]],
    ['the same version twice', [put('a', 1), put('a', 1)]],
  ])('is not written from %s', (_, entries) => {
    expect(() => writeTable(newFs(), 7, entries)).toThrow(
      expect.objectContaining({ code: 'SST_USAGE' }),
    );
  });

  it('is not written from nothing', () => {
    expect(() => writeTable(newFs(), 7, [])).toThrow(
      expect.objectContaining({ code: 'SST_USAGE' }),
    );
  });

  it('is refused if the manifest names another one: SST_FOREIGN', () => {
    const fs = newFs();
    const meta = writeTable(fs, 7, [put('a', 1)]);
    const other = { ...meta, tableId: new Uint8Array(16) };
    expect(() => openTable(fs, other)).toThrow(
      expect.objectContaining({ code: 'SST_FOREIGN', file: `${DIR}/000007.sst` }),
    );
    expect(fs.openPaths).toEqual([]);
  });

  it('is refused if it is missing, too short or too long', () => {
    const fs = newFs();
    const meta = writeTable(fs, 7, [put('a', 1)]);
    const path = `${DIR}/000007.sst`;
    const good = fs.contents(path);
    for (const bad of [good.subarray(0, -1), Uint8Array.from([...good, 0]), new Uint8Array(0)]) {
      fs.plant(path, bad);
      expect(() => openTable(fs, meta)).toThrow(
        expect.objectContaining({ code: 'SST_CORRUPT', file: path }),
      );
      expect(() => TableReader.open(fs, path, null, null)).toThrow(
        expect.objectContaining({ code: 'SST_CORRUPT', file: path }),
      );
    }
    fs.remove(path);
    expect(() => openTable(fs, meta)).toThrow(
      expect.objectContaining({ code: 'SST_CORRUPT', file: path }),
    );
  });

  it('tells a failed read as SST_IO with the file', () => {
    const fs = newFs();
    const reader = openTable(fs, writeTable(fs, 7, [put('a', 1)]));
    fs.failNext({ kind: 'read' }, 'EIO');
    expect(() => get(reader, bytes('a'), 9)).toThrow(
      expect.objectContaining({ code: 'SST_IO', file: `${DIR}/000007.sst` }),
    );
    expect(get(reader, bytes('a'), 9)).toEqual(put('a', 1));
    fs.failNext({ kind: 'open' }, 'EIO');
    expect(() => openTable(fs, writeTable(fs, 8, [put('a', 1)]))).toThrow(
      expect.objectContaining({ code: 'SST_IO' }),
    );
  });

  it('is read no more after it was closed', () => {
    const fs = newFs();
    const reader = openTable(fs, writeTable(fs, 7, [put('a', 1)]));
    reader.close();
    reader.close();
    expect(() => get(reader, bytes('a'), 9)).toThrow(
      expect.objectContaining({ code: 'SST_CLOSED' }),
    );
  });

  it('does not keep the bytes of its caller', () => {
    const fs = newFs();
    const file = fs.open(`${DIR}/000009.sst`, 'create');
    const tableId = new Uint8Array(16).fill(3);
    const writer = new TableWriter(file, { number: 9, tableId, seed: 5 }, { blockBytes: 100 });
    const cursor = new ArrayCursor([put('a', 2), put('b', 1)]);
    for (cursor.first(); cursor.valid; cursor.next()) {
      writer.add(cursor);
      cursor.keyBytes.fill(0);
      cursor.valueBytes.fill(0);
    }
    const meta = writer.finish();
    tableId.fill(0);
    file.close();
    expect(forward(openTable(fs, meta).cursor())).toEqual([put('a', 2), put('b', 1)]);
  });
});
