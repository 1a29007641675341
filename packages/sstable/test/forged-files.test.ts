/** Files with right checksums and wrong contents, as only a bug or an enemy writes them: one for each refusal. */
import { BlockCache } from '../src/block-cache.js';
import { readU32, writeU32 } from '../src/encoding/internal-key.js';
import { crc32c, masked } from '../src/leveldb/crc32c.js';
import { readFile } from '../src/leveldb/directory.js';
import { encodeLog } from '../src/leveldb/log-format.js';
import { LevelDbReader } from '../src/leveldb/reader.js';
import type { LevelDbEdit } from '../src/leveldb/version-edit.js';
import { verifyLevelDb } from '../src/node/index.js';
import { PointResult } from '../src/read/cursor.js';
import { filterHash } from '../src/table/bloom-filter.js';
import { type BlockHandle, blockChecksum, decodeFooter } from '../src/table/format.js';
import { TableReader } from '../src/table/table-reader.js';
import { bytes, forward, put } from './support/entries.js';
import {
  encodeBatch,
  internalKeyOf,
  LEVELDB_DIR,
  plantLevelDb,
  writeLevelDbTable,
} from './support/leveldb.js';
import { DIR, newFs, openTable, writeTable } from './support/tables.js';

const PATH = `${DIR}/000007.sst`;
const entries = Array.from({ length: 200 }, (_, i) => put(`key${1000 + i}`, i + 1));
const corruptAt = (offset: number) =>
  expect.objectContaining({ code: 'SST_CORRUPT', file: PATH, offset });

/** A table of two levels, one of whose blocks is changed. */
function twoLevels(
  which: (reader: TableReader) => BlockHandle,
  change: (contents: Uint8Array) => void,
): { readonly reader: TableReader; readonly offset: number } {
  const fs = newFs();
  const meta = writeTable(fs, 7, entries, { blockBytes: 80, indexBytes: 100 });
  const { offset, sizeBytes } = which(openTable(fs, meta));
  const data = fs.contents(PATH);
  change(data.subarray(offset, offset + sizeBytes));
  const { seed } = decodeFooter(data.subarray(-64), 0, PATH);
  writeU32(
    data,
    offset + sizeBytes + 1,
    blockChecksum(seed, offset, data, offset, offset + sizeBytes + 1),
  );
  fs.plant(PATH, data);
  return { reader: openTable(fs, meta, new BlockCache(100_000)), offset };
}

function getAll(reader: TableReader): void {
  for (const { key } of entries) {
    reader.get(key, filterHash(key, 0, key.length), 1000, new PointResult());
  }
}

const topIndex = (reader: TableReader): BlockHandle => reader.readEnd().end.index;

/** Where the value of the first entry of an index block ends: with the number of blocks. */
function endOfFirstValue(contents: Uint8Array): number {
  return 3 + contents[1]! + contents[2]!;
}

