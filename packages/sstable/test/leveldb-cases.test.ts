/**
 * LevelDB's cases for tables, corruption and recovery, asked of our files. docs/leveldb-cases.md says which
 * test answers which.
 */
import { SimRandom } from '@dougdb/ports/sim';
import { BlockCache } from '../src/block-cache.js';
import type { Db } from '../src/db.js';
import { LevelDbReader } from '../src/index.js';
import { verifyTable } from '../src/inspect/verify-table.js';
import { crc32c, masked } from '../src/leveldb/crc32c.js';
import { encodeLevelDbFooter } from '../src/leveldb/table-format.js';
import { Memtable } from '../src/memtable/memtable.js';
import { dumpManifest, verifyDb } from '../src/node/index.js';
import { PointResult } from '../src/read/cursor.js';
import { BlockCursor } from '../src/table/block-cursor.js';
import { filterHash } from '../src/table/bloom-filter.js';
import { TableReader } from '../src/table/table-reader.js';
import { drain, dump, get, Machine, put as putInto } from './support/databases.js';
import {
  backward,
  bytes,
  type Entry,
  expectSeeks,
  forward,
  put,
  sorted,
  text,
} from './support/entries.js';
import { LEVELDB_DIR, plantLevelDb, writeLevelDbTable } from './support/leveldb.js';
import { stateOf } from './support/script.js';
import { DIR, newFs, openTable, variants, writeTable } from './support/tables.js';

jest.setTimeout(120_000);

/** A reader over the same entries in each format and variant. */
function everyTable(entries: readonly Entry[]): TableReader[] {
  const fs = newFs();
  const ours = Object.values(variants).map((format, i) =>
    openTable(fs, writeTable(fs, i, entries, format), new BlockCache(100_000)),
  );
  writeLevelDbTable(fs, `${DIR}/000099.ldb`, entries);
  return [...ours, TableReader.open(fs, `${DIR}/000099.ldb`, null, null)];
}

function getFrom(reader: TableReader, key: string): string | null {
  const name = bytes(key);
  const result = new PointResult();
  if (!reader.get(name, filterHash(name, 0, name.length), 1e9, result)) return null;
  return text(result.bytes.slice(result.start, result.end));
}

