import fc from 'fast-check';
import { dumpManifest, verifyDb } from '../src/node/index.js';
import { Machine, put as putInto } from './support/databases.js';
import {
  bytes,
  del,
  type Entry,
  entryArbitrary,
  marked,
  put,
  sorted,
  text,
} from './support/entries.js';
import { readManifest, readTable } from './support/format-reader.js';
import { DIR, newFs, variants, writeTable } from './support/tables.js';

const entries: Entry[] = Array.from({ length: 120 }, (_, i) =>
  i % 11 === 5
    ? del(`key${1000 + i}`, i + 1)
    : i % 7 === 3
      ? marked(`key${1000 + i}`, i + 1)
      : put(`key${1000 + i}`, i + 1, `value ${i} `.repeat(3)),
);

describe('a reader that was written from FORMAT.md alone', () => {
  it.each(Object.keys(variants))('reads a table: %s', (variant) => {
    const fs = newFs();
    const meta = writeTable(fs, 7, entries, variants[variant]);
    const table = readTable(fs.contents(`${DIR}/000007.sst`));
    expect(table.entries).toEqual(entries);
    expect(table.tableId).toEqual(meta.tableId);
    expect(table.properties.get('smallest')).toEqual(bytes('key1000'));
    expect(entries.every(({ key }) => table.mayHold(key))).toBe(true);
    const others = Array.from({ length: 1000 }, (_, i) => bytes(`other${i}`));
    expect(others.filter(table.mayHold).length).toBeLessThan(60);
  });

  it('reads any table', () => {
    fc.assert(
      fc.property(
        fc.array(entryArbitrary, { minLength: 1, maxLength: 60 }).map(sorted),
        fc.constantFrom(...Object.values(variants)),
        (list, format) => {
          const fs = newFs();
          writeTable(fs, 7, list, format);
          const table = readTable(fs.contents(`${DIR}/000007.sst`));
          expect(table.entries).toEqual(list);
          expect(list.every(({ key }) => table.mayHold(key))).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('reads a database: its manifest, and the tables that it names', async () => {
    const machine = new Machine({ blockBytes: 100, indexBytes: 100, level0Tables: 2 });
    const db = await machine.open();
    for (let round = 0; round < 5; round++) {
      for (let i = 1; i <= 20; i++) putInto(db, round * 20 + i, `key${100 + ((i * 7) % 31)}`);
      await machine.flush(db, `H${round}`);
    }
    await machine.run(db.compact());
    const versions = new Set<string>();
    await machine.run(db.close());
    const { manifest } = verifyDb(machine.fs, '/data/db');
    const ours = dumpManifest(machine.fs, '/data/db', manifest ?? 0);
    const name = `MANIFEST-${String(manifest).padStart(6, '0')}`;
    const theirs = readManifest(machine.fs.contents(`/data/db/${name}`));
    expect(theirs).toMatchObject({
      number: manifest,
      identity: bytes('cluster/1/2'),
      lastSequence: 100,
      nextFileNumber: ours.nextFileNumber,
      hostState: bytes('H4'),
    });
    expect([...theirs.files.values()]).toEqual(
      ours.files.map(({ level, table }) => ({ level, ...table })),
    );
    for (const { number, sizeBytes, entries: count } of theirs.files.values()) {
      const file = machine.fs.contents(`/data/db/${String(number).padStart(6, '0')}.sst`);
      expect(file).toHaveLength(sizeBytes);
      const table = readTable(file);
      expect(table.entries).toHaveLength(count);
      for (const { key, sequence } of table.entries) versions.add(`${text(key)}@${sequence}`);
    }
    expect(versions.size).toBe(100);
  });

  it('refuses what has one flipped bit', () => {
    const fs = newFs();
    writeTable(fs, 7, entries.slice(0, 30), variants['two-level compressed']);
    const file = fs.contents(`${DIR}/000007.sst`);
    for (let at = 0; at < file.length; at += 13) {
      const damaged = file.slice();
      damaged[at]! ^= 1 << (at % 8);
      expect(() => {
        const table = readTable(damaged);
        for (const { key } of entries) table.mayHold(key);
      }).toThrow();
    }
  });
});
