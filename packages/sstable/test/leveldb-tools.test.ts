import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync } from 'node:fs';
import { NodeClock, NodeFs } from '@dougdb/ports/node';
import { exportLevelDb } from '../src/index.js';
import { fill, inDirectory, openReal } from './support/real-directory.js';

const isThere = spawnSync('sst_dump', ['--help'], { stdio: 'ignore' }).error === undefined;

/** What a tool prints; it must not fail. */
function output(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 60_000,
  });
  if (error !== undefined) throw error;
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')}: exit ${status}\n${stderr}${stdout}`);
  return stdout + stderr;
}

interface Exported {
  readonly out: string;
  /** Lines as `ldb scan --hex` prints them. */
  readonly lines: readonly string[];
}

async function withExport(
  filter: 'bloom' | 'none',
  work: (exported: Exported) => void,
): Promise<void> {
  await inDirectory(async (dir) => {
    const db = await openReal(`${dir}/ours`);
    await fill(db, 2000);
    const out = `${dir}/level`;
    await exportLevelDb(db, {
      fs: new NodeFs(),
      clock: new NodeClock(),
      dir: out,
      filter,
      tableBytes: 64 * 1024,
    });
    const lines: string[] = [];
    const iterator = db.iterator({});
    const hex = (data: Uint8Array): string =>
      `0x${Buffer.from(data).toString('hex').toUpperCase()}`;
    while (iterator.next()) lines.push(`${hex(iterator.key())} : ${hex(iterator.value())}`);
    iterator.close();
    await db.close();
    work({ out, lines });
  });
}

if (isThere) {
  describe.each(['bloom', 'none'] as const)(
    'tables and directories of ours, filter %s',
    (filter) => {
      it('are verified by sst_dump', async () => {
        await withExport(filter, ({ out, lines }) => {
          const tables = readdirSync(out).filter((name) => name.endsWith('.ldb'));
          expect(tables.length).toBeGreaterThan(2);
          let scanned = 0;
          for (const name of tables) {
            // It wants RocksDB's name.
            const table = name.replace('.ldb', '.sst');
            cpSync(`${out}/${name}`, `${out}/${table}`);
            expect(output('sst_dump', [`--file=${out}/${table}`, '--command=verify'])).toContain(
              'The file is ok',
            );
            expect(output('sst_dump', [`--file=${out}/${table}`, '--command=check'])).not.toContain(
              'orrupt',
            );
            const scan = output('sst_dump', [
              `--file=${out}/${table}`,
              '--command=scan',
              '--output_hex',
            ]);
            scanned += scan.split('\n').filter((line) => / seq:\d+, type:1 => /.test(line)).length;
          }
          expect(scanned).toBe(lines.length);
        });
      });

      it('are opened, scanned and found consistent by ldb', async () => {
        await withExport(filter, ({ out, lines }) => {
          // It writes files of its own into what it opens.
          const copy = `${out}-copy`;
          cpSync(out, copy, { recursive: true });
          const scan = output('ldb', [`--db=${copy}`, 'scan', '--hex']);
          const shown = scan.split('\n').filter((line) => line.startsWith('0x'));
          expect(shown).toEqual(lines);
          expect(output('ldb', [`--db=${copy}`, 'checkconsistency'])).toContain('OK');
        });
      });
    },
  );
} else {
  const note = 'SKIPPED: sst_dump and ldb read our LevelDB tables (Debian package rocksdb-tools)';
  it(note, () => {
    console.warn(note);
    expect(isThere).toBe(false);
  });
}