describe('a table', () => {
  it('of no entries is never written, and is read where LevelDB wrote one', () => {
    const fs = newFs();
    expect(() => writeTable(fs, 1, [])).toThrow(expect.objectContaining({ code: 'SST_USAGE' }));
    const block = [0, 0, 0, 0, 1, 0, 0, 0, 0];
    const crc = masked(crc32c(Uint8Array.from(block), 0, 9));
    const whole = [...block, ...[0, 8, 16, 24].map((shift) => (crc >>> shift) & 0xff)];
    const footer = encodeLevelDbFooter({
      metaindex: { offset: 0, sizeBytes: 8 },
      index: { offset: 13, sizeBytes: 8 },
    });
    fs.plant(`${DIR}/000001.ldb`, Uint8Array.from([...whole, ...whole, ...footer]));
    const reader = TableReader.open(fs, `${DIR}/000001.ldb`, null, new BlockCache(1000));
    expect([forward(reader.cursor()), backward(reader.cursor())]).toEqual([[], []]);
    expectSeeks(reader.cursor(), [], { key: bytes('a'), sequence: 5 });
    expect(getFrom(reader, 'a')).toBeNull();
    expect([...verifyTable(reader, null)]).toEqual([]);
  });

  it.each([
    ['the empty key', [put('', 1, 'v')]],
    ['a single key', [put('abc', 1, 'v')]],
    ['a few keys', [put('abc', 1, 'v'), put('abcd', 1, 'v'), put('ac', 1, 'v2')]],
    ['the highest bytes', [{ ...put('', 1, 'v3'), key: Uint8Array.of(255, 255) }]],
  ])('of %s is walked and asked from all sides', (_, entries) => {
    for (const reader of everyTable(entries)) {
      expect(forward(reader.cursor())).toEqual(entries);
      expect(backward(reader.cursor())).toEqual([...entries].reverse());
      for (const key of ['', 'abc', 'abcc', 'ac', 'b'].map(bytes)) {
        for (const sequence of [-1, 0, 1, 2])
          expectSeeks(reader.cursor(), entries, { key, sequence });
      }
      for (const { key, value } of entries) {
        const result = new PointResult();
        expect(reader.get(key, filterHash(key, 0, key.length), 9, result)).toBe(true);
        expect(result.bytes.slice(result.start, result.end)).toEqual(value);
      }
    }
  });

  it('with a block without restart points is refused', () => {
    const cursor = new BlockCursor();
    expect(() => cursor.reset(new Uint8Array(4), 4, '/t.sst', 77)).toThrow(
      expect.objectContaining({ code: 'SST_CORRUPT', offset: 77 }),
    );
  });

  it('of random entries answers as a list does, for random steps', () => {
    const random = new SimRandom(301);
    for (const count of [1, 7, 50, 150]) {
      const entries = sorted(
        Array.from({ length: count }, (_, i) => put(randomKey(random), i, `v${i}`)),
      );
      for (const reader of everyTable(entries)) {
        const cursor = reader.cursor();
        for (let step = 0; step < 10; step++) {
          const key = bytes(randomKey(random));
          expectSeeks(cursor, entries, { key, sequence: random.int(count + 1) });
        }
        cursor.close();
        reader.close();
      }
    }
  });

  it('knows about where in the file a key is, compressed or not', () => {
    // Lengths of values, so that places are known to a few bytes.
    const sizes = [6, 6, 10_000, 200_000, 300_000, 8, 100_000];
    const entries = sizes.map((size, i) => put(`k0${i + 1}`, 1, 'x'.repeat(size)));
    const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((sum, size) => sum + size, 0));
    const fs = newFs();
    const plain = openTable(fs, writeTable(fs, 1, entries, { blockBytes: 1024 }));
    expect(plain.offsetOf(bytes('abc'))).toBe(0);
    for (const [i, start] of starts.entries()) {
      const offset = plain.offsetOf(bytes(`k0${i + 1}`));
      expect(offset).toBeGreaterThanOrEqual(Math.max(0, start - 5000));
      expect(offset).toBeLessThanOrEqual(start + 5000);
    }
    expect(plain.offsetOf(bytes('xyz'))).toBeGreaterThan(610_000);
    expect(plain.offsetOf(bytes('xyz'))).toBeLessThanOrEqual(plain.sizeBytes);
    const packed = openTable(
      fs,
      writeTable(fs, 2, entries, { blockBytes: 1024, compression: 'deflate-raw' }),
    );
    const offsets = entries.map(({ key }) => packed.offsetOf(key));
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
    expect(packed.offsetOf(bytes('xyz'))).toBeLessThan(20_000);
    expect(packed.offsetOf(bytes('k05'))).toBeGreaterThan(packed.offsetOf(bytes('k03')));
  });
});

function randomKey(random: SimRandom): string {
  // Few letters and uneven lengths: shared prefixes, and keys that are prefixes of others.
  const length = random.int(random.chance(0.1) ? 40 : 5);
  return Array.from({ length }, () => 'ab\u007f'[random.int(3)]).join('');
}

describe('a memtable', () => {
  it('answers as a list does', () => {
    const memtable = new Memtable();
    const entries = sorted(['k1', 'k1', 'k2', 'k3', 'largekey'].map((key, i) => put(key, 100 + i)));
    for (const { key, sequence, kind, value } of entries) memtable.add(sequence, kind, key, value);
    expect(forward(memtable.cursor())).toEqual(entries);
    expectSeeks(memtable.cursor(), entries, { key: bytes('k1'), sequence: 100 });
  });
});

describe('a long-lived database', () => {
  it('answers as a map does over flushes, compactions and a restart', async () => {
    const machine = new Machine({ memtableBytes: 4000, tableBytes: 3000, level1Bytes: 6000 });
    let db = await machine.open();
    const random = new SimRandom(7);
    const model = new Map<string, string>();
    let sequence = 0;
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < 150; i++) {
        const key = `k${random.int(400)}`;
        sequence++;
        if (random.chance(0.2)) {
          db.delete(sequence, bytes(key));
          model.delete(key);
        } else {
          putInto(db, sequence, key, `v${sequence}`);
          model.set(key, `v${sequence}#${sequence}`);
        }
      }
      await machine.flush(db, `H${round}`);
      if (round === 6) {
        await machine.run(db.close());
        db = await machine.open();
      }
      for (let i = 0; i < 400; i += 3) expect(get(db, `k${i}`)).toBe(model.get(`k${i}`) ?? null);
    }
    await machine.run(db.compact());
    const expected = [...model].map(([key, value]) => `${key}=${value}`).sort();
    expect(dump(db).sort()).toEqual(expected);
    expect(db.stats().levels.filter(({ tables }) => tables > 0).length).toBeGreaterThan(1);
  });
});

