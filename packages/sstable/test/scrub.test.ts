import type { TableDamage } from '../src/contract.js';
import { Scrubber } from '../src/scrubber.js';
import { dump, get, Machine, put } from './support/databases.js';
import { bytes, text } from './support/entries.js';

const HOUR_MS = 3_600_000;

interface Rig {
  readonly machine: Machine;
  readonly scrubber: Scrubber;
  readonly damage: TableDamage[];
}

function rig(): Rig {
  const damage: TableDamage[] = [];
  const machine = new Machine({
    level0Tables: 100,
    onCorruption: (found) => damage.push(found),
  });
  const scrubber = new Scrubber({
    clock: machine.scheduler.clock(),
    bytesPerSecond: 1000,
    roundPauseMs: HOUR_MS,
    logger: machine.logger,
  });
  Object.assign(machine.options, { scrubber });
  return { machine, scrubber, damage };
}

/** A database with so many tables of about 500 bytes. */
async function filled(machine: Machine, tables: number, dir = '/data/db') {
  const db = await machine.open({ dir });
  for (let i = 1; i <= tables; i++) {
    put(db, i, `key${i}`);
    await machine.flush(db, `H${i}`);
  }
  return db;
}

function tablePaths(machine: Machine, dir = '/data/db'): string[] {
  const names = machine.fs.list(dir).filter((name) => name.endsWith('.sst'));
  return names.map((name) => `${dir}/${name}`);
}

describe('Scrubber', () => {
  it('reads over all tables of all databases, at its rate, again and again', async () => {
    const { machine, scrubber, damage } = rig();
    const nextRound = async (): Promise<void> => {
      const { rounds } = scrubber.stats();
      while (scrubber.stats().rounds === rounds) await machine.settle(10_000);
    };
    const databases = [await filled(machine, 2), await filled(machine, 3, '/data/other')];
    const sizeBytes = databases
      .flatMap((db) => db.stats().levels)
      .reduce((sum, { bytes: size }) => sum + size, 0);
    await nextRound();
    const before = scrubber.stats();
    const startMs = machine.scheduler.nowMs;
    await nextRound();
    expect(scrubber.stats().tables - before.tables).toBe(5);
    const readBytes = scrubber.stats().bytes - before.bytes;
    expect(readBytes).toBe(sizeBytes);
    expect(machine.scheduler.nowMs - startMs).toBeGreaterThan(readBytes - 1000);
    await machine.settle(5 * HOUR_MS);
    expect(scrubber.stats().rounds).toBeGreaterThan(before.rounds + 3);
    expect(damage).toEqual([]);
    await machine.run(scrubber.stop());
    const { bytes: readAtStop } = scrubber.stats();
    await machine.settle(5 * HOUR_MS);
    expect(scrubber.stats().bytes).toBe(readAtStop);
  });

  it('tells of damage once, with file and offset, and goes on with the rest', async () => {
    const { machine, scrubber, damage } = rig();
    const db = await filled(machine, 3);
    const [, path = ''] = tablePaths(machine);
    machine.fs.corrupt(path, 10, 4);
    await machine.settle(3 * HOUR_MS);
    expect(scrubber.stats().rounds).toBeGreaterThan(1);
    expect(damage).toMatchObject([{ error: { code: 'SST_CORRUPT', file: path, offset: 0 } }]);
    expect([...db.damagedTables.keys()]).toEqual(damage.map(({ table }) => table));
    expect(machine.logger.lines).toContainEqual(
      expect.objectContaining({ event: 'sst.table.damaged', level: 'error' }),
    );
    // It only says so: what is not damaged is served, and nothing stops.
    expect([get(db, 'key1'), get(db, 'key3')]).toEqual(['key1@1#1', 'key3@3#3']);
    expect(machine.errors).toEqual([]);
  });

  it('tries again later what could not be read, and leaves closed databases alone', async () => {
    const { machine, scrubber, damage } = rig();
    const db = await filled(machine, 1);
    const other = await filled(machine, 1, '/data/other');
    machine.fs.failNext({ kind: 'read', path: /data\/db\/.*sst$/ }, 'EIO', 1);
    await machine.settle(3 * HOUR_MS);
    expect(damage).toEqual([]);
    const failed = machine.logger.lines.filter(({ event }) => event === 'sst.scrub.failed');
    expect(failed).toMatchObject([{ fields: { code: 'SST_IO' } }]);
    await machine.run(db.close());
    const before = scrubber.stats();
    await machine.settle(2 * HOUR_MS);
    const { tables, rounds } = scrubber.stats();
    expect(tables - before.tables).toBe(rounds - before.rounds);
    await machine.run(other.close());
    await machine.run(scrubber.stop());
    expect(machine.fs.openPaths).toEqual([]);
  });

  it('does not hold up a close in the middle of a table', async () => {
    const { machine, scrubber } = rig();
    const db = await filled(machine, 2);
    const checking = db.checkTable(db.tableNumbers()[0] ?? 0);
    const refused = expect(checking).rejects.toMatchObject({ code: 'SST_CLOSED' });
    await machine.run(db.close());
    await machine.run(refused);
    await machine.run(scrubber.stop());
    expect(machine.fs.openPaths).toEqual([]);
  });
});

