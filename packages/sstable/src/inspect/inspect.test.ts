import { dump, Machine, put, tiny } from '../../test/support/databases.js';
import { bytes, text } from '../../test/support/entries.js';
import { dumpManifest, dumpTable, verifyDb } from '../node/index.js';

async function closedDatabase(): Promise<{ machine: Machine; contents: string[] }> {
  const machine = new Machine(tiny);
  const db = await machine.open();
  for (let i = 1; i <= 60; i++) put(db, i, `key${i % 17}`);
  await machine.flush(db, 'H1');
  db.delete(61, bytes('key3'));
  await machine.flush(db, 'H2');
  await machine.run(db.compact());
  const contents = dump(db);
  await machine.run(db.close());
  return { machine, contents };
}

describe('verifyDb', () => {
  it('finds a whole database whole, and changes nothing', async () => {
    const { machine, contents } = await closedDatabase();
    const before = machine.fs.dump();
    const report = verifyDb(machine.fs, '/data/db');
    expect(report).toMatchObject({ problems: [], unreferenced: [], isTorn: false });
    expect(report.entries).toBe(61);
    expect(text(report.identity!)).toBe('cluster/1/2');
    expect([machine.fs.dump(), machine.fs.openPaths]).toEqual([before, []]);
    expect(contents).toHaveLength(16);
  });

  it('reports every table that is damaged, missing or another one', async () => {
    const { machine } = await closedDatabase();
    const tables = machine.names().filter((name) => name.endsWith('.sst'));
    expect(tables.length).toBeGreaterThan(2);
    machine.fs.corrupt(`/data/db/${tables[0]}`, 20, 4);
    machine.fs.remove(`/data/db/${tables[1]}`);
    const { problems } = verifyDb(machine.fs, '/data/db');
    expect(problems.map(({ code, file }) => [code, file])).toEqual(
      expect.arrayContaining([
        ['SST_CORRUPT', `/data/db/${tables[0]}`],
        ['SST_CORRUPT', `/data/db/${tables[1]}`],
      ]),
    );
    expect(problems).toHaveLength(2);
  });

  it('reports a directory without a database, and throws for one that is not there', async () => {
    const { machine } = await closedDatabase();
    machine.fs.mkdir('/empty');
    expect(verifyDb(machine.fs, '/empty')).toMatchObject({
      manifest: null,
      problems: [{ code: 'SST_CORRUPT' }],
    });
    expect(() => verifyDb(machine.fs, '/nowhere')).toThrow(
      expect.objectContaining({ code: 'SST_IO' }),
    );
  });

  it('reports a manifest that cannot be read', async () => {
    const { machine } = await closedDatabase();
    const [name = ''] = machine.names().filter((file) => file.startsWith('MANIFEST'));
    machine.fs.corrupt(`/data/db/${name}`, 3, 1);
    expect(verifyDb(machine.fs, '/data/db').problems).toMatchObject([
      { code: 'SST_CORRUPT', file: `/data/db/${name}` },
    ]);
  });
});

describe('dumps', () => {
  it('show what a manifest and its tables hold', async () => {
    const { machine, contents } = await closedDatabase();
    const { manifest } = verifyDb(machine.fs, '/data/db');
    const dumped = dumpManifest(machine.fs, '/data/db', manifest ?? 0);
    expect(text(dumped.hostState!)).toBe('H2');
    expect([dumped.lastSequence, dumped.tail, text(dumped.identity)]).toEqual([
      61,
      'clean',
      'cluster/1/2',
    ]);
    const seen = new Set<string>();
    let deletions = 0;
    for (const { table } of dumped.files) {
      const path = `/data/db/${String(table.number).padStart(6, '0')}.sst`;
      const summary = dumpTable(machine.fs, path, ({ key, kind }) => {
        seen.add(text(key));
        if (kind === 'delete') deletions++;
      });
      expect(summary.tableId).toEqual(table.tableId);
      expect(summary.properties?.entries).toBe(table.entries);
    }
    expect([seen.size, deletions]).toEqual([contents.length + 1, 1]);
    expect(machine.fs.openPaths).toEqual([]);
  });

  it('close what they opened when they fail', async () => {
    const { machine } = await closedDatabase();
    const [table = ''] = machine.names().filter((name) => name.endsWith('.sst'));
    machine.fs.corrupt(`/data/db/${table}`, 8, 1);
    expect(() => dumpTable(machine.fs, `/data/db/${table}`, () => undefined)).toThrow(
      expect.objectContaining({ code: 'SST_CORRUPT' }),
    );
    expect(machine.fs.openPaths).toEqual([]);
  });
});
