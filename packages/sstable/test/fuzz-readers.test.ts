import { SimRandom } from '@dougdb/ports/sim';
import fc from 'fast-check';
import { BlockCache } from '../src/block-cache.js';
import { writeU32 } from '../src/encoding/internal-key.js';
import { verifyTable } from '../src/inspect/verify-table.js';
import { crc32c, masked } from '../src/leveldb/crc32c.js';
import { LevelDbReader } from '../src/leveldb/reader.js';
import { verifyDb, verifyLevelDb } from '../src/node/index.js';
import { PointResult } from '../src/read/cursor.js';
import { filterHash } from '../src/table/bloom-filter.js';
import { blockChecksum, decodeFooter } from '../src/table/format.js';
import { TableReader } from '../src/table/table-reader.js';
import { drain } from './support/databases.js';
import { backward, bytes, forward, put } from './support/entries.js';
import { LEVELDB_DIR, plantLevelDb, writeLevelDbTable } from './support/leveldb.js';
import { isFull, replayOf, seed } from './support/share.js';
import { DIR, newFs, variants, writeTable } from './support/tables.js';

jest.setTimeout(isFull ? 3_600_000 : 120_000);

const entries = Array.from({ length: 60 }, (_, i) => put(`key/${100 + i}`, 2 * i + 1));
const SHARE_MS = 1500;
const ALL_CASES = 20_000;

/** Everything that can be asked of a table file: nothing but errors of ours that say where may come out. */
function askAll(data: Uint8Array): 'whole' | 'refused' {
  const fs = newFs();
  const path = `${DIR}/000007.sst`;
  fs.plant(path, data);
  let refused = 0;
  const attempt = (work: (reader: TableReader) => void): void => {
    let reader: TableReader | null = null;
    try {
      reader = TableReader.open(fs, path, null, new BlockCache(10_000));
      work(reader);
    } catch (error) {
      expect(error).toMatchObject({ file: path, offset: expect.any(Number) });
      expect((error as { code: string }).code).toMatch(/^SST_(CORRUPT|NEWER_FORMAT)$/);
      refused++;
    } finally {
      reader?.close();
    }
  };
  attempt((reader) => forward(reader.cursor()));
  attempt((reader) => backward(reader.cursor()));
  attempt((reader) => {
    for (const _ of verifyTable(reader, null));
  });
  for (const key of [bytes('key/130'), bytes(''), bytes('zzz'), Uint8Array.of(255)]) {
    attempt((reader) => reader.get(key, filterHash(key, 0, key.length), 1000, new PointResult()));
    attempt((reader) => reader.cursor().seekBefore(key, 0, key.length, 5));
  }
  expect(fs.openPaths).toEqual([]);
  return refused === 0 ? 'whole' : 'refused';
}

const tables = [
  ...Object.values(variants).map((format) => {
    const fs = newFs();
    writeTable(fs, 7, entries, format);
    return fs.contents(`${DIR}/000007.sst`);
  }),
  ...(['bloom', 'none'] as const).map((filter) => {
    const fs = newFs();
    writeLevelDbTable(fs, `${DIR}/000007.ldb`, entries, { blockBytes: 150, filter });
    return fs.contents(`${DIR}/000007.ldb`);
  }),
];

/** Changes bytes of one block and gives it a right checksum again: as a hostile writer would. */
function forged(table: Uint8Array, random: SimRandom): Uint8Array {
  const data = table.slice();
  const isLevelDb = data.at(-1) === 0xdb;
  const [start, size] = someBlock(data, isLevelDb, random);
  for (let i = random.int(3); i >= 0; i--) data[start + random.int(size + 1)] = random.int(256);
  const crc = isLevelDb
    ? masked(crc32c(data, start, start + size + 1))
    : blockChecksum(
        decodeFooter(data.subarray(-64), 0, '').seed,
        start,
        data,
        start,
        start + size + 1,
      );
  writeU32(data, start + size + 1, crc);
  return data;
}

