import { NodeClock, NodeFs } from '@dougdb/ports/node';
import { SimRandom } from '@dougdb/ports/sim';
import { ClassicLevel } from 'classic-level';
import type { DbIterator } from '../src/contract.js';
import { exportLevelDb, LevelDbReader } from '../src/index.js';
import { dumpTable, verifyLevelDb } from '../src/node/index.js';
import { bytes } from './support/entries.js';
import { fill, inDirectory, openReal } from './support/real-directory.js';

const encodings = { keyEncoding: 'view', valueEncoding: 'view' } as const;

type Level = ClassicLevel<Uint8Array, Uint8Array>;

function openLevel(dir: string, options: object = {}): Level {
  return new ClassicLevel<Uint8Array, Uint8Array>(dir, { ...encodings, ...options });
}

function hex(data: Uint8Array): string {
  return Buffer.from(data).toString('hex');
}

async function listOf(level: Level, options: object = {}): Promise<string[]> {
  const entries: string[] = [];
  for await (const [key, value] of level.iterator(options))
    entries.push(`${hex(key)}=${hex(value)}`);
  return entries;
}

function drained(iterator: DbIterator): string[] {
  const entries: string[] = [];
  while (iterator.next()) entries.push(`${hex(iterator.key())}=${hex(iterator.value())}`);
  iterator.close();
  return entries;
}

describe('classic-level', () => {
  it.each(['bloom', 'none'] as const)(
    'reads and writes on a directory of ours, filter %s',
    async (filter) => {
      await inDirectory(async (dir) => {
        const db = await openReal(`${dir}/ours`);
        await fill(db, 3000);
        const expected = drained(db.iterator({}));
        const out = `${dir}/level`;
        const report = await exportLevelDb(db, {
          fs: new NodeFs(),
          clock: new NodeClock(),
          dir: out,
          filter,
          tableBytes: 64 * 1024,
        });
        expect(report.entries).toBe(expected.length);
        expect(report.tables).toBeGreaterThan(2);
        await db.close();

        const level = openLevel(out, { createIfMissing: false });
        await level.open();
        expect(await listOf(level)).toEqual(expected);
        expect(await listOf(level, { reverse: true })).toEqual([...expected].reverse());
        for (const entry of expected.filter((_, i) => i % 50 === 0)) {
          const [key = '', value = ''] = entry.split('=');
          expect(hex((await level.get(Buffer.from(key, 'hex'))) ?? bytes('-'))).toBe(value);
        }
        expect(await level.get(bytes('key/nowhere'))).toBeUndefined();
        // A write of its own lies above all of ours.
        await level.put(Buffer.from(expected[10]?.split('=')[0] ?? '', 'hex'), bytes('newer'));
        await level.compactRange(bytes(''), bytes('zzzz'));
        const after = await listOf(level);
        expect(after[10]).toContain(hex(bytes('newer')));
        await level.close();
        const reader = LevelDbReader.open({ fs: new NodeFs(), dir: out });
        expect(drained(reader.iterator())).toEqual(after);
        reader.close();
      });
    },
  );

  it.each([
    ['uncompressed', false],
    ['with its default compression', true],
  ])('writes directories and tables that are read here, %s', async (_, compression) => {
    await inDirectory(async (dir) => {
      const random = new SimRandom(5);
      const level = openLevel(dir, { compression, writeBufferSize: 64 * 1024 });
      for (let batch = 0; batch < 40; batch++) {
        await level.batch(
          Array.from({ length: 100 }, () => {
            const key = bytes(`key/${random.int(2500)}`);
            if (random.chance(0.1)) return { type: 'del' as const, key };
            const value = bytes(`value ${random.int(1000)} `.repeat(1 + random.int(8)));
            return { type: 'put' as const, key, value };
          }),
        );
        if (batch === 20) await level.compactRange(bytes('key/'), bytes('key/~'));
      }
      const expected = await listOf(level);
      await level.close();
      const fs = new NodeFs();
      const report = verifyLevelDb(fs, dir);
      // Its filters know all keys, and its checksums are right.
      expect(report).toMatchObject({ problems: [], isTorn: false });
      expect(report.tables).toBeGreaterThan(1);
      const reader = LevelDbReader.open({ fs, dir });
      // What it has not compacted yet stands in its log.
      expect(reader.contents.logs.length).toBeGreaterThan(0);
      expect(drained(reader.iterator())).toEqual(expected);
      expect(drained(reader.iterator({ reverse: true }))).toEqual([...expected].reverse());
      const from = bytes('key/2');
      const range = reader.iterator({ start: from, end: bytes('key/3') });
      expect(drained(range)).toEqual(expected.filter((entry) => entry.startsWith(hex(from))));
      for (const { name } of reader.contents.tables) {
        let entries = 0;
        expect(dumpTable(fs, `${dir}/${name}`, () => entries++).format).toBe('leveldb');
        expect(entries).toBeGreaterThan(0);
      }
      reader.close();
    });
  });
});
