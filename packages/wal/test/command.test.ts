import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { runWalCommand } from '../src/node/wal-command.js';
import { DIR, entries, entry, Rig } from './rig.js';

// The command as a process. `npm test` builds it first.
const bin = `${__dirname}/../bin/wal.mjs`;
const FIRST = '0000000000000001.wal';

let root: string;

beforeEach(() => {
  root = mkdtempSync(`${tmpdir()}/wal-command-`);
});
afterEach(() => rmSync(root, { recursive: true }));

/** A WAL of two logs, as a process leaves it that was killed when it was idle. */
async function sample(): Promise<Rig> {
  const rig = new Rig();
  const { wal } = await rig.open();
  wal.append(1, entries(1, 3), 2);
  wal.append(2, [entry(1)], 0);
  await rig.durable(wal);
  await rig.scheduler.advance(200);
  return rig;
}

/** Puts the files of a simulated disk on the real one. */
function onDisk(rig: Rig): string {
  const dir = `${root}/wal`;
  mkdirSync(dir);
  for (const name of rig.fs.list(DIR))
    writeFileSync(`${dir}/${name}`, rig.fs.contents(`${DIR}/${name}`));
  return dir;
}

function wal(...args: string[]): { exit: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    encoding: 'utf8',
  });
  return { exit: status, stdout, stderr };
}

it('is built', () => {
  expect(existsSync(`${__dirname}/../dist/node/main.js`)).toBe(true);
});

describe('wal verify', () => {
  it('says of a whole WAL that it is whole, and exits with 0', async () => {
    const dir = onDisk(await sample());
    const before = readFileSync(`${dir}/${FIRST}`);
    expect(wal('verify', dir)).toEqual({
      exit: 0,
      stdout: '1 segments, 2 logs\nlog 1 [1, 3] hint 2\nlog 2 [1, 1] hint 0\nok\n',
      stderr: '',
    });
    expect(readFileSync(`${dir}/${FIRST}`).equals(before)).toBe(true);
  });

  it('tells a torn tail, and exits with 3', async () => {
    const rig = await sample();
    rig.fs.corrupt(`${DIR}/${FIRST}`, 1000, 1);
    const { exit, stdout } = wal('verify', onDisk(rig));
    expect(exit).toBe(3);
    expect(stdout).toMatch(/^torn tail of \d+ bytes, never acknowledged: .*\nNOT ok\n$/m);
  });

  it('tells damage with file and offset, and exits with 1', async () => {
    const rig = await sample();
    const at = Buffer.from(rig.fs.contents(`${DIR}/${FIRST}`)).indexOf('e2');
    rig.fs.corrupt(`${DIR}/${FIRST}`, at, 1);
    const dir = onDisk(rig);
    const { exit, stdout } = wal('verify', dir);
    expect(exit).toBe(1);
    expect(stdout).toContain('log 1 [1, 3] hint 2, 1 entries DAMAGED\n  2 term 1 DAMAGED\n');
    expect(stdout).toContain(`${dir}/${FIRST} ${at} entry 2 (term 1) of log 1 is damaged\n`);
    const json = wal('verify', '--json', dir);
    expect([json.exit, JSON.parse(json.stdout)]).toMatchObject([
      1,
      { ok: false, logs: [{ id: 1, faulty: [{ index: 2, term: 1 }] }, { id: 2 }] },
    ]);
  });

  it('says that a frame is lost, and that a WAL cannot be opened at all: exit code 1', async () => {
    const rig = await sample();
    const lost = rig.copy();
    lost.fs.corrupt(`${DIR}/${FIRST}`, 64 + 24, 1);
    expect(run(lost, 'verify', DIR)).toMatchObject({
      exit: 1,
      stdout: expect.stringContaining('1 frames lost: any log may miss some\n'),
    });
    rig.fs.rename(`${DIR}/${FIRST}`, `${DIR}/0000000000000007.wal`);
    expect(run(rig, 'verify', DIR)).toMatchObject({
      exit: 1,
      stdout: expect.stringMatching(/^cannot be opened: .* \[WAL_CORRUPT\]\nNOT ok\n$/),
    });
  });
});

describe('wal dump', () => {
  it('prints headers, frames and operations', async () => {
    const { exit, stdout } = wal('dump', onDisk(await sample()));
    expect(exit).toBe(0);
    const lines = stdout.split('\n');
    expect(lines[1]).toMatch(/^ {2}64 entries seq=1 synced=0 oldest=1 operations=5 payload=8$/);
    expect(lines[2]).toMatch(/^ {4}append log=1 index=1 term=1 /);
    expect(lines).toHaveLength(10);
  });

  it('shows damage, torn tails too, in their places', async () => {
    const rig = await sample();
    rig.fs.corrupt(`${DIR}/${FIRST}`, 70, 1);
    rig.fs.corrupt(`${DIR}/${FIRST}`, 1000, 1);
    const { exit, stdout } = wal('dump', onDisk(rig));
    expect(exit).toBe(0);
    expect(stdout.match(/DAMAGED up to/g)).toHaveLength(2);
  });
});

describe('wal', () => {
  it('says its version and how it is used', () => {
    expect(wal('--version')).toEqual({ exit: 0, stdout: '0.1.0\n', stderr: '' });
    const { exit, stdout } = wal('--help');
    expect(exit).toBe(0);
    expect(stdout).toContain('Exit codes of verify: 0 whole, 1 damaged, 3 whole but for a torn');
  });

  it.each([[[]], [['verify']], [['dump', 'a', 'b']], [['mend', 'x']], [['verify', '--jsn', 'x']]])(
    'refuses %j with exit code 2',
    (args) => {
      const found = run(new Rig(), ...args);
      expect([found.exit, found.stdout]).toEqual([2, '']);
      expect(found.stderr).not.toBe('');
    },
  );

  it('cannot read what is not there: exit code 2', () => {
    for (const command of ['dump', 'verify']) {
      expect(wal(command, `${root}/nowhere`)).toEqual({
        exit: 2,
        stdout: '',
        stderr: expect.stringMatching(/^wal: .*ENOENT/),
      });
    }
  });

  it('ends quietly when its reader has seen enough', async () => {
    const dir = onDisk(await sample());
    const { status, stderr } = spawnSync(
      '/bin/sh',
      ['-c', `"$0" "$1" dump "$2" | true`, process.execPath, bin, dir],
      { encoding: 'utf8' },
    );
    expect([status, stderr]).toEqual([0, '']);
  });
});

/** The command without a process. */
function run(rig: Rig, ...args: string[]): { exit: number; stdout: string; stderr: string } {
  let [stdout, stderr] = ['', ''];
  const exit = runWalCommand(args, {
    fs: rig.fs,
    version: '0',
    out: (text) => {
      stdout += text;
    },
    error: (text) => {
      stderr += text;
    },
  });
  return { exit, stdout, stderr };
}
