import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

// The command as a process; needs the build (`npm run build`), which `npm test` makes first.
const bin = join(__dirname, '../bin/doug.mjs');
const isBuilt = existsSync(join(__dirname, '../dist/main.js'));

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(
  args: readonly string[],
  stdin: string | null = '',
): Promise<Ended> & { pid: number } {
  const child = spawn(process.execPath, [bin, ...args], { env: { ...process.env, NO_COLOR: '1' } });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  if (stdin !== null) child.stdin.end(stdin);
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (exitCode) => {
      const text = (parts: Buffer[]): string => Buffer.concat(parts).toString();
      resolve({ exitCode, stdout: text(out), stderr: text(err) });
    });
  });
  return Object.assign(ended, { pid: child.pid as number });
}

describe('bin/doug.mjs', () => {
  it('is built', () => {
    expect(isBuilt).toBe(true);
  });

  it('prints help, and an error with its exit code', async () => {
    expect(await start(['--help'])).toMatchObject({ exitCode: 0, stderr: '' });
    const ran = await start(['get', 'k', '--endpoint', '127.0.0.1:1', '--timeout', '100ms']);
    expect(ran).toMatchObject({ exitCode: 7, stdout: '' });
    expect(ran.stderr).toMatch(
      /^doug: no cluster at 127\.0\.0\.1:1 within 100 ms.*\[DOUG_DEADLINE\]\n$/,
    );
  });

  it('ends with 130 when it is interrupted while it tries to connect', async () => {
    const running = start(['get', 'k', '--endpoint', '127.0.0.1:1', '--timeout', '60s']);
    // It listens to the signal long before it can connect; until then the signal ends it too.
    const timer = setInterval(() => process.kill(running.pid, 'SIGINT'), 300);
    const ran = await running;
    clearInterval(timer);
    expect([130, null]).toContain(ran.exitCode);
  });
});
