import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { BlockCache, Db, type DbOptions, WriteBatch } from '../src/index.js';
import { drain, dump, get, Machine, put, tiny } from './support/databases.js';
import { bytes, text } from './support/entries.js';

const usage = expect.objectContaining({ code: 'SST_USAGE' });

/** Several levels, deletions, a compaction that is due and files that nothing names. */
async function filled(machine: Machine): Promise<string[]> {
  const db = await machine.open();
  for (let i = 1; i <= 60; i++) put(db, i, `key${i % 17}`);
  await machine.flush(db, 'H1');
  await machine.run(db.compact());
  db.delete(61, bytes('key3'));
  await machine.flush(db, 'H2');
  const lines = dump(db);
  put(db, 62, 'lost');
  await machine.run(db.close());
  machine.fs.plant('/data/db/000099.sst', bytes('left over'));
  machine.fs.plant('/data/db/MANIFEST-000098', bytes('left over'));
  return lines;
}

describe('a read-only database', () => {
  it('shows what is there and changes no byte and no name, durable or not', async () => {
    const machine = new Machine(tiny);
    const lines = await filled(machine);
    const before = machine.fs.hash();
    const mutations = machine.fs.mutationCount;
    const db = await machine.open({ readOnly: true });
    expect(dump(db)).toEqual(lines);
    expect(drain(db.iterator({ reverse: true, gte: bytes('key2'), lt: bytes('key5') }))).toEqual(
      lines.filter((line) => line >= 'key2' && line < 'key5').reverse(),
    );
    expect([get(db, 'key3'), get(db, 'key3', 60)]).toEqual([null, 'key3@54#54']);
    expect(text(db.hostState!)).toBe('H2');
    const snapshot = db.snapshot();
    expect(drain(db.iterator({ snapshot }))).toEqual(lines);
    snapshot.release();
    await machine.run(db.verifyChecksums());
    expect(db.approximateSize({})).toBeGreaterThan(0);
    await machine.settle(1000);
    await machine.run(db.close());
    expect([machine.fs.hash(), machine.fs.mutationCount]).toEqual([before, mutations]);
    expect(machine.fs.openPaths).toEqual([]);
  });

  it('refuses everything that would write', async () => {
    const machine = new Machine(tiny);
    await filled(machine);
    const db = await machine.open({ readOnly: true });
    expect(() => put(db, 100, 'a')).toThrow(usage);
    expect(() => db.delete(100, bytes('a'))).toThrow(usage);
    expect(() => db.write(100, new WriteBatch().delete(bytes('a')))).toThrow(usage);
    expect(() => db.deleteRange(100, {})).toThrow(usage);
    expect(() => db.freeze(bytes('H'))).toThrow(usage);
    await expect(machine.run(db.compact())).rejects.toThrow(usage);
    await expect(machine.run(db.compactRange({}))).rejects.toThrow(usage);
    await machine.run(db.flushed());
  });

  it('says so where there is none, and makes none', async () => {
    const machine = new Machine();
    const missing = expect.objectContaining({ code: 'SST_MISSING' });
    await expect(machine.open({ readOnly: true })).rejects.toThrow(missing);
    expect(machine.fs.stat('/data/db')).toBeNull();
    machine.fs.mkdir('/data/db');
    await expect(machine.open({ readOnly: true })).rejects.toThrow(missing);
    expect(machine.names()).toEqual([]);
  });

  it('refuses one that is damaged or another one, as an open that writes', async () => {
    const machine = new Machine(tiny);
    await filled(machine);
    await expect(machine.open({ readOnly: true, identity: bytes('other') })).rejects.toThrow(
      expect.objectContaining({ code: 'SST_FOREIGN' }),
    );
    for (const name of machine.names().filter((file) => file.startsWith('marker'))) {
      machine.fs.remove(`/data/db/${name}`);
    }
    await expect(machine.open({ readOnly: true })).rejects.toThrow(
      expect.objectContaining({ code: 'SST_CORRUPT' }),
    );
    expect(machine.fs.openPaths).toEqual([]);
  });

  it('leaves out a last edit that was cut off, as recovery does, and leaves it there', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 1, 'a');
    await machine.flush(db, 'H1');
    await machine.run(db.close());
    const [name = ''] = machine.names().filter((file) => file.startsWith('MANIFEST'));
    const whole = machine.fs.contents(`/data/db/${name}`);
    machine.fs.plant(`/data/db/${name}`, Uint8Array.of(...whole, 1, 2, 3));
    const before = machine.fs.hash();
    expect(dump(await machine.open({ readOnly: true }))).toEqual(['a=a@1#1']);
    expect(machine.logger.of('sst.manifest.torn')).toHaveLength(1);
    expect(machine.fs.hash()).toBe(before);
  });

  it('leaves a directory of a real disk as it was, times of change included', async () => {
    const dir = mkdtempSync(`${tmpdir()}/sstable-read-only-`);
    const options: DbOptions = {
      fs: new NodeFs(),
      clock: new NodeClock(),
      random: new NodeRandom(),
      dir: `${dir}/db`,
      quarantineDir: `${dir}/quarantine`,
      identity: bytes('db'),
      cache: new BlockCache(100_000),
    };
    try {
      const db = await Db.open(options);
      for (let i = 1; i <= 100; i++) put(db, i, `key${i}`);
      db.freeze(bytes('H'));
      await db.flushed();
      const lines = dump(db);
      await db.close();
      const before = hashOf(`${dir}/db`);
      const reader = await Db.open({ ...options, readOnly: true });
      expect(dump(reader)).toEqual(lines);
      await reader.close();
      expect(hashOf(`${dir}/db`)).toBe(before);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

/** Of names, bytes and times of the last change. */
function hashOf(dir: string): string {
  const hash = createHash('sha256');
  hash.update(String(statSync(dir).mtimeMs));
  for (const name of readdirSync(dir).sort()) {
    const { mtimeMs, ctimeMs } = statSync(`${dir}/${name}`);
    hash.update(`${name} ${mtimeMs} ${ctimeMs}\n`).update(readFileSync(`${dir}/${name}`));
  }
  return hash.digest('hex');
}