/** A machine with tables of level 0, three of them, over different keys. */
async function threeTables(): Promise<{ machine: Machine; db: Db; tables: string[] }> {
  const machine = new Machine({ blockBytes: 100, level0Tables: 100 });
  const db = await machine.open();
  let sequence = 0;
  for (const letter of ['a', 'b', 'c']) {
    for (let i = 0; i < 30; i++) putInto(db, ++sequence, `${letter}${100 + i}`);
    await machine.flush(db, `H${letter}`);
  }
  const tables = machine.names().filter((name) => name.endsWith('.sst'));
  expect(tables).toHaveLength(3);
  return { machine, db, tables };
}

/** The same disk, and another process. */
function elsewhere({ fs }: Machine): Machine {
  const machine = new Machine({ blockBytes: 100, level0Tables: 100 });
  machine.fs = fs.crashClone({ keepUnsyncedPercent: 100, clock: machine.scheduler.clock() });
  return machine;
}

function readable(db: Db, letter: string): number {
  let count = 0;
  for (let i = 0; i < 30; i++) {
    try {
      if (get(db, `${letter}${100 + i}`)?.startsWith(`${letter}${100 + i}@`)) count++;
    } catch (error) {
      expect(error).toMatchObject({ code: 'SST_CORRUPT', offset: expect.any(Number) });
    }
  }
  return count;
}