/** A block, found as a reader would: from the index, or the index and metaindex themselves. */
function someBlock(data: Uint8Array, isLevelDb: boolean, random: SimRandom): [number, number] {
  const fs = newFs();
  fs.plant('/db/x', data);
  const reader = TableReader.open(fs, '/db/x', null, null);
  const { end } = reader.readEnd();
  const handles = [end.index, end.metaindex, ...reader.metaBlocks().values()];
  const { index } = reader.indexCursor();
  for (index.first(); index.valid; index.next()) handles.push(index.handle);
  for (const part of reader.tableIndex().partitions ?? []) handles.push(part.index, part.filter);
  reader.close();
  expect(isLevelDb).toBe(reader.format === 'leveldb');
  const { offset, sizeBytes } = handles[random.int(handles.length)] ?? end.index;
  return [offset, sizeBytes];
}

const FORGED = 'a block that was changed by somebody who knows the checksum is read or refused';

describe('readers of tables', () => {
  it('refuse random bytes with file and offset', () => {
    const tails = tables.map((table) => table.slice(-64));
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.option(fc.constantFrom(...tails)),
        (data, tail) => {
          expect(askAll(Uint8Array.from([...data, ...(tail ?? [])]))).toBe('refused');
        },
      ),
      { numRuns: 200 },
    );
  });

  it('refuse what was cut, doubled, or put together from two tables', () => {
    const random = new SimRandom(3);
    for (const table of tables) {
      for (let i = 0; i < 12; i++) {
        const at = 1 + random.int(table.length - 1);
        const other = tables[random.int(tables.length)] ?? table;
        expect(askAll(table.slice(0, at))).toBe('refused');
        expect(askAll(table.slice(at))).toBe('refused');
        const mixed = Uint8Array.from([...other.slice(0, 200), ...table.slice(200)]);
        if (Buffer.compare(mixed, table) !== 0) expect(askAll(mixed)).toBe('refused');
      }
    }
  });

  it(FORGED, () => {
    const random = new SimRandom(Number(seed) % 2 ** 31);
    const end = performance.now() + SHARE_MS;
    let cases = 0;
    let refused = 0;
    try {
      while (isFull ? cases < ALL_CASES : performance.now() < end || cases < 20) {
        const table = tables[cases % tables.length] ?? new Uint8Array(0);
        if (askAll(forged(table, random)) === 'refused') refused++;
        cases++;
      }
    } catch (error) {
      throw new Error(`case ${cases}; again: ${replayOf(FORGED)}`, { cause: error });
    }
    expect(refused).toBeGreaterThan(cases / 4);
  });
});

describe('readers of directories', () => {
  it('refuse manifests and logs of random bytes, of both kinds', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom('MANIFEST-000002', 'CURRENT', '000100.log', '000010.ldb'),
        (data, name) => {
          const fs = newFs();
          plantLevelDb(fs, {
            tables: [[0, entries]],
            logs: [[put('x', 500)]],
            lastSequence: 400,
          });
          fs.plant(`${LEVELDB_DIR}/${name}`, data);
          const { problems } = verifyLevelDb(fs, LEVELDB_DIR);
          // Few bytes look like a log that a crash cut off at once.
          if (name !== '000100.log') expect(problems.length).toBeGreaterThan(0);
          for (const { code } of problems) expect(code).toMatch(/^SST_(CORRUPT|NEWER_FORMAT)$/);
          try {
            const reader = LevelDbReader.open({ fs, dir: LEVELDB_DIR });
            try {
              drain(reader.iterator());
            } finally {
              reader.close();
            }
          } catch (error) {
            expect(error).toMatchObject({ offset: expect.any(Number) });
          }
          expect(fs.openPaths).toEqual([]);
        },
      ),
      { numRuns: 150 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
        const fs = newFs();
        fs.plant(`${DIR}/MANIFEST-000001`, data);
        fs.plant(`${DIR}/marker.manifest.000001.MANIFEST-000001`, new Uint8Array(0));
        const { problems } = verifyDb(fs, DIR);
        expect(problems).toHaveLength(1);
        expect(problems[0]).toMatchObject({ code: 'SST_CORRUPT', offset: expect.any(Number) });
      }),
      { numRuns: 100 },
    );
  });
});
