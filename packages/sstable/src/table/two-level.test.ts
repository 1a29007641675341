import { bytes, del, forward, put } from '../../test/support/entries.js';
import { DIR, newFs, openTable, writeTable } from '../../test/support/tables.js';
import { BlockCache } from '../block-cache.js';
import { verifyTable } from '../inspect/verify-table.js';
import { PointResult } from '../read/cursor.js';
import { filterHash } from './bloom-filter.js';
import type { TableReader } from './table-reader.js';

const format = { blockBytes: 80, indexBytes: 100 };
const entries = Array.from({ length: 400 }, (_, i) => put(`key${1000 + i}`, i + 1));

function get(reader: TableReader, key: string, atMost = 1000): string | null {
  const result = new PointResult();
  const name = bytes(key);
  if (!reader.get(name, filterHash(name, 0, name.length), atMost, result)) return null;
  return new TextDecoder().decode(result.bytes.slice(result.start, result.end));
}

async function locate(reader: TableReader, key: string, atMost = 1000): Promise<string | null> {
  const name = bytes(key);
  const place = await reader.locate(name, filterHash(name, 0, name.length), atMost);
  const result = new PointResult();
  if (place === null || !reader.getAt(place, name, atMost, result)) return null;
  return new TextDecoder().decode(result.bytes.slice(result.start, result.end));
}

describe('a table with an index of two levels', () => {
  it('is chosen by the size of the index', () => {
    const fs = newFs();
    const levels = [200, 40_000].map((indexBytes, i) => {
      const reader = openTable(fs, writeTable(fs, i, entries, { blockBytes: 80, indexBytes }));
      return reader.tableIndex().partitions?.length ?? 0;
    });
    expect(levels[0]).toBeGreaterThan(10);
    expect(levels[1]).toBe(0);
  });

  it('keeps only the index of the partitions in memory; partitions come and go as blocks do', () => {
    const fs = newFs();
    const cache = new BlockCache(3000);
    const reader = openTable(fs, writeTable(fs, 7, entries, format), cache);
    for (const { key } of entries) {
      expect(get(reader, new TextDecoder().decode(key))).not.toBeNull();
      expect(cache.stats().usedBytes).toBeLessThanOrEqual(3000);
    }
    reader.close();
    expect(cache.stats()).toMatchObject({ blocks: 0, usedBytes: 0 });
  });

  it('reads each partition once while the cache has room', () => {
    const fs = newFs();
    const reader = openTable(fs, writeTable(fs, 7, entries, format), new BlockCache(1_000_000));
    forward(reader.cursor());
    for (const { key } of entries) get(reader, new TextDecoder().decode(key));
    const before = fs.operationCount;
    forward(reader.cursor());
    for (const { key } of entries) get(reader, new TextDecoder().decode(key));
    expect(fs.operationCount).toBe(before);
  });

  it('reads only two partitions for a key that is not there', () => {
    const fs = newFs();
    const reader = openTable(fs, writeTable(fs, 7, entries, format), new BlockCache(1_000_000));
    get(reader, 'key1000');
    const before = fs.operationCount;
    expect(get(reader, 'key1390x')).toBeNull();
    // The filter of its partition; where it is wrong, the partition and a block, too.
    expect(fs.operationCount - before).toBeLessThanOrEqual(3);
    expect(get(reader, 'zzz')).toBeNull();
  });

  it('is read off the loop, step by step, with the same answers', async () => {
    const fs = newFs();
    const meta = writeTable(fs, 7, entries, format);
    for (const cache of [null, new BlockCache(0), new BlockCache(1_000_000)]) {
      const reader = openTable(fs, meta, cache);
      for (const key of ['key1000', 'key1234', 'key1399', 'key1234x', 'zzz', 'a']) {
        expect(await locate(reader, key)).toBe(get(reader, key));
      }
      reader.close();
    }
  });

  it('answers at once when everything is in memory', async () => {
    const fs = newFs();
    const reader = openTable(fs, writeTable(fs, 7, entries, format), new BlockCache(1_000_000));
    await locate(reader, 'key1234');
    const name = bytes('key1234');
    expect(reader.locate(name, filterHash(name, 0, name.length), 1000)).not.toBeInstanceOf(Promise);
  });

  it('tells a look that was on its way when the table was closed', async () => {
    const fs = newFs();
    const reader = openTable(fs, writeTable(fs, 7, entries, format), new BlockCache(1_000_000));
    const looking = locate(reader, 'key1234');
    reader.close();
    await expect(looking).rejects.toMatchObject({ code: 'SST_CLOSED' });
  });

  it('finds every version of a key whose versions fill several partitions', () => {
    const versions = Array.from({ length: 300 }, (_, i) =>
      i % 10 === 3 ? del('b', 300 - i) : put('b', 300 - i),
    );
    const all = [put('a', 1), ...versions, put('c', 1)];
    const fs = newFs();
    const meta = writeTable(fs, 7, all, format);
    const reader = openTable(fs, meta, new BlockCache(100_000));
    expect(reader.tableIndex().partitions?.length).toBeGreaterThan(5);
    for (const { sequence } of versions) {
      const result = new PointResult();
      const hash = filterHash(bytes('b'), 0, 1);
      expect(reader.get(bytes('b'), hash, sequence, result)).toBe(true);
      expect(result.sequence).toBe(sequence);
    }
    expect([...verifyTable(reader, meta)].length).toBeGreaterThan(10);
  });

  it('pins the partition that a cursor stands in', () => {
    const fs = newFs();
    const cache = new BlockCache(1200);
    const reader = openTable(fs, writeTable(fs, 7, entries, format), cache);
    const cursor = reader.cursor();
    cursor.first();
    for (const { key } of entries) get(reader, new TextDecoder().decode(key));
    cursor.next();
    expect(cursor.valid).toBe(true);
    cursor.close();
    reader.close();
    expect(cache.stats()).toMatchObject({ blocks: 0, usedBytes: 0 });
  });

  it('names the partition that is damaged', () => {
    const fs = newFs();
    const meta = writeTable(fs, 7, entries, format);
    const { partitions } = openTable(fs, meta).tableIndex();
    const part = partitions?.[3];
    for (const handle of [part?.index, part?.filter]) {
      fs.corrupt(`${DIR}/000007.sst`, (handle?.offset ?? 0) + 2, 16);
      const reader = openTable(fs, meta);
      const { key } = entries[(part?.firstBlock ?? 0) * 3] ?? put('', 0);
      expect(() => {
        for (const entry of entries) get(reader, new TextDecoder().decode(entry.key));
      }).toThrow(expect.objectContaining({ code: 'SST_CORRUPT', offset: handle?.offset }));
      expect(key.length).toBeGreaterThan(0);
      fs.corrupt(`${DIR}/000007.sst`, (handle?.offset ?? 0) + 2, 16);
    }
  });
});