describe('corruption', () => {
  it("of a log of LevelDB's is told, not skipped", () => {
    const fs = newFs();
    const logged = Array.from({ length: 20 }, (_, i) => put(`k${100 + i}`, i + 1));
    plantLevelDb(fs, { tables: [], logs: [logged], lastSequence: 0 });
    fs.corrupt(`${LEVELDB_DIR}/000100.log`, 300, 1);
    expect(() => LevelDbReader.open({ fs, dir: LEVELDB_DIR })).toThrow(
      expect.objectContaining({ code: 'SST_CORRUPT', file: `${LEVELDB_DIR}/000100.log` }),
    );
  });

  it('or rather a disk that refuses to write, fails the open of a database and harms nothing', async () => {
    const { machine, db } = await threeTables();
    const expected = dump(db);
    await machine.run(db.close());
    const after = elsewhere(machine);
    after.fs.failNext({ kind: 'create' }, 'EIO');
    await expect(after.open()).rejects.toMatchObject({ code: 'SST_IO' });
    expect(dump(await after.open())).toEqual(expected);
  });

  it('or rather a table that cannot be made, is waited out: nothing is lost', async () => {
    const { machine, db } = await threeTables();
    machine.fs.failNext({ kind: 'create', path: /\.sst$/ }, 'EIO', 2);
    putInto(db, 1000, 'later');
    db.freeze(bytes('H4'));
    await machine.run(db.flushed());
    expect(machine.errors.map(({ severity }) => severity)).toEqual(['retried', 'retried']);
    expect(get(db, 'later')).toBe('later@1000#1000');
  });

  it('of a data block fails the reads of that block and no others', async () => {
    const { machine, db, tables } = await threeTables();
    await machine.run(db.close());
    const after = elsewhere(machine);
    after.fs.corrupt(`/data/db/${tables[1]}`, 100, 1);
    const again = await after.open();
    expect([readable(again, 'a'), readable(again, 'c')]).toEqual([30, 30]);
    const left = readable(again, 'b');
    expect(left).toBeGreaterThan(20);
    expect(left).toBeLessThan(30);
    // Scans end at the damage, and say where it is.
    expect(() => dump(again)).toThrow(
      expect.objectContaining({ code: 'SST_CORRUPT', file: `/data/db/${tables[1]}` }),
    );
    const { problems } = verifyDb(after.fs, '/data/db');
    expect(problems.map(({ file }) => file)).toEqual([`/data/db/${tables[1]}`]);
  });

  it('of an index fails the reads of that table and no others', async () => {
    const { machine, db, tables } = await threeTables();
    await machine.run(db.close());
    const after = elsewhere(machine);
    const path = `/data/db/${tables[1]}`;
    after.fs.corrupt(path, after.fs.contents(path).length - 100, 1);
    const again = await after.open();
    expect([readable(again, 'a'), readable(again, 'b'), readable(again, 'c')]).toEqual([30, 0, 30]);
  });

  it('that took the manifest is told: a database without it is not taken for a new one', async () => {
    const { machine, db } = await threeTables();
    await machine.run(db.close());
    for (const pattern of [/^MANIFEST/, /^marker/]) {
      const after = elsewhere(machine);
      for (const name of after.names().filter((file) => pattern.test(file))) {
        after.fs.remove(`/data/db/${name}`);
      }
      await expect(after.open()).rejects.toMatchObject({ code: 'SST_CORRUPT' });
      expect(after.names().filter((name) => name.endsWith('.sst'))).toHaveLength(3);
    }
  });

  it('or rather a restart, takes no sequence back: what is written afterwards is newer', async () => {
    const { machine, db } = await threeTables();
    await machine.run(db.close());
    const after = elsewhere(machine);
    const again = await after.open();
    expect(again.lastSequence).toBe(90);
    expect(() => putInto(again, 90, 'a100', 'old')).toThrow(
      expect.objectContaining({ code: 'SST_USAGE' }),
    );
    putInto(again, 91, 'a100', 'new');
    expect(get(again, 'a100')).toBe('new#91');
    await after.flush(again, 'H');
    await after.run(again.compact());
    expect(get(again, 'a100')).toBe('new#91');
  });

  it('of the manifest fails the open, with file and offset', async () => {
    const { machine, db } = await threeTables();
    await machine.run(db.close());
    const after = elsewhere(machine);
    const [name = ''] = after.names().filter((file) => file.startsWith('MANIFEST'));
    after.fs.corrupt(`/data/db/${name}`, 200, 4);
    await expect(after.open()).rejects.toMatchObject({
      code: 'SST_CORRUPT',
      file: `/data/db/${name}`,
      offset: expect.any(Number),
    });
  });

  it('of an input ends compaction; reads of the rest go on, writes are refused', async () => {
    const { machine, db, tables } = await threeTables();
    await machine.run(db.close());
    const after = elsewhere(machine);
    after.fs.corrupt(`/data/db/${tables[1]}`, 100, 1);
    const again = await after.open();
    // Over all of them: tables that are apart would only change their level.
    for (const key of ['a100', 'b100', 'c100']) putInto(again, 500, key);
    await after.flush(again, 'H');
    await expect(after.run(again.compactRange())).rejects.toMatchObject({ code: 'SST_CORRUPT' });
    expect(after.errors.map(({ severity }) => severity)).toEqual(['stopped']);
    expect([readable(again, 'a'), readable(again, 'c')]).toEqual([30, 30]);
    expect(() => putInto(again, 1000, 'x')).toThrow(
      expect.objectContaining({ code: 'SST_CORRUPT' }),
    );
    // Nothing was removed on the way, nor was a half-made table left.
    const left = after.names().filter((name) => name.endsWith('.sst'));
    expect(left).toEqual([...tables, expect.anything()]);
  });

  it('of a table leaves other keys readable, and new ones writable', async () => {
    const { machine, db, tables } = await threeTables();
    await machine.run(db.close());
    const after = elsewhere(machine);
    after.fs.corrupt(`/data/db/${tables[1]}`, 100, 1);
    const again = await after.open();
    putInto(again, 1000, 'z', 'new');
    expect(get(again, 'z')).toBe('new#1000');
    await after.flush(again, 'H');
    expect([get(again, 'z'), readable(again, 'a')]).toEqual(['new#1000', 30]);
  });
});

