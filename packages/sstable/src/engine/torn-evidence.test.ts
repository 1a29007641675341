import { dump, Machine, put } from '../../test/support/databases.js';
import { bytes } from '../../test/support/entries.js';
import { dumpTable } from '../node/index.js';

const QUARANTINE = '/data/quarantine';

/** A database whose last edit has rotted before anything promised it: it names a table that nothing else names. */
async function rotten(): Promise<Machine> {
  const machine = new Machine();
  const db = await machine.open();
  put(db, 1, 'a');
  await machine.flush(db, 'H1');
  put(db, 2, 'b');
  await machine.flush(db, 'H2');
  // Only what was synced: the record that promises the last edit is lost.
  machine.crash(0);
  const manifest = machine.names().find((name) => name.startsWith('MANIFEST')) ?? '';
  const path = `/data/db/${manifest}`;
  machine.fs.corrupt(path, machine.fs.contents(path).length - 20, 1);
  return machine;
}

const kept = (machine: Machine): string[] =>
  machine.fs.stat(QUARANTINE) === null ? [] : machine.fs.list(QUARANTINE);

describe('the table of an edit that looks torn', () => {
  it('is kept in quarantine with the manifest, before the database opens without it', async () => {
    const machine = await rotten();
    expect(dump(await machine.open())).toEqual(['a=a@1#1']);
    expect(kept(machine)).toEqual([
      expect.stringMatching(/^sst-[0-9a-f]{32}\.manifest$/),
      expect.stringMatching(/^sst-[0-9a-f]{32}\.table$/),
    ]);
    // Durably, and still so after another start.
    machine.crash(0);
    expect(dump(await machine.open())).toEqual(['a=a@1#1']);
    const table = kept(machine).find((name) => name.endsWith('table')) ?? '';
    const entries: string[] = [];
    dumpTable(machine.fs, `${QUARANTINE}/${table}`, ({ sequence }) => entries.push(`${sequence}`));
    expect(entries).toEqual(['2']);
    const line = machine.logger.lines.find(({ event }) => event === 'sst.manifest.torn');
    expect(line).toMatchObject({ fields: { kept: expect.stringContaining(table) } });
  });

  it('is never gone, wherever the power fails while it is being kept', async () => {
    for (let j = 1; ; j++) {
      const machine = await rotten();
      machine.fs.crashAtMutation(machine.fs.mutationCount + j);
      await machine.open().catch(() => null);
      if (!machine.fs.crashed) break;
      machine.crash((j % 3) * 50);
      await machine.open();
      expect(kept(machine)).toHaveLength(2);
    }
  });

  it.each(['mkdir', 'link', 'syncDir'] as const)(
    'stays where it is under another name if it cannot be kept in quarantine: %s fails',
    async (kind) => {
      const machine = await rotten();
      const table = machine.names().findLast((name) => name.endsWith('.sst'));
      machine.fs.failNext({ kind, path: kind === 'link' ? /sst$/ : QUARANTINE }, 'EIO');
      expect(dump(await machine.open())).toEqual(['a=a@1#1']);
      machine.crash(0);
      expect(dump(await machine.open())).toEqual(['a=a@1#1']);
      expect(machine.names()).toContain(`torn-${table}`);
    },
  );

  it('keeps the database from opening where it cannot be kept at all', async () => {
    const machine = await rotten();
    const before = machine.names();
    machine.fs.failNext({ kind: 'mkdir', path: QUARANTINE }, 'ENOSPC');
    machine.fs.failNext({ kind: 'rename' }, 'EIO');
    await expect(machine.open()).rejects.toMatchObject({ code: 'SST_IO' });
    expect(machine.names()).toEqual(before);
    expect(machine.fs.openPaths).toEqual([]);
  });

  it('is removed like any other file that a crash leaves, if it is half a table or holds nothing new', async () => {
    const machine = await rotten();
    const tables = machine.names().filter((name) => name.endsWith('.sst'));
    machine.fs.plant(`/data/db/${tables.at(-1)}`, bytes('half a table'));
    const old = machine.fs.contents(`/data/db/${tables[0]}`);
    machine.fs.plant('/data/db/000900.sst', old);
    expect(dump(await machine.open())).toEqual(['a=a@1#1']);
    expect(kept(machine)).toEqual([]);
    expect(machine.names().filter((name) => name.endsWith('.sst'))).toHaveLength(1);
  });
});
