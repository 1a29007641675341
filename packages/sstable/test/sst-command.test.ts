import { execFile, spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NodeClock, NodeFs } from '@dougdb/ports/node';
import { exportLevelDb } from '../src/index.js';
import { fill, inDirectory, openReal } from './support/real-directory.js';

const sst = join(__dirname, '../bin/sst.mjs');

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function run(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [sst, ...args], { maxBuffer: 1 << 28 }, (error, out, err) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, out, err });
    });
  });
}

interface Stores {
  /** A database with tables of one and of two levels, some of them compressed. */
  readonly ours: string;
  readonly leveldb: string;
  readonly files: (dir: string, pattern: RegExp) => string[];
}

async function withStores(work: (stores: Stores) => Promise<void>): Promise<void> {
  await inDirectory(async (dir) => {
    const ours = `${dir}/ours`;
    const leveldb = `${dir}/leveldb`;
    const db = await openReal(ours, {
      level0Tables: 2,
      level1Bytes: 1000,
      tableBytes: 8000,
      indexBytes: 300,
      compression: 'deflate-raw',
    });
    await fill(db, 400);
    await exportLevelDb(db, { fs: new NodeFs(), clock: new NodeClock(), dir: leveldb });
    await db.close();
    const files = (where: string, pattern: RegExp): string[] =>
      readdirSync(where)
        .filter((name) => pattern.test(name))
        .map((name) => `${where}/${name}`);
    await work({ ours, leveldb, files });
  });
}

function largest(files: readonly string[]): string {
  return [...files].sort((a, b) => statSync(b).size - statSync(a).size)[0] ?? '';
}

function flip(path: string, at: number): void {
  const data = readFileSync(path);
  data[at < 0 ? data.length + at : at]! ^= 0x10;
  writeFileSync(path, data);
}

describe('sst', () => {
  it('finds what is whole whole, whichever kind it is', async () => {
    await withStores(async ({ ours, leveldb, files }) => {
      const targets = [
        ours,
        leveldb,
        ...files(ours, /\.sst$/),
        ...files(ours, /^MANIFEST/),
        ...files(leveldb, /\.ldb$|^MANIFEST/),
      ];
      expect(targets.length).toBeGreaterThan(6);
      for (const ended of await Promise.all(targets.map((target) => run('verify', target)))) {
        expect(ended).toMatchObject({ code: 0, out: expect.stringMatching(/^ok: /), err: '' });
      }
    });
  });

  it('exits with 1 and names file and offset of each damage, whichever kind it is', async () => {
    await withStores(async ({ ours, leveldb, files }) => {
      const cases = [
        [ours, files(ours, /\.sst$/)[0]],
        [leveldb, files(leveldb, /\.ldb$/)[0]],
        [ours, files(ours, /^MANIFEST/)[0]],
        [leveldb, files(leveldb, /^MANIFEST/)[0]],
      ] as const;
      for (const [dir, file = ''] of cases) {
        flip(file, 20);
        for (const { code, out, err } of await Promise.all([
          run('verify', dir),
          run('verify', file),
        ])) {
          expect([code, out]).toEqual([1, '']);
          expect(err).toContain(`file ${file}, offset `);
        }
        flip(file, 20);
      }
      const [table = ''] = files(ours, /\.sst$/);
      flip(table, 90);
      expect(await run('dump', table)).toMatchObject({
        code: 1,
        err: expect.stringContaining(table),
      });
      // The footer, which everything else hangs on.
      flip(table, -1);
      expect(await run('dump', table)).toMatchObject({ code: 1, out: '' });
      rmSync(table);
      expect(await run('verify', ours)).toMatchObject({
        code: 1,
        err: expect.stringContaining('missing'),
      });
    });
  });

  it('dumps entries, edits and lists of tables, as text and as JSON', async () => {
    await withStores(async ({ ours, leveldb, files }) => {
      const table = largest(files(ours, /\.sst$/));
      const text = await run('dump', table);
      expect(text).toMatchObject({ code: 0, err: '' });
      expect(text.out).toMatch(/^"key\/\d{8}" @\d+ set "value /m);
      expect(text.out).toMatch(/^# \d+ entries, \d+ of them deletions, in \d+ blocks$/m);
      const json = await run('dump', table, '--json', '--keys-only');
      const lines = json.out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(lines.length).toBe(text.out.split('\n').filter((line) => / @\d+ /.test(line)).length);
      expect(lines.every((line) => !('value' in line) && Number.isInteger(line.sequence))).toBe(
        true,
      );

      const database = await run('dump', ours);
      expect(database.out).toContain('# database "real", manifest ');
      expect(database.out).toContain('host state "H3"');
      expect(database.out).toMatch(/^level \d \d{6}\.sst \d+ bytes, /m);
      const [manifest = ''] = files(ours, /^MANIFEST/);
      expect((await run('dump', manifest)).out).toMatch(/^edit 0: /m);

      const level = await run('dump', leveldb, '--json');
      const tables = level.out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(tables.map(({ name }) => `${leveldb}/${name}`)).toEqual(files(leveldb, /\.ldb$/));
      expect((await run('dump', `${leveldb}/${tables[0]?.name}`)).out).toContain(
        "# table of LevelDB's format",
      );
      const [levelManifest = ''] = files(leveldb, /^MANIFEST/);
      expect((await run('dump', levelManifest)).out).toContain('leveldb.BytewiseComparator');
    });
  });

  it('exits with 2 for what is no use: no command, no file, no such option', async () => {
    await inDirectory(async (dir) => {
      writeFileSync(`${dir}/empty.sst`, '');
      const lines = [
        [],
        ['verify'],
        ['shake', dir],
        ['dump', dir, '--yaml'],
        ['verify', `${dir}/nowhere`],
        // What is no table or database is damage: it has lost what made it one.
        ['verify', `${dir}/empty.sst`],
        ['verify', dir],
      ];
      const ended = await Promise.all(lines.map((line) => run(...line)));
      expect(ended.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2, 1, 1]);
      expect(ended[4]?.err).toContain('there is no');
      const help = await run('--help');
      expect([help.code, help.out]).toEqual([0, expect.stringContaining('Exit codes: 0 whole')]);
      const { version } = JSON.parse(readFileSync(join(__dirname, '../package.json'), 'utf8'));
      expect((await run('--version')).out).toBe(`${version}\n`);
    });
  });

  it('exits with 3 where a last record was cut off, and says so', async () => {
    await withStores(async ({ leveldb, files }) => {
      const [manifest = ''] = files(leveldb, /^MANIFEST/);
      const log = `${leveldb}/000100.log`;
      writeFileSync(log, readFileSync(manifest).subarray(0, 20));
      expect(await run('verify', log)).toMatchObject({
        code: 3,
        out: expect.stringContaining('was cut off'),
      });
    });
  });

  it('ends in peace when nobody reads on', async () => {
    await withStores(async ({ ours, files }) => {
      const [table = ''] = files(ours, /\.sst$/);
      const child = spawn(process.execPath, [sst, 'dump', table], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const err: string[] = [];
      child.stderr.on('data', (data) => err.push(String(data)));
      child.stdout.destroy();
      const code = await new Promise((resolve) => child.on('close', resolve));
      expect([code, err.join('')]).toEqual([0, '']);
    });
  });
});