describe('recovery', () => {
  it('makes a new manifest of the whole state, and removes the old one', async () => {
    const { machine, db } = await threeTables();
    const { manifest } = verifyDb(machine.fs, '/data/db');
    const expected = dump(db);
    await machine.run(db.close());
    const after = elsewhere(machine);
    const again = await after.open();
    const now = verifyDb(after.fs, '/data/db');
    expect(now.manifest).toBeGreaterThan(manifest ?? 0);
    expect(now).toMatchObject({ problems: [], unreferenced: [], tables: 3 });
    expect(dumpManifest(after.fs, '/data/db', now.manifest ?? 0).edits).toHaveLength(1);
    expect(dump(again)).toEqual(expected);
  });

  it('makes a long manifest short', async () => {
    const { machine, db } = await threeTables();
    for (let i = 0; i < 300; i++) db.freeze(new Uint8Array(200).fill(i));
    await machine.run(db.flushed());
    const long = manifestBytes(machine);
    await machine.run(db.close());
    const after = elsewhere(machine);
    await after.open();
    expect(long).toBeGreaterThan(60_000);
    expect(manifestBytes(after)).toBeLessThan(2000);
  });

  it('has what was flushed, and not what was in memory alone', async () => {
    const { machine, db } = await threeTables();
    const flushed = dump(db);
    putInto(db, 200, 'lost');
    await machine.run(db.close());
    const again = await elsewhere(machine).open();
    expect(dump(again)).toEqual(flushed);
    expect(stateOf(again)).toBe('Hc');
  });

  it('writes no table, however often it is done', async () => {
    const { machine, db, tables } = await threeTables();
    await machine.run(db.close());
    let at = machine;
    for (let i = 0; i < 3; i++) {
      at = elsewhere(at);
      const again = await at.open();
      expect(at.names().filter((name) => name.endsWith('.sst'))).toEqual(tables);
      await at.run(again.close());
    }
  });

  it('takes what the host writes again in as many memtables as it takes', async () => {
    const { machine, db } = await threeTables();
    await machine.run(db.close());
    const after = elsewhere(machine);
    const again = await after.open({ memtableBytes: 2000 });
    let freezes = 0;
    for (let sequence = 91; sequence <= 250; sequence++) {
      putInto(again, sequence, `d${sequence % 50}`);
      if (!again.wantsFreeze) continue;
      freezes++;
      again.freeze(bytes(`H${sequence}`));
    }
    await after.run(again.flushed());
    expect(freezes).toBeGreaterThan(2);
    for (let i = 0; i < 50; i++) {
      const newest = 201 + ((i - 1 + 50) % 50);
      expect(get(again, `d${i}`)).toBe(`d${i}@${newest}#${newest}`);
    }
  });

  it("reads all logs of LevelDB's that count, in their order, and no older one", () => {
    const fs = newFs();
    plantLevelDb(fs, {
      tables: [[0, [put('foo', 1, 'table')]]],
      logs: [
        [put('foo', 900, 'superseded'), put('only', 901)],
        [put('foo', 10, 'first'), put('bar', 11)],
        [put('foo', 12, 'second')],
      ],
      lastSequence: 1,
      edit: { logNumber: 101 },
    });
    const reader = LevelDbReader.open({ fs, dir: LEVELDB_DIR });
    expect(reader.contents.logs.map(({ name }) => name)).toEqual(['000101.log', '000102.log']);
    expect(drain(reader.iterator())).toEqual(['bar=bar@11#11', 'foo=second#12']);
    expect(reader.contents.unreferenced).toEqual(['000100.log']);
    reader.close();
  });

  it('refuses a directory whose manifest is missing, of both kinds', async () => {
    const { machine, db, tables } = await threeTables();
    await machine.run(db.close());
    const after = elsewhere(machine);
    const [name = ''] = after.names().filter((file) => file.startsWith('MANIFEST'));
    after.fs.remove(`/data/db/${name}`);
    await expect(after.open()).rejects.toMatchObject({
      code: 'SST_CORRUPT',
      file: `/data/db/${name}`,
    });
    expect(after.names()).toEqual(expect.arrayContaining(tables));
    const fs = newFs();
    plantLevelDb(fs, { tables: [[0, [put('a', 1)]]], lastSequence: 1 });
    fs.remove(`${LEVELDB_DIR}/MANIFEST-000002`);
    expect(() => LevelDbReader.open({ fs, dir: LEVELDB_DIR })).toThrow(
      expect.objectContaining({ code: 'SST_CORRUPT', file: `${LEVELDB_DIR}/MANIFEST-000002` }),
    );
  });
});

function manifestBytes({ fs }: Machine): number {
  const [name = ''] = fs.list('/data/db').filter((file) => file.startsWith('MANIFEST'));
  return fs.contents(`/data/db/${name}`).length;
}
