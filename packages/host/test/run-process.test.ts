import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

// Starting a process takes seconds on a busy machine.
jest.setTimeout(30_000);

const PROGRAM = join(__dirname, 'fixtures/program.mjs');

interface Run {
  readonly child: ChildProcess;
  /** Resolves when the line was said; rejects when the process ends before. */
  said(line: string): Promise<void>;
  readonly ended: Promise<{ code: number | null; stderr: string }>;
}

const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

function run(told: readonly string[], stdio: 'ipc' | 'plain' = 'plain'): Run {
  const child = spawn(process.execPath, [PROGRAM, ...told], {
    stdio: ['ignore', 'pipe', 'pipe', ...(stdio === 'ipc' ? ['ipc' as const] : [])],
  });
  children.add(child);
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const lines = new Set<string>();
  const heard = new Set<() => void>();
  createInterface({ input: child.stdout as Readable }).on('line', (line) => {
    lines.add(line);
    for (const listener of heard) listener();
  });
  // Not 'close': that does not come after a disconnect by the parent.
  const ended = Promise.all([once(child, 'exit'), once(child.stderr as Readable, 'end')]).then(
    ([exit]) => {
      children.delete(child);
      return { code: exit[0] as number | null, stderr };
    },
  );
  return {
    child,
    ended,
    said: (line) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (lines.has(line)) resolve();
        };
        heard.add(look);
        look();
        void ended.then(() => reject(new Error(`ended before it said ${line}: ${stderr}`)));
      }),
  };
}

describe('runProcess', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('stops on %s with exit code 0', async (signal) => {
    const { child, said, ended } = run([]);
    await said('ready');
    child.kill(signal);
    const { code, stderr } = await ended;
    expect(code).toBe(0);
    expect(stderr).toContain('"event":"process.stop"');
  });

  it('stops before it was ready as well', async () => {
    const { child, said, ended } = run(['unready']);
    await said('started');
    child.kill('SIGTERM');
    expect((await ended).code).toBe(0);
  });

  it('ends at once at the second signal', async () => {
    const { child, said, ended } = run(['slow-stop']);
    await said('ready');
    child.kill('SIGTERM');
    child.stderr?.once('data', () => child.kill('SIGTERM'));
    expect((await ended).code).toBe(1);
  });

  it('stops when its parent is gone', async () => {
    const { child, said, ended } = run([], 'ipc');
    await said('ready');
    child.disconnect();
    const { code, stderr } = await ended;
    expect([code, stderr]).toEqual([0, expect.stringContaining('the parent is gone')]);
  });

  it.each([
    ['usage', 2, 'program: bad flag'],
    ['refused', 3, 'bad data'],
    ['fatal', 4, 'bad disk'],
    ['throws', 1, 'a bug'],
  ])('ends with the exit code of what went wrong: %s', async (told, code, text) => {
    const end = await run([told]).ended;
    expect([end.code, end.stderr]).toEqual([code, expect.stringContaining(text)]);
  });

  it('says when it could not stop', async () => {
    const { child, said, ended } = run(['bad-stop']);
    await said('ready');
    child.kill('SIGTERM');
    const { code, stderr } = await ended;
    expect([code, stderr]).toEqual([1, expect.stringContaining('cannot stop')]);
  });
});