describe('Db.checkTable', () => {
  it('answers what it read, 0 for a table that has gone', async () => {
    const machine = new Machine({ level0Tables: 100 });
    const db = await filled(machine, 2);
    put(db, 3, 'key1');
    await machine.flush(db, 'H3');
    const [table = 0] = db.tableNumbers();
    expect(await machine.run(db.checkTable(table))).toBeGreaterThan(100);
    await machine.run(db.compactRange());
    expect(db.tableNumbers()).not.toContain(table);
    expect(await machine.run(db.checkTable(table))).toBe(0);
  });

  it('does not take a table away under the check', async () => {
    const machine = new Machine({ level0Tables: 2, sliceMs: 0.001 }, 0.1);
    const db = await filled(machine, 1);
    const [table = 0] = db.tableNumbers();
    const checking = db.checkTable(table);
    put(db, 2, 'key2');
    db.freeze(bytes('H'));
    expect(await machine.run(checking)).toBeGreaterThan(100);
  });
});

describe('quarantine', () => {
  async function damaged(): Promise<{ machine: Machine; db: Awaited<ReturnType<typeof filled>> }> {
    const machine = new Machine({ level0Tables: 100 });
    const db = await filled(machine, 3);
    machine.fs.corrupt(tablePaths(machine)[1] ?? '', 10, 4);
    await expect(machine.run(db.verifyChecksums())).rejects.toMatchObject({ code: 'SST_CORRUPT' });
    return { machine, db };
  }

  it('moves damaged tables aside, durably; then the database says what is missing', async () => {
    const { machine, db } = await damaged();
    const [, path = ''] = tablePaths(machine);
    const contents = machine.fs.contents(path);
    const moved = await machine.run(db.quarantine());
    expect(moved).toEqual([`/data/quarantine/db-${path.slice(path.lastIndexOf('/') + 1)}`]);
    machine.crash(0);
    expect(machine.fs.contents(moved[0] ?? '')).toEqual(contents);
    expect(tablePaths(machine)).not.toContain(path);
    expect(machine.fs.openPaths).toEqual([]);
    await expect(machine.open()).rejects.toMatchObject({ code: 'SST_CORRUPT', file: path });
    expect(() => dump(db)).toThrow(expect.objectContaining({ code: 'SST_CLOSED' }));
  });

  it('never replaces what was moved there before', async () => {
    const { machine, db } = await damaged();
    const [, path = ''] = tablePaths(machine);
    const name = `/data/quarantine/db-${path.slice(path.lastIndexOf('/') + 1)}`;
    machine.fs.mkdir('/data/quarantine');
    machine.fs.plant(name, bytes('evidence'));
    expect(await machine.run(db.quarantine())).toEqual([`${name}.2`]);
    expect(text(machine.fs.contents(name))).toBe('evidence');
  });

  it('loses nothing in a crash at any step', async () => {
    for (let k = 1; ; k++) {
      const { machine, db } = await damaged();
      const [, path = ''] = tablePaths(machine);
      machine.fs.crashAtMutation(machine.fs.mutationCount + k);
      await machine.run(db.quarantine()).catch(() => null);
      if (!machine.fs.crashed) break;
      machine.crash((k % 3) * 50);
      const name = path.slice(path.lastIndexOf('/') + 1);
      const places = [path, `/data/quarantine/db-${name}`];
      expect(places.filter((place) => machine.fs.stat(place) !== null)).not.toEqual([]);
    }
  });

  it('refuses tables that are not its own, and says when it cannot be done', async () => {
    const { machine, db } = await damaged();
    await expect(db.quarantine([4711])).rejects.toMatchObject({ code: 'SST_USAGE' });
    expect(get(db, 'key1')).toBe('key1@1#1');
    machine.fs.failNext({ kind: 'rename' }, { fault: 'error', code: 'EXDEV' });
    await expect(machine.run(db.quarantine())).rejects.toMatchObject({ code: 'SST_IO' });
    await expect(db.quarantine()).rejects.toMatchObject({ code: 'SST_CLOSED' });
  });
});
