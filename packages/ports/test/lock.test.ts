import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import type { FileLock } from '../src/index.js';
import { lockByAbstractSocket } from '../src/node/abstract-socket-lock.js';
import { lockByExclusiveFile } from '../src/node/exclusive-file-lock.js';
import { NodeFs } from '../src/node/index.js';
import { formatIdentity, ownIdentity, parseIdentity } from '../src/node/process-identity.js';

let dir: string;
let path: string;

beforeEach(() => {
  dir = fs.mkdtempSync(`${os.tmpdir()}/dougdb-lock-`);
  path = `${dir}/LOCK`;
});
afterEach(() => {
  fs.rmSync(dir, { recursive: true, force: true });
});

/** The identity of a living process that is not this one. */
function parentIdentity() {
  const statPath = `/proc/${process.ppid}/stat`;
  const stat = fs.existsSync(statPath) ? fs.readFileSync(statPath, 'utf8') : '';
  const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  return { ...ownIdentity(), pid: process.ppid, startTime };
}

describe('a lock of another process', () => {
  let child: ChildProcess;

  /** Resolves with the next line that the child writes. */
  const line = async (): Promise<string> => {
    const [chunk] = await once(child.stdout!, 'data');
    return String(chunk).trim();
  };
  const start = (): Promise<string> => {
    child = spawn(process.execPath, [`${__dirname}/fixtures/hold-lock.cjs`, path]);
    return line();
  };
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  afterEach(kill);

  it('is refused with its pid, and free as soon as that process is killed with -9', async () => {
    expect(await start()).toBe('locked');
    await expect(new NodeFs().lock(path)).rejects.toMatchObject({
      code: 'ELOCKED',
      message: expect.stringContaining(`process ${child.pid}`),
    });
    await kill();
    const lock = await new NodeFs().lock(path);
    await lock.release();
  });

  it('is refused to the other process as well, and free after a release', async () => {
    const lock = await new NodeFs().lock(path);
    expect(await start()).toBe('ELOCKED');
    await once(child, 'exit');
    await lock.release();
    expect(await start()).toBe('locked');
    child.stdin!.write('\n');
    expect(await line()).toBe('released');
    await (await new NodeFs().lock(path)).release();
  });
});

const kinds: [string, (path: string) => Promise<FileLock>][] = [
  ['an exclusive file', lockByExclusiveFile],
];
if (process.platform === 'linux') kinds.push(['an abstract socket', lockByAbstractSocket]);

describe.each(kinds)('a lock by %s', (_name, lock) => {
  it('names its holder in the file while it is held', async () => {
    const held = await lock(path);
    expect(parseIdentity(fs.readFileSync(path, 'utf8'))).toEqual(ownIdentity());
    await expect(lock(path)).rejects.toMatchObject({
      code: 'ELOCKED',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    await held.release();
    expect(fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : '').toBe('');
  });

  it('is taken over from a process that is gone', async () => {
    const own = ownIdentity();
    const gone = [
      { ...own, pid: 4_194_305 },
      { ...own, startTime: '1' },
      { ...own, bootId: '00000000-0000-0000-0000-000000000000' },
    ];
    for (const identity of gone) {
      fs.writeFileSync(path, formatIdentity(identity));
      await (await lock(path)).release();
    }
    expect(fs.readdirSync(dir).filter((name) => name !== 'LOCK')).toEqual([]);
  });

  it('is refused while the process that the file names lives', async () => {
    fs.writeFileSync(path, formatIdentity(parentIdentity()));
    await expect(lock(path)).rejects.toMatchObject({
      code: 'ELOCKED',
      message: expect.stringContaining(`process ${process.ppid}`),
    });
    expect(parseIdentity(fs.readFileSync(path, 'utf8'))).toEqual(parentIdentity());
  });

  it('is given to one of many that ask at once', async () => {
    const answers = await Promise.allSettled(Array.from({ length: 8 }, () => lock(path)));
    const held = answers.filter((answer) => answer.status === 'fulfilled');
    expect(held).toHaveLength(1);
    for (const { value } of held) await value.release();
  });

  it('can be released though its file was removed, and leaves a newer file alone', async () => {
    const held = await lock(path);
    fs.rmSync(path);
    fs.writeFileSync(path, 'newer');
    await held.release();
    expect(fs.readFileSync(path, 'utf8')).toBe('newer');
    fs.rmSync(path);
    await (await lock(path)).release();
  });

  it('hands on what the system says', async () => {
    await expect(lock(`${dir}/no/LOCK`)).rejects.toMatchObject({ code: 'ENOENT' });
    fs.mkdirSync(path);
    await expect(lock(path)).rejects.toMatchObject({ code: expect.stringMatching(/./) });
  });
});

it('a lock by an exclusive file does not touch a file that names no process', async () => {
  fs.writeFileSync(path, 'something else');
  await expect(lockByExclusiveFile(path)).rejects.toMatchObject({ code: 'ELOCKED' });
  expect(fs.readFileSync(path, 'utf8')).toBe('something else');
});
