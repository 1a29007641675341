import { SimFs } from '@dougdb/ports/sim';
import { type Db, exportLevelDb, LevelDbReader } from '../src/index.js';
import { encodeLog } from '../src/leveldb/log-format.js';
import { verifyLevelDb } from '../src/node/index.js';
import { drain, dump, Machine, put as putInto, tiny } from './support/databases.js';
import { bytes, del, put, text } from './support/entries.js';
import { encodeBatch, LEVELDB_DIR, plantLevelDb } from './support/leveldb.js';

const OUT = '/out';

type Filled = Machine & { readonly db: Db };

async function filled(): Promise<Filled> {
  const machine = new Machine(tiny);
  const db = await machine.open();
  for (let i = 1; i <= 120; i++) putInto(db, i, `key${i % 37}`);
  await machine.flush(db, 'H1');
  db.delete(121, bytes('key3'));
  putInto(db, 122, 'in memory only');
  // Everything that is read is in the cache from here on: an export is the same operations each time.
  dump(db);
  return Object.assign(machine, { db });
}

function options(machine: Machine) {
  const clock = machine.scheduler.clock();
  return { fs: machine.fs, clock, dir: OUT, tableBytes: 300, blockBytes: 100 };
}

function list(fs: SimFs, dir: string): string[] {
  const reader = LevelDbReader.open({ fs, dir });
  try {
    const forward = drain(reader.iterator());
    expect(drain(reader.iterator({ reverse: true }))).toEqual([...forward].reverse());
    return forward;
  } finally {
    reader.close();
  }
}

describe('a directory written for LevelDB', () => {
  it('holds what the database shows, memtables included, and nothing else', async () => {
    const machine = await filled();
    const expected = dump(machine.db);
    const report = await machine.run(exportLevelDb(machine.db, options(machine)));
    expect(report).toMatchObject({ entries: expected.length, lastSequence: 122 });
    expect(report.tables).toBeGreaterThan(2);
    expect(list(machine.fs, OUT)).toEqual(expected);
    expect(text(machine.fs.contents(`${OUT}/CURRENT`))).toBe('MANIFEST-000001\n');
    expect(verifyLevelDb(machine.fs, OUT)).toMatchObject({
      tables: report.tables,
      entries: expected.length,
      bytes: report.sizeBytes,
      problems: [],
      unreferenced: [],
      isTorn: false,
    });
    await machine.run(machine.db.close());
    expect(machine.fs.openPaths).toEqual([]);
  });

  it('holds an older moment if that is asked for, and may be empty', async () => {
    const machine = await filled();
    const at50 = drain(machine.db.iterator({ sequence: 50 }));
    await machine.run(exportLevelDb(machine.db, { ...options(machine), sequence: 50 }));
    expect(list(machine.fs, OUT)).toEqual(at50);
    const empty = { ...options(machine), sequence: 0, dir: '/empty' };
    expect(await machine.run(exportLevelDb(machine.db, empty))).toMatchObject({ tables: 0 });
    expect(list(machine.fs, '/empty')).toEqual([]);
  });

  it('is not made of versions with a mark: what their values mean only the host knows', async () => {
    const machine = await filled();
    machine.db.putMarked(123, bytes('key9'), bytes('of the host'));
    await expect(machine.run(exportLevelDb(machine.db, options(machine)))).rejects.toMatchObject({
      code: 'SST_USAGE',
      message: expect.stringContaining('mark'),
    });
    expect(machine.fs.list(OUT)).toEqual([]);
    await machine.run(exportLevelDb(machine.db, { ...options(machine), sequence: 122 }));
    expect(list(machine.fs, OUT)).toEqual(drain(machine.db.iterator({ sequence: 122 })));
  });

  it('is not written over anything', async () => {
    const machine = await filled();
    machine.fs.mkdir(OUT);
    machine.fs.plant(`${OUT}/mine`, bytes('x'));
    await expect(machine.run(exportLevelDb(machine.db, options(machine)))).rejects.toMatchObject({
      code: 'SST_USAGE',
    });
    expect(machine.fs.list(OUT)).toEqual(['mine']);
  });

  it('is whole or no database after a power loss at any moment, and gone after a failure', async () => {
    const plain = await filled();
    const expected = dump(plain.db);
    const before = plain.fs.operationCount;
    await plain.run(exportLevelDb(plain.db, options(plain)));
    const operations = plain.fs.operationCount - before;
    expect(operations).toBeGreaterThan(10);
    let whole = 0;
    for (let k = 1; k <= operations; k++) {
      for (const fault of ['EIO', 'ENOSPC'] as const) {
        const machine = await filled();
        const result = await attempt(machine, k, fault);
        if (result === 'done') expect(list(machine.fs, OUT)).toEqual(expected);
        else expect(leftIn(machine.fs)).not.toContain('CURRENT');
      }
      const machine = await filled();
      machine.fs.crashAtOperation(machine.fs.operationCount + k);
      const exporting = exportLevelDb(machine.db, options(machine));
      await machine.run(exporting.catch(() => undefined));
      for (const keepUnsyncedPercent of [0, 50, 100]) {
        const disk = machine.fs.crashClone({ keepUnsyncedPercent });
        if (!leftIn(disk).includes('CURRENT')) continue;
        whole++;
        expect(list(disk, OUT)).toEqual(expected);
      }
    }
    expect(whole).toBeGreaterThan(0);
  });
});

