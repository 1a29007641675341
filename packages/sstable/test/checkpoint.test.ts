import { verifyDb } from '../src/node/index.js';
import { dump, get, Machine, put, tiny } from './support/databases.js';
import { bytes, text } from './support/entries.js';

jest.setTimeout(120_000);

const TARGET = '/backup/first';
const NO_LINKS = { fault: 'error', code: 'EXDEV' } as const;

async function filled(options = tiny): Promise<{ machine: Machine; lines: string[] }> {
  const machine = new Machine(options);
  const db = await machine.open();
  for (let i = 1; i <= 60; i++) put(db, i, `key${i % 17}`);
  await machine.flush(db, 'H1');
  await machine.run(db.compact());
  db.delete(61, bytes('key3'));
  await machine.flush(db, 'H2');
  const lines = dump(db);
  await machine.run(db.close());
  return { machine, lines };
}

describe('a checkpoint', () => {
  it('is a database of its own, of what was flushed', async () => {
    const { machine, lines } = await filled();
    const db = await machine.open();
    put(db, 62, 'in memory');
    const made = await machine.run(db.checkpoint(TARGET));
    const tables = db.stats().levels.reduce((sum, level) => sum + level.tables, 0);
    expect(made).toMatchObject({ dir: TARGET, tables, copiedTables: 0, lastSequence: 61 });
    expect(text(made.hostState!)).toBe('H2');
    expect(verifyDb(machine.fs, TARGET)).toMatchObject({ problems: [], unreferenced: [] });
    // What happens to the one is nothing to the other.
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 17; i++) put(db, db.lastSequence + 1, `key${i}`, 'newer');
      db.setHistoryFloor(db.lastSequence);
      await machine.flush(db, `N${round}`);
    }
    await machine.run(db.compact());
    const copy = await machine.open({ dir: TARGET });
    expect([dump(copy), text(copy.hostState!)]).toEqual([lines, 'H2']);
    put(copy, 62, 'other');
    await machine.flush(copy, 'H3');
    await machine.run(copy.compact());
    await machine.run(copy.verifyChecksums());
    expect([get(copy, 'other'), get(db, 'other')]).toEqual(['other@62#62', null]);
    expect(machine.fs.stat(`${TARGET}.tmp`)).toBeNull();
  });

  it('may have another identity and state', async () => {
    const { machine, lines } = await filled();
    const db = await machine.open();
    await machine.run(
      db.checkpoint(TARGET, { identity: bytes('child'), hostState: bytes('born') }),
    );
    await expect(machine.open({ dir: TARGET })).rejects.toMatchObject({ code: 'SST_FOREIGN' });
    const copy = await machine.open({ dir: TARGET, identity: bytes('child') });
    expect([text(copy.hostState!), dump(copy)]).toEqual(['born', lines]);
  });

  it('of a new database is a new database', async () => {
    const machine = new Machine();
    const db = await machine.open();
    expect(await machine.run(db.checkpoint(TARGET))).toMatchObject({ tables: 0, hostState: null });
    expect(dump(await machine.open({ dir: TARGET }))).toEqual([]);
  });

  it('copies what cannot be linked, and says how much', async () => {
    const { machine, lines } = await filled();
    for (const code of ['EXDEV', 'EPERM', 'EMLINK'] as const) {
      const db = await machine.open();
      machine.fs.onOperation(({ kind }) => (kind === 'link' ? { fault: 'error', code } : 'ok'));
      const dir = `/backup/${code}`;
      const made = await machine.run(db.checkpoint(dir));
      expect(made.tables).toBeGreaterThan(1);
      expect(made.copiedTables).toBe(made.tables);
      machine.fs.onOperation(null);
      await machine.run(db.close());
      machine.crash(0);
      expect(verifyDb(machine.fs, dir).problems).toEqual([]);
      expect(dump(await machine.open({ dir }))).toEqual(lines);
    }
  });

  it('does not copy damage', async () => {
    const { machine } = await filled();
    const db = await machine.open();
    const [name = ''] = machine.names().filter((file) => file.endsWith('.sst'));
    machine.fs.corrupt(`/data/db/${name}`, 10, 1);
    machine.fs.onOperation(({ kind }) => (kind === 'link' ? NO_LINKS : 'ok'));
    await expect(machine.run(db.checkpoint(TARGET))).rejects.toMatchObject({
      code: 'SST_CORRUPT',
      file: `/data/db/${name}`,
    });
    expect(machine.fs.list('/backup')).toEqual([]);
    expect(machine.fs.openPaths.filter((path) => path.startsWith('/backup'))).toEqual([]);
  });

  it('is refused where something is, while another one is made there, and after close', async () => {
    const { machine } = await filled();
    const db = await machine.open();
    const usage = { code: 'SST_USAGE' };
    machine.fs.mkdir('/backup/taken');
    await expect(machine.run(db.checkpoint('/backup/taken'))).rejects.toMatchObject(usage);
    const first = db.checkpoint(TARGET);
    await expect(db.checkpoint(TARGET)).rejects.toMatchObject(usage);
    await machine.run(first);
    await expect(machine.run(db.checkpoint(TARGET))).rejects.toMatchObject(usage);
    await machine.run(db.close());
    await expect(db.checkpoint('/backup/late')).rejects.toMatchObject({ code: 'SST_CLOSED' });
    expect(machine.fs.list('/backup')).toEqual(['first', 'taken']);
  });

  it('is finished when the database is closed meanwhile', async () => {
    const { machine, lines } = await filled();
    const db = await machine.open();
    const work = db.checkpoint(TARGET);
    await machine.run(db.close());
    await machine.run(work);
    expect(dump(await machine.open({ dir: TARGET }))).toEqual(lines);
  });

  it('keeps the tables that it links, whatever is compacted meanwhile', async () => {
    const { machine, lines } = await filled();
    const db = await machine.open();
    // Copies take time, in which every table of the checkpoint becomes obsolete.
    machine.fs.onOperation(({ kind, path, blocking }) => {
      if (kind === 'link') return NO_LINKS;
      return kind === 'read' && !blocking && path.endsWith('.sst') ? { fault: 'stall' } : 'ok';
    });
    const work = db.checkpoint(TARGET);
    await machine.settle(1);
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 17; i++) put(db, db.lastSequence + 1, `key${i}`, 'newer');
      db.setHistoryFloor(db.lastSequence);
      await machine.flush(db, `N${round}`);
    }
    await machine.run(db.compactRange({}));
    machine.fs.onOperation(({ kind }) => (kind === 'link' ? NO_LINKS : 'ok'));
    machine.fs.releaseStalled();
    await machine.run(work);
    machine.fs.onOperation(null);
    expect(dump(await machine.open({ dir: TARGET }))).toEqual(lines);
    const inUse = db.stats().levels.reduce((sum, level) => sum + level.tables, 0);
    expect(machine.names().filter((name) => name.endsWith('.sst'))).toHaveLength(inUse);
  });

  it.each([
    ['links', 'ok'],
    ['copies', NO_LINKS],
  ] as const)(
    'of %s is there as a whole or not at all, wherever the power fails',
    async (_, onLink) => {
      const seen = { none: 0, whole: 0 };
      for (let k = 1; ; k++) {
        const { machine, lines } = await filled();
        const db = await machine.open();
        await machine.run(db.compact());
        machine.fs.onOperation(({ kind }) => (kind === 'link' ? onLink : 'ok'));
        machine.fs.crashAtOperation(machine.fs.operationCount + k);
        const result = await machine.run(db.checkpoint(TARGET)).catch(() => null);
        if (!machine.fs.crashed) {
          expect(result).not.toBeNull();
          break;
        }
        for (const keep of [0, 50, 100]) {
          const after = new Machine(tiny);
          const clock = after.scheduler.clock();
          after.fs = machine.fs.crashClone({ keepUnsyncedPercent: keep, clock, garbage: true });
          const isThere = after.fs.stat(TARGET) !== null;
          seen[isThere ? 'whole' : 'none']++;
          if (isThere) {
            expect(verifyDb(after.fs, TARGET)).toMatchObject({ problems: [], unreferenced: [] });
            const copy = await after.open({ dir: TARGET });
            expect(dump(copy)).toEqual(lines);
            await after.run(copy.close());
          } else {
            // What is left is in nobody's way: the next try makes it.
            const source = await after.open();
            await after.run(source.checkpoint(TARGET));
            expect(dump(await after.open({ dir: TARGET }))).toEqual(lines);
            await after.run(source.close());
          }
          const source = await after.open();
          expect(dump(source)).toEqual(lines);
          await after.run(source.close());
        }
      }
      expect(seen.none).toBeGreaterThan(20);
      expect(seen.whole).toBeGreaterThan(3);
    },
  );

  it.each(['EIO', 'ENOSPC'] as const)(
    'that meets %s at any operation leaves nothing and harms nothing',
    async (code) => {
      let failed = 0;
      for (let k = 1; ; k++) {
        const { machine, lines } = await filled();
        const db = await machine.open();
        // Nothing else is under way.
        await machine.run(db.compact());
        const at = machine.fs.operationCount + k;
        machine.fs.onOperation(({ ordinal }) => (ordinal === at ? code : 'ok'));
        const error = await machine.run(db.checkpoint(TARGET)).then(
          () => null,
          (thrown: { code: string }) => thrown,
        );
        machine.fs.onOperation(null);
        if (machine.fs.operationCount < at) break;
        if (error !== null) {
          failed++;
          expect(error.code).toBe(code === 'EIO' ? 'SST_IO' : 'SST_NO_SPACE');
        }
        if (machine.fs.stat(TARGET) === null) await machine.run(db.checkpoint(TARGET));
        expect(dump(await machine.open({ dir: TARGET }))).toEqual(lines);
        expect([machine.errors, machine.fs.stat(`${TARGET}.tmp`)]).toEqual([[], null]);
        put(db, 100, 'goes on');
        await machine.flush(db, 'H3');
      }
      expect(failed).toBeGreaterThan(8);
    },
  );
});
