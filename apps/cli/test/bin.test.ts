import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DougProcess, dougBin } from './doug-process.js';
import { GrpcFront } from './grpc-front.js';

// The command as a process.

it('is built', () => {
  expect(existsSync(join(__dirname, '../dist/main.js'))).toBe(true);
});

afterEach(() => DougProcess.killAll());

describe('bin/doug.mjs', () => {
  it('prints help, and an error with what to do and its exit code', async () => {
    const [help, refused] = await Promise.all([
      DougProcess.run(['--help']),
      DougProcess.run(['get', 'k', '--endpoint', '127.0.0.1:1', '--timeout', '2s']),
    ]);
    expect(help).toMatchObject({ exitCode: 0, stderr: '' });
    expect(refused).toEqual({
      exitCode: 7,
      stdout: '',
      stderr:
        'doug: no cluster at 127.0.0.1:1 within 2000 ms: connection refused [DOUG_DEADLINE]\n' +
        "hint: is a node running there? 'npx doug-node' starts one; --endpoint or DOUG_ENDPOINTS names others\n",
    });
  });

  const hasFullDisk = existsSync('/dev/full');
  it(hasFullDisk ? 'tells a full disk' : 'SKIPPED: there is no /dev/full', async () => {
    if (!hasFullDisk) return;
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [dougBin, '--help'], { stdio: ['ignore', full, 'pipe'] });
    closeSync(full);
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const [exitCode] = await once(child, 'close');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^doug: cannot write the output: ENOSPC.*\n$/);
  });
});

describe('loading', () => {
  const probe = join(__dirname, 'loaded-modules.cjs');

  /** Names of packages that were loaded when the process ended, and whether HTTP/2 was. */
  async function loaded(...args: string[]): Promise<{ packages: string[]; http2: boolean }> {
    const { stderr } = await DougProcess.run(args, { node: ['--require', probe] });
    return JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '');
  }

  it.each([[['--help']], [['--version']], [['get', '--help']], [['partition', 'list', '--help']]])(
    '%j needs neither gRPC nor the client',
    async (args) => {
      expect(await loaded(...args)).toEqual({ packages: ['commander'], http2: false });
    },
  );

  it.each([
    [['scan'], ['cli-table3']],
    [['scan', '-o', 'json'], []],
    [['status', '-o', 'json'], []],
    [['import', '-'], []],
  ])('%j loads %j of what shows tables and progress', async (args, expected) => {
    const front = await GrpcFront.start();
    try {
      const { packages } = await loaded(...args, '--endpoint', front.address);
      expect(packages.filter((name) => name.startsWith('cli-'))).toEqual(expected);
    } finally {
      front.close();
    }
  });

  it('of a command that connects needs them: the test above can fail', async () => {
    const args = ['get', 'k', '--endpoint', '127.0.0.1:1', '--timeout', '50ms'];
    const { packages, http2 } = await loaded(...args);
    expect(packages).toContain('@grpc/grpc-js');
    expect(http2).toBe(true);
  });
});

describe('Ctrl-C', () => {
  let front: GrpcFront;

  beforeAll(async () => {
    front = await GrpcFront.start();
  });

  afterAll(() => front.close());

  async function arrived(count: number): Promise<void> {
    while (front.cluster.arrived < count) await nextTurn();
  }

  it('ends it with 130 while it connects', async () => {
    const mute: Server = createServer().listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as { port: number };
    const doug = new DougProcess(['get', 'k', '--endpoint', `127.0.0.1:${port}`]);
    const [socket] = await once(mute, 'connection');
    socket.on('error', () => {});
    doug.interrupt();
    expect(await doug.ended).toEqual({
      exitCode: 130,
      stdout: '',
      stderr: 'doug: interrupted [DOUG_ABORTED]\n',
    });
    socket.destroy();
    mute.close();
  });

  it('ends a put with 130 after it was sent, and says that it may have taken effect', async () => {
    front.cluster.judge = () => 'swallow';
    const before = front.cluster.arrived;
    const doug = new DougProcess(['put', 'k', 'v', '--endpoint', front.address, '-o', 'json']);
    await arrived(before + 1);
    doug.interrupt();
    expect(await doug.ended).toEqual({
      exitCode: 130,
      stdout: '',
      stderr: '{"code":"DOUG_ABORTED","outcome":"UNKNOWN","message":"interrupted"}\n',
    });
  });

  it('ends an import with 130 that waits for input, and tells how far it came', async () => {
    front.cluster.judge = () => 'serve';
    const before = front.cluster.applied.length;
    const doug = new DougProcess(['import', '-', '--endpoint', front.address]);
    const lines = Array.from({ length: 700 }, (_, i) => `{"key":"k${i}","value":"v"}\n`);
    doug.child.stdin.write(lines.join(''));
    while (front.cluster.applied.length < before + 700) await nextTurn();
    doug.interrupt();
    const { exitCode, stdout, stderr } = await doug.ended;
    expect(exitCode).toBe(130);
    // 512 at most were not acknowledged yet.
    const told = Number(/^imported (\d+) keys in /.exec(stdout)?.[1]);
    expect(told).toBeGreaterThanOrEqual(700 - 512);
    expect(told).toBeLessThanOrEqual(700);
    expect(stderr).toMatch(/^doug: interrupted.*\[DOUG_ABORTED\]\n$/);
  });

  it('ends a scan with 130 whose reader has stopped reading', async () => {
    front.cluster.judge = () => 'serve';
    const big = 'v'.repeat(4_000);
    const lines = Array.from({ length: 600 }, (_, i) => `{"key":"s${i}","value":"${big}"}\n`);
    const load = new DougProcess(['import', '-', '--endpoint', front.address]);
    load.child.stdin.end(lines.join(''));
    expect(await load.ended).toMatchObject({ exitCode: 0, stderr: '' });
    const doug = new DougProcess(['export', '--endpoint', front.address]);
    await once(doug.child.stdout, 'data');
    doug.child.stdout.pause();
    doug.interrupt();
    const [exitCode] = await once(doug.child, 'exit');
    expect(exitCode).toBe(130);
    doug.child.stdout.resume();
    const { stdout, stderr } = await doug.ended;
    expect(stderr).toBe('doug: interrupted [DOUG_ABORTED]\n');
    expect(stdout.split('"key":"s').length).toBeLessThan(600);
  });

  it.each([['scan'], ['export']])('%s ends quietly when its reader goes', async (command) => {
    const doug = new DougProcess([command, '--endpoint', front.address]);
    await once(doug.child.stdout, 'data');
    doug.child.stdout.destroy();
    const { exitCode, stderr } = await doug.ended;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });
});