function leftIn(fs: SimFs): string[] {
  return fs.stat(OUT) === null ? [] : fs.list(OUT);
}

/** Exports with a fault at the k-th operation. */
async function attempt(
  machine: Filled,
  k: number,
  fault: 'EIO' | 'ENOSPC',
): Promise<'done' | 'failed'> {
  let count = 0;
  machine.fs.onOperation(() => (++count === k ? fault : 'ok'));
  try {
    await machine.run(exportLevelDb(machine.db, options(machine)));
    return 'done';
  } catch (error) {
    expect(['SST_IO', 'SST_NO_SPACE']).toContain((error as { code: string }).code);
    return 'failed';
  } finally {
    machine.fs.onOperation(null);
  }
}

describe('a directory of LevelDB', () => {
  it('is read with its levels and logs: the newest version of each key counts', () => {
    const fs = new SimFs();
    plantLevelDb(fs, {
      tables: [
        [0, [put('a', 30), del('b', 31)]],
        [0, [put('a', 20), put('c', 21)]],
        [1, [put('a', 10), put('b', 11)]],
        [1, [put('c', 12), put('d', 13)]],
        [2, [put('a', 1), put('z', 2)]],
      ],
      logs: [[put('d', 40), del('z', 41)], [put('e', 42)]],
      lastSequence: 35,
    });
    expect(list(fs, LEVELDB_DIR)).toEqual(['a=a@30#30', 'c=c@21#21', 'd=d@40#40', 'e=e@42#42']);
    const reader = LevelDbReader.open({ fs, dir: LEVELDB_DIR });
    expect(reader.lastSequence).toBe(42);
    expect(drain(reader.iterator({ start: bytes('b'), end: bytes('e'), sequence: 13 }))).toEqual([
      'b=b@11#11',
      'c=c@12#12',
      'd=d@13#13',
    ]);
    const open = reader.iterator();
    reader.close();
    expect(() => open.next()).toThrow(expect.objectContaining({ code: 'SST_CLOSED' }));
    expect(() => reader.iterator()).toThrow(expect.objectContaining({ code: 'SST_CLOSED' }));
    expect(fs.openPaths).toEqual([]);
    expect(verifyLevelDb(fs, LEVELDB_DIR)).toMatchObject({ tables: 5, entries: 13, problems: [] });
  });

  it('may have cut a level between two versions of a key', () => {
    const fs = new SimFs();
    plantLevelDb(fs, {
      tables: [
        [1, [put('a', 9), put('k', 8)]],
        [1, [put('k', 7), put('m', 5)]],
        [1, [put('m', 4), put('z', 3)]],
      ],
      lastSequence: 9,
    });
    expect(list(fs, LEVELDB_DIR)).toEqual(['a=a@9#9', 'k=k@8#8', 'm=m@5#5', 'z=z@3#3']);
    const reader = LevelDbReader.open({ fs, dir: LEVELDB_DIR });
    expect(drain(reader.iterator({ sequence: 7, reverse: true }))).toEqual([
      'z=z@3#3',
      'm=m@5#5',
      'k=k@7#7',
    ]);
    reader.close();
  });

  it('is left as it is', () => {
    const fs = new SimFs();
    plantLevelDb(fs, { tables: [[0, [put('a', 1)]]], logs: [[put('b', 2)]], lastSequence: 1 });
    const before = fs.dump();
    list(fs, LEVELDB_DIR);
    verifyLevelDb(fs, LEVELDB_DIR);
    expect(fs.dump()).toBe(before);
  });

  it('is read without the record at the end of a log that a crash cut off, and says so', () => {
    const fs = new SimFs();
    plantLevelDb(fs, { tables: [], logs: [[put('a', 1)]], lastSequence: 0 });
    const log = encodeLog([encodeBatch(1, [put('a', 1)]), encodeBatch(2, [put('b', 2)])]);
    fs.plant(`${LEVELDB_DIR}/000100.log`, log.subarray(0, -1));
    const reader = LevelDbReader.open({ fs, dir: LEVELDB_DIR });
    expect([reader.isLogTorn, drain(reader.iterator())]).toEqual([true, ['a=a@1#1']]);
    reader.close();
    expect(verifyLevelDb(fs, LEVELDB_DIR)).toMatchObject({ isTorn: true, problems: [] });
  });
});
