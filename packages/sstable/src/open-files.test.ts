import { SimFs } from '@dougdb/ports/sim';
import { dump, get, Machine, put } from '../test/support/databases.js';
import { bytes } from '../test/support/entries.js';
import { OpenFiles } from './open-files.js';

function planted(...names: string[]): SimFs {
  const fs = new SimFs();
  for (const name of names) fs.plant(`/${name}`, bytes(`the file ${name}`));
  return fs;
}

const target = new Uint8Array(1);

describe('OpenFiles', () => {
  it('keeps so many descriptors, of those that were read last', () => {
    const fs = planted('a', 'b', 'c');
    const files = new OpenFiles(2);
    const [a, b, c] = ['/a', '/b', '/c'].map((path) => files.of(fs).open(path, 'read'));
    expect([files.count, fs.openPaths]).toEqual([2, ['/b', '/c']]);
    b?.readSync(target, 0, 1, 9);
    a?.readSync(target, 0, 1, 9);
    expect(String.fromCharCode(target[0] ?? 0)).toBe('a');
    expect([files.reopened, [...fs.openPaths].sort()]).toEqual([1, ['/a', '/b']]);
    expect(c?.sizeSync()).toBe(10);
    expect(files.reopened).toBe(1);
    for (const file of [a, b, c]) file?.close();
    expect([files.count, fs.openPaths]).toEqual([0, []]);
  });

  it('reads through the thread pool what is closed for others meanwhile', async () => {
    const fs = planted('a', 'b');
    const files = new OpenFiles(1);
    const a = files.of(fs).open('/a', 'read');
    const reading = a.read(target, 0, 1, 9);
    files.of(fs).open('/b', 'read').close();
    await expect(reading).resolves.toBe(1);
    a.close();
    expect(fs.openPaths).toEqual([]);
  });

  it('does not open a closed file again, nor keep one that cannot be opened', () => {
    const fs = planted('a');
    const files = new OpenFiles(1);
    const a = files.of(fs).open('/a', 'read');
    a.close();
    a.close();
    const closed = expect.objectContaining({ code: 'EBADF' });
    expect(() => a.readSync(target, 0, 1, 0)).toThrow(closed);
    const missing = expect.objectContaining({ code: 'ENOENT' });
    expect(() => files.of(fs).open('/none', 'read')).toThrow(missing);
    fs.failNext({ kind: 'open' }, { fault: 'error', code: 'EMFILE' });
    expect(() => files.of(fs).open('/a', 'read')).toThrow(
      expect.objectContaining({ code: 'EMFILE' }),
    );
    expect([files.count, fs.openPaths]).toEqual([0, []]);
  });
});

describe('databases that share descriptors', () => {
  it('read everything, with fewer files open than there are tables', async () => {
    const openFiles = new OpenFiles(3);
    const machine = new Machine({ level0Tables: 100, openFiles });
    const first = await machine.open();
    const second = await machine.open({ dir: '/data/second' });
    for (const db of [first, second]) {
      for (let i = 1; i <= 6; i++) {
        put(db, i, `key${i}`);
        await machine.flush(db, `H${i}`);
      }
    }
    const tables = (): string[] => machine.fs.openPaths.filter((path) => path.endsWith('.sst'));
    expect([openFiles.count, tables().length]).toEqual([3, 2]);
    for (const db of [first, second]) {
      for (let i = 1; i <= 6; i++) expect(get(db, `key${i}`)).toBe(`key${i}@${i}#${i}`);
      expect(dump(db)).toHaveLength(6);
      expect(await machine.run(Promise.resolve(db.look(bytes('key2'))))).toMatchObject({
        sequence: 2,
      });
      expect(machine.fs.openPaths).toHaveLength(3);
    }
    await machine.run(first.compactRange());
    expect(dump(first)).toHaveLength(6);
    await machine.run(first.close());
    await machine.run(second.close());
    expect([openFiles.count, machine.fs.openPaths]).toEqual([0, []]);
  });

  it('give a manifest back too, and make a new one with the next edit', async () => {
    const machine = new Machine({ openFiles: new OpenFiles(1) });
    const db = await machine.open();
    const manifests = (): string[] =>
      machine.fs.openPaths.filter((path) => path.includes('MANIFEST'));
    for (const i of [1, 2, 3]) {
      put(db, i, `key${i}`);
      await machine.flush(db, `H${i}`);
      expect(get(db, `key${i}`)).toBe(`key${i}@${i}#${i}`);
      expect(manifests()).toEqual([]);
      const [name] = machine.names().filter((file) => file.startsWith('MANIFEST'));
      expect(machine.names()).toContain(`marker.manifest.00000${i + 1}.${name}`);
    }
    machine.crash(0);
    expect(dump(await machine.open())).toHaveLength(3);
  });

  it('say so when a file cannot be opened again', async () => {
    const machine = new Machine({ level0Tables: 100, openFiles: new OpenFiles(1) });
    const db = await machine.open();
    for (const key of ['a', 'b']) {
      put(db, key === 'a' ? 1 : 2, key);
      await machine.flush(db, key);
    }
    machine.fs.failNext({ kind: 'open', path: /sst$/ }, { fault: 'error', code: 'EMFILE' });
    expect(() => get(db, 'a')).toThrow(expect.objectContaining({ code: 'SST_IO' }));
    expect(get(db, 'a')).toBe('a@1#1');
  });
});
