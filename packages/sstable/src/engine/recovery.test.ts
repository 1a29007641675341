import { dump, Machine, put } from '../../test/support/databases.js';
import { bytes } from '../../test/support/entries.js';

describe('opening a new database', () => {
  it('makes all directories on the way durable', async () => {
    const machine = new Machine({ dir: '/a/b/c/d' });
    const db = await machine.open();
    put(db, 1, 'x');
    await machine.flush(db, 'H');
    machine.crash(0);
    expect(dump(await machine.open())).toEqual(['x=x@1#1']);
  });

  it('makes them durable also if an earlier try made them and was killed', async () => {
    for (let k = 1; ; k++) {
      const machine = new Machine({ dir: '/a/b/c/d' });
      machine.fs.crashAtMutation(k);
      await machine.open().catch(() => null);
      if (!machine.fs.crashed) break;
      machine.kill();
      const db = await machine.open();
      put(db, 1, 'x');
      await machine.flush(db, 'H');
      machine.crash(0);
      expect(dump(await machine.open())).toEqual(['x=x@1#1']);
    }
  });

  it('goes on where it may not open a directory above', async () => {
    const machine = new Machine();
    machine.fs.onOperation(({ kind, path }) =>
      kind === 'syncDir' && path === '/' ? { fault: 'error', code: 'EACCES' } : 'ok',
    );
    const db = await machine.open();
    put(db, 1, 'x');
    await machine.flush(db, 'H');
    expect(machine.installed).toEqual(['H']);
  });

  it('starts over where one was begun and lost its marker in a crash', async () => {
    const machine = new Machine();
    machine.fs.mkdir('/data/db');
    machine.fs.plant('/data/db/MANIFEST-000001', bytes('never synced'));
    const db = await machine.open();
    expect(db.hostState).toBeNull();
    expect(machine.names()).toEqual(['MANIFEST-000002', 'marker.manifest.000001.MANIFEST-000002']);
  });
});

describe('a manifest whose last write was cut off', () => {
  it('is read up to there, reported, and replaced', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 1, 'x');
    await machine.flush(db, 'H');
    await machine.run(db.close());
    const [name = ''] = machine.names().filter((file) => file.startsWith('MANIFEST'));
    const path = `/data/db/${name}`;
    machine.fs.plant(path, Uint8Array.from([...machine.fs.contents(path), 1, 2, 3]));
    const again = await machine.open();
    expect(dump(again)).toEqual(['x=x@1#1']);
    expect(machine.logger.lines).toContainEqual(
      expect.objectContaining({ event: 'sst.manifest.torn', level: 'warn' }),
    );
    expect(machine.names()).not.toContain(name);
  });
});

describe('a manifest that the disk does not give', () => {
  it('is an error of the disk, not damage, and opens when the disk gives it', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 1, 'x');
    await machine.flush(db, 'H');
    await machine.run(db.close());
    machine.fs.onOperation(({ kind, path }) =>
      kind === 'read' && path.includes('MANIFEST') ? 'EIO' : 'ok',
    );
    await expect(machine.open()).rejects.toMatchObject({
      code: 'SST_IO',
      file: expect.stringContaining('MANIFEST'),
    });
    machine.fs.onOperation(null);
    expect(dump(await machine.open())).toEqual(['x=x@1#1']);
  });
});