describe('a table of two levels is refused', () => {
  it('where a partition says that it names no block', () => {
    const { reader, offset } = twoLevels(topIndex, (contents) => {
      contents[endOfFirstValue(contents) - 1] = 0;
    });
    for (const read of [() => forward(reader.cursor()), () => getAll(reader)]) {
      expect(read).toThrow(corruptAt(offset));
    }
  });

  it('where partitions say that they name more blocks than fit into the file, before memory is taken', () => {
    const { reader, offset } = twoLevels(topIndex, (contents) => {
      // A handle less, and all its bytes as one number of blocks.
      contents.fill(0xff, endOfFirstValue(contents) - 4, endOfFirstValue(contents) - 1);
      contents[endOfFirstValue(contents) - 1] = 0x7f;
    });
    expect(() => getAll(reader)).toThrow(corruptAt(offset));
  });

  it('where a partition has another number of entries than its table says', () => {
    const { reader } = twoLevels(topIndex, (contents) => {
      contents[endOfFirstValue(contents) - 1]!++;
    });
    const first = reader.tableIndex().partitions?.[0]?.index.offset ?? -1;
    expect(() => forward(reader.cursor())).toThrow(corruptAt(first));
  });

  it('where a partition ends before its own key', () => {
    const { reader } = twoLevels(topIndex, (contents) => {
      // The key of the last partition, raised.
      contents[readU32(contents, contents.length - 8) + 3 + 3] = 0x7a;
    });
    const last = reader.tableIndex().partitions?.at(-1)?.index.offset ?? -1;
    const key = bytes('keyx');
    expect(() => reader.cursor().seek(key, 0, key.length, 5)).toThrow(corruptAt(last));
    // A get asks the filter first; this hash is one that it knows.
    const known = entries.at(-1)?.key ?? key;
    const hash = filterHash(known, 0, known.length);
    expect(() => reader.get(key, hash, 5, new PointResult())).toThrow(corruptAt(last));
  });

  it('where a handle in a partition leads outside', () => {
    const { reader, offset } = twoLevels(
      (table) => table.tableIndex().partitions![1]!.index,
      (contents) => {
        contents[endOfFirstValue(contents) - 1] = 0x7f;
        contents[endOfFirstValue(contents) - 2] = 0x7f;
      },
    );
    expect(() => getAll(reader)).toThrow(
      expect.objectContaining({ code: 'SST_CORRUPT', file: PATH }),
    );
    expect(offset).toBeGreaterThan(0);
  });

  it('where a block ends as no block does', () => {
    const { reader, offset } = twoLevels(
      () => ({ offset: 0, sizeBytes: firstBlockBytes() }),
      (contents) => {
        contents[contents.length - 1] = 0x80;
      },
    );
    expect(offset).toBe(0);
    for (const read of [() => forward(reader.cursor()), () => getAll(reader)]) {
      expect(read).toThrow(corruptAt(0));
    }
  });

  it('where an entry has a kind that is not known yet: that is a newer program’s', () => {
    const { reader } = twoLevels(
      () => ({ offset: 0, sizeBytes: firstBlockBytes() }),
      (contents) => {
        contents[3 + 7] = 2;
      },
    );
    for (const read of [() => forward(reader.cursor()), () => getAll(reader)]) {
      expect(read).toThrow(expect.objectContaining({ code: 'SST_NEWER_FORMAT', offset: 0 }));
    }
  });
});

function firstBlockBytes(): number {
  const fs = newFs();
  const reader = openTable(fs, writeTable(fs, 7, entries, { blockBytes: 80, indexBytes: 100 }));
  const { index } = reader.indexCursor();
  index.first();
  return index.handle.sizeBytes;
}

describe("a table of LevelDB's is refused", () => {
  it.each([
    ['compressed with zstd', 2, 'SST_NEWER_FORMAT', 'zstd'],
    ['compressed in a way that nobody knows', 9, 'SST_NEWER_FORMAT', 'compression 9'],
    ['Snappy that cannot be unpacked', 1, 'SST_CORRUPT', 'cannot be unpacked'],
  ])('with a block that is %s', (_, compression, code, message) => {
    const fs = newFs();
    writeLevelDbTable(fs, PATH, entries);
    const reader = TableReader.open(fs, PATH, null, null);
    const { index } = reader.indexCursor();
    index.first();
    const { sizeBytes } = index.handle;
    const data = fs.contents(PATH);
    data[sizeBytes] = compression;
    writeU32(data, sizeBytes + 1, masked(crc32c(data, 0, sizeBytes + 1)));
    fs.plant(PATH, data);
    expect(() => forward(TableReader.open(fs, PATH, null, null).cursor())).toThrow(
      expect.objectContaining({
        code,
        file: PATH,
        offset: 0,
        message: expect.stringContaining(message),
      }),
    );
  });
});

