import type { SimFs } from '@dougdb/ports/sim';
import { SimRandom } from '@dougdb/ports/sim';
import type { Kind } from '../src/encoding/internal-key.js';
import { verifyTable } from '../src/inspect/verify-table.js';
import { LevelDbReader } from '../src/leveldb/reader.js';
import { dumpManifest, verifyDb, verifyLevelDb } from '../src/node/index.js';
import { PointResult } from '../src/read/cursor.js';
import { filterHash } from '../src/table/bloom-filter.js';
import type { TableMeta } from '../src/table/table-meta.js';
import { TableReader } from '../src/table/table-reader.js';
import { drain, dump, Machine, put as putInto } from './support/databases.js';
import { del, type Entry, entryAt, marked, put } from './support/entries.js';
import { LEVELDB_DIR, plantLevelDb, writeLevelDbTable } from './support/leveldb.js';
import { isFull, replayOf, seed } from './support/share.js';
import { DIR, newFs, variants, writeTable } from './support/tables.js';

jest.setTimeout(isFull ? 3_600_000 : 120_000);

interface Table {
  readonly fs: SimFs;
  readonly path: string;
  readonly sizeBytes: number;
  /** null: of LevelDB's format. */
  readonly meta: TableMeta | null;
}

/** Versions, tombstones, marks and a value of some length: `count` keys. LevelDB has no marks. */
function entriesOf(count: number, variant = 'leveldb'): Entry[] {
  const isNative = !variant.startsWith('leveldb');
  return Array.from({ length: count }, (_, i) => {
    const key = `key/${1000 + i}`;
    if (i % 5 === 1 && isNative) return [marked(key, 3 * i + 1)];
    if (i % 9 === 4) return [del(key, 3 * i + 1)];
    if (i % 7 === 3) return [put(key, 3 * i + 2), put(key, 3 * i + 1)];
    return [put(key, 3 * i + 1, `value ${i} `.repeat(1 + (i % 4)))];
  }).flat();
}

function tableOf(variant: string, entries: readonly Entry[]): Table {
  const fs = newFs();
  const format = variants[variant];
  if (format !== undefined) {
    const meta = writeTable(fs, 7, entries, format);
    return { fs, path: `${DIR}/000007.sst`, sizeBytes: meta.sizeBytes, meta };
  }
  const path = `${DIR}/000007.ldb`;
  const filter = variant === 'leveldb, no filter' ? 'none' : 'bloom';
  const { sizeBytes } = writeLevelDbTable(fs, path, entries, { blockBytes: 150, filter });
  return { fs, path, sizeBytes, meta: null };
}

function open({ fs, path, sizeBytes, meta }: Table): TableReader {
  return TableReader.open(fs, path, meta ?? { sizeBytes, tableId: null }, null);
}

/** What a check finds; null: nothing. */
function verified(table: Table): { file: string | null; offset: number | null } | null {
  let reader: TableReader | null = null;
  try {
    reader = open(table);
    for (const _ of verifyTable(reader, table.meta));
    return null;
  } catch (error) {
    return error as { file: string; offset: number };
  } finally {
    reader?.close();
  }
}

/** Reads everything, both ways, and some keys; what is answered must be right, what throws must say where. */
function expectRightOrRefused(
  table: Table,
  expected: readonly Entry[],
  keys: readonly Entry[],
): void {
  const refused = (error: unknown): void => {
    expect(error).toMatchObject({ file: table.path, offset: expect.any(Number) });
    expect((error as { code: string }).code).toMatch(/^SST_(CORRUPT|FOREIGN|NEWER_FORMAT)$/);
  };
  let reader: TableReader;
  try {
    reader = open(table);
  } catch (error) {
    refused(error);
    return;
  }
  const cursor = reader.cursor();
  let at = 0;
  try {
    for (cursor.first(); cursor.valid; cursor.next()) expectSame(entryAt(cursor), expected[at++]);
    expect(at).toBe(expected.length);
  } catch (error) {
    refused(error);
  }
  try {
    at = expected.length;
    for (cursor.last(); cursor.valid; cursor.prev()) expectSame(entryAt(cursor), expected[--at]);
    expect(at).toBe(0);
  } catch (error) {
    refused(error);
  }
  for (const entry of keys) {
    const result = new PointResult();
    const { key, sequence } = entry;
    try {
      const found = reader.get(key, filterHash(key, 0, key.length), sequence, result);
      expect(found).toBe(true);
      const value = result.bytes.slice(result.start, result.end);
      expectSame({ key, sequence: result.sequence, kind: result.kind as Kind, value }, entry);
    } catch (error) {
      refused(error);
    }
  }
  cursor.close();
  reader.close();
}