describe("a directory of LevelDB's is refused", () => {
  const file = (level: number, number: number, from: string, to: string) => ({
    level,
    number,
    sizeBytes: 100,
    smallest: internalKeyOf(put(from, 9)),
    largest: internalKeyOf(put(to, 1)),
  });
  const cases: readonly (readonly [string, Partial<LevelDbEdit>, string])[] = [
    [
      'in another order of keys',
      { comparator: 'rocksdb.ReverseBytewiseComparator' },
      'NEWER_FORMAT',
    ],
    ['with sequences that we cannot hold', { lastSequence: 2 ** 48 }, 'NEWER_FORMAT'],
    [
      'with tables that overlap',
      { newFiles: [file(1, 10, 'a', 'm'), file(1, 11, 'k', 'z')] },
      'CORRUPT',
    ],
    ['with a table that ends before it starts', { newFiles: [file(0, 10, 'z', 'a')] }, 'CORRUPT'],
    ['with a table that is not there', { newFiles: [file(0, 77, 'a', 'b')] }, 'CORRUPT'],
  ];

  it.each(cases)('%s', (_, edit, code) => {
    const fs = newFs();
    plantLevelDb(fs, { tables: [[0, [put('a', 1)]]], lastSequence: 5, edit });
    const refusal = expect.objectContaining({ code: `SST_${code}`, offset: expect.any(Number) });
    expect(() => LevelDbReader.open({ fs, dir: LEVELDB_DIR })).toThrow(refusal);
    expect(verifyLevelDb(fs, LEVELDB_DIR).problems).toEqual([refusal]);
  });

  it.each(['logNumber', 'nextFileNumber', 'lastSequence'] as const)('without a %s', (name) => {
    const fs = newFs();
    plantLevelDb(fs, { tables: [], lastSequence: 5, edit: { [name]: undefined } as object });
    expect(() => LevelDbReader.open({ fs, dir: LEVELDB_DIR })).toThrow(
      expect.objectContaining({ code: 'SST_CORRUPT', message: expect.stringContaining('lacks') }),
    );
  });

  it('with a log whose entries we cannot hold, or whose records make no sense', () => {
    for (const [record, code] of [
      [encodeBatch(2 ** 48, [put('a', 1)]), 'SST_NEWER_FORMAT'],
      [encodeBatch(1, [{ ...put('a', 1), key: new Uint8Array(70_000) }]), 'SST_NEWER_FORMAT'],
      [Uint8Array.of(1, 2, 3), 'SST_CORRUPT'],
    ] as const) {
      const fs = newFs();
      plantLevelDb(fs, { tables: [], lastSequence: 5 });
      fs.plant(`${LEVELDB_DIR}/000100.log`, encodeLog([record]));
      const refusal = expect.objectContaining({
        code,
        file: `${LEVELDB_DIR}/000100.log`,
        offset: 0,
      });
      expect(() => LevelDbReader.open({ fs, dir: LEVELDB_DIR })).toThrow(refusal);
      expect(verifyLevelDb(fs, LEVELDB_DIR).problems).toEqual([refusal]);
      expect(fs.openPaths).toEqual([]);
    }
  });

  it('by its check where a table is newer than the manifest, or holds other keys', () => {
    const fs = newFs();
    plantLevelDb(fs, { tables: [[0, [put('a', 9)]]], lastSequence: 5 });
    expect(verifyLevelDb(fs, LEVELDB_DIR).problems).toMatchObject([
      { code: 'SST_CORRUPT', message: expect.stringContaining('sequence 9') },
    ]);
    const other = newFs();
    plantLevelDb(other, { tables: [[0, [put('a', 1)]]], lastSequence: 5 });
    plantLevelDb(other, { tables: [[0, [put('b', 1)]]], lastSequence: 5 }, '/other');
    other.plant(`${LEVELDB_DIR}/000010.ldb`, other.contents('/other/000010.ldb'));
    expect(verifyLevelDb(other, LEVELDB_DIR).problems).toMatchObject([
      { code: 'SST_CORRUPT', message: expect.stringContaining('keys that the manifest names') },
    ]);
  });

  it('with a file that is too long to be read into memory', () => {
    const fs = newFs();
    fs.plant('/db/x', new Uint8Array(100));
    expect(() => readFile(fs, '/db/x', 99)).toThrow(
      expect.objectContaining({ code: 'SST_CORRUPT', file: '/db/x', offset: 99 }),
    );
    fs.failNext({ kind: 'read' }, 'EIO');
    expect(() => readFile(fs, '/db/x')).toThrow(expect.objectContaining({ code: 'SST_IO' }));
    expect(fs.openPaths).toEqual([]);
    expect(() => verifyLevelDb(fs, '/nowhere')).toThrow(
      expect.objectContaining({ code: 'SST_IO' }),
    );
  });
});