/** toEqual for entries, many times: without the cost of it. */
function expectSame(actual: Entry, expected: Entry | undefined): void {
  const isSame =
    expected !== undefined &&
    actual.sequence === expected.sequence &&
    actual.kind === expected.kind &&
    Buffer.compare(actual.key, expected.key) === 0 &&
    Buffer.compare(actual.value, expected.value) === 0;
  if (!isSame) expect(actual).toEqual(expected);
}

const everyVariant = [...Object.keys(variants), 'leveldb', 'leveldb, no filter'];

describe('one flipped bit', () => {
  it.each(everyVariant)(
    'anywhere in a table is found, and never makes a wrong answer: %s',
    (variant) => {
      const entries = entriesOf(22, variant);
      const table = tableOf(variant, entries);
      const keys = entries.filter((_, i) => i % 9 === 0);
      expectRightOrRefused(table, entries, keys);
      expect(verified(table)).toBeNull();
      for (let at = 0; at < table.sizeBytes; at++) {
        const mask = 1 << ((at * 5) % 8);
        table.fs.corrupt(table.path, at, mask);
        const problem = verified(table);
        expect(problem).toMatchObject({ file: table.path, offset: expect.any(Number) });
        // It names the block, or the footer, in which the byte is. LevelDB's footer has no checksum: there, what
        // it names is what is found to be wrong.
        if (table.meta !== null || at < table.sizeBytes - 48) {
          expect(Math.abs((problem?.offset ?? 1e9) - at)).toBeLessThan(1500);
        }
        expectRightOrRefused(table, entries, keys);
        table.fs.corrupt(table.path, at, mask);
      }
      expect(table.fs.openPaths).toEqual([]);
    },
  );

  it('anywhere in a whole database of tables of two levels and compressed blocks is found', async () => {
    const machine = new Machine({
      blockBytes: 120,
      indexBytes: 100,
      compression: 'deflate-raw',
      level0Tables: 1,
      level1Bytes: 200,
      tableBytes: 900,
    });
    const db = await machine.open();
    for (let i = 1; i <= 40; i++) putInto(db, i, `key${100 + (i % 33)}`, `value ${i} `.repeat(4));
    await machine.flush(db, 'H1');
    await machine.run(db.compact());
    for (let i = 41; i <= 50; i++) putInto(db, i, `key${100 + i}`);
    await machine.flush(db, 'H2');
    const expected = dump(db);
    await machine.run(db.close());
    const { fs } = machine;
    const deep = dumpManifest(fs, '/data/db', verifyDb(fs, '/data/db').manifest ?? 0).files;
    expect(deep.some(({ level }) => level >= 2)).toBe(true);
    let found = 0;
    let bytes = 0;
    for (const name of machine.names().filter((file) => /^(\d+\.sst|MANIFEST-\d+)$/.test(file))) {
      const path = `/data/db/${name}`;
      const sizeBytes = fs.contents(path).length;
      for (let at = 0; at < sizeBytes; at += 3) {
        bytes++;
        fs.corrupt(path, at, 1 << (at % 8));
        const { problems } = verifyDb(fs, '/data/db');
        if (problems.length > 0) {
          found++;
          expect(problems.map(({ file }) => file)).toEqual([path]);
          expect(problems[0]?.offset).toEqual(expect.any(Number));
        } else {
          // Dead space: the empty record at the end of a manifest, and zeros that fill up to eight bytes.
          expect(name).toMatch(/^MANIFEST/);
          expect(dumpManifest(fs, '/data/db', Number(name.slice(9))).files).toEqual(deep);
        }
        fs.corrupt(path, at, 1 << (at % 8));
      }
    }
    expect(found).toBeGreaterThan(bytes - 40);
    expect(dump(await machine.open())).toEqual(expected);
  });

  it("anywhere in a directory of LevelDB's is found, or is a last record that was cut off", () => {
    const fs = newFs();
    const entries = entriesOf(12);
    plantLevelDb(fs, {
      tables: [[6, entries]],
      logs: [[put('logged', 900), del('key/1000', 901)]],
      lastSequence: 100,
    });
    const reader = LevelDbReader.open({ fs, dir: LEVELDB_DIR });
    const expected = drain(reader.iterator());
    reader.close();
    for (const name of fs.list(LEVELDB_DIR)) {
      const path = `${LEVELDB_DIR}/${name}`;
      const sizeBytes = fs.contents(path).length;
      for (let at = 0; at < sizeBytes; at++) {
        fs.corrupt(path, at, 1 << (at % 8));
        const { problems, isTorn } = verifyLevelDb(fs, LEVELDB_DIR);
        if (problems.length > 0) {
          expect(problems[0]).toMatchObject({ offset: expect.any(Number) });
          // CURRENT has no checksum: it may name another manifest, which is not there.
          if (name !== 'CURRENT') expect(problems[0]?.file).toBe(path);
        } else {
          // Only the length of a log's last record looks like a crash, and it is told.
          expect([at, name, isTorn]).toEqual([at, expect.stringMatching(/log$/), true]);
        }
        try {
          const damaged = LevelDbReader.open({ fs, dir: LEVELDB_DIR });
          try {
            const shown = drain(damaged.iterator());
            if (!damaged.isLogTorn) expect(shown).toEqual(expected);
          } finally {
            damaged.close();
          }
        } catch (error) {
          expect(error).toMatchObject({ offset: expect.any(Number) });
          expect((error as { code: string }).code).toMatch(/^SST_/);
        }
        fs.corrupt(path, at, 1 << (at % 8));
      }
    }
    expect(fs.openPaths).toEqual([]);
  });
});

function pick<T>(random: SimRandom, list: readonly T[]): T {
  const item = list[random.int(list.length)];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}

const LARGER = 'random bits of larger tables are found, and never make a wrong answer';
const ALL_BITS = 20_000;
const SHARE_MS = 2500;

describe('many flipped bits', () => {
  it(LARGER, () => {
    const random = new SimRandom(Number(seed) % 2 ** 31);
    const entries = entriesOf(1500);
    const tables = everyVariant.map((variant) => tableOf(variant, entries));
    const end = performance.now() + SHARE_MS;
    let bits = 0;
    try {
      while (isFull ? bits < ALL_BITS : performance.now() < end) {
        const table = pick(random, tables);
        const at = random.int(table.sizeBytes);
        const mask = 1 << random.int(8);
        table.fs.corrupt(table.path, at, mask);
        expect(verified(table)).toMatchObject({ file: table.path, offset: expect.any(Number) });
        // The whole table with every tenth bit: reading costs ten times the check.
        if (bits % 10 === 0) expectRightOrRefused(table, entries, [pick(random, entries)]);
        table.fs.corrupt(table.path, at, mask);
        bits++;
      }
    } catch (error) {
      throw new Error(`after ${bits} bits; again: ${replayOf(LARGER)}`, { cause: error });
    }
    console.log(`${bits} random bits were flipped, each found; ${replayOf(LARGER)}`);
    expect(bits).toBeGreaterThan(isFull ? ALL_BITS - 1 : 20);
  });
});
