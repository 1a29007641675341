import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DougClient } from '@dougdb/client';
import { DevCluster, DOUG_NODE, FIRST_DATA_PARTITION, until } from '../src/index.js';

const run = promisify(execFile);
const ROOT = join(__dirname, '../../..');

jest.setTimeout(300_000);

/** The path of a new user: the blocks of the README in their order, run as they stand but for ports and folders. */
describe('README.md', () => {
  const dir = mkdtempSync(join(tmpdir(), 'doug-readme-'));
  const blocks = readFileSync(join(ROOT, 'README.md'), 'utf8')
    .split(/^```.*$/m)
    .filter((_, n) => n % 2 === 1)
    .map((block) => block.trim().split('\n'));
  const [begin = [], commands = [], failover = [], packing = [], program = []] = blocks;
  let cluster: DevCluster;

  beforeAll(async () => {
    cluster = await DevCluster.start(DOUG_NODE, ['--nodes', '5', '--dir', join(dir, 'dev')]);
  });

  afterAll(async () => {
    await cluster.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('begins with commands that this very test run is made of', () => {
    expect(blocks).toHaveLength(5);
    expect(begin.map((line) => line.replace(/\s*#.*/, ''))).toEqual([
      'git clone <this repository> && cd dougdb',
      'npm start',
      'npm start -- --once',
      'npm test',
    ]);
  });

  it('writes, reads, scans and asks for the state', async () => {
    const [, get, scan, status] = await runAll(commands, cluster.endpoints);
    expect(get).toBe('Ada\n');
    expect(scan).toMatch(/user\/1\s.*\sAda$/m);
    expect(status).toContain(cluster.members[4]?.address);
  });

  it('reads on through the facade when the leader is killed', async () => {
    const client = await DougClient.connect(cluster.endpoints, { timeoutMs: 60_000 });
    const partitions = await client.admin.partitions();
    const { leaderNodeId = 0 } =
      partitions.find(({ partitionId }) => partitionId === FIRST_DATA_PARTITION) ?? {};
    const leader = (await client.admin.members()).find(({ nodeId }) => nodeId === leaderNodeId);
    const victim = cluster.members.find(({ address }) => address === leader?.address);
    const lines = failover.map((line) =>
      line.replace('PID', `${victim?.pid}`).replace('127.0.0.1:4300', cluster.facade.address),
    );
    const [listed, , read] = await runAll(lines, cluster.endpoints);
    expect(listed).toMatch(new RegExp(`^\\s*${FIRST_DATA_PARTITION}\\s`, 'm'));
    expect(read).toBe('Ada\n');
    await until('the process is gone', async () => !isAlive(victim?.pid as number));
    await client.close();
  });

  it('is used from an empty project', async () => {
    expect(packing).toEqual([
      'npm run pack',
      'mkdir ../hello && cd ../hello && npm init -y',
      'npm install ../dougdb/.pack/*.tgz',
    ]);
    // As in the README, with the clone beside the new project.
    symlinkSync(ROOT, join(dir, 'dougdb'));
    const hello = join(dir, 'hello');
    await shell(`npm run -s pack -- ${dir}/dougdb-pack`, ROOT);
    mkdirSync(hello);
    await shell('npm init -y', hello);
    await shell('npm install --no-audit --no-fund ../dougdb-pack/*.tgz', hello);
    const source = program
      .join('\n')
      .replace('127.0.0.1:4300', cluster.facade.address)
      .replace('127.0.0.1:4400,127.0.0.1:4401', cluster.endpoints);
    writeFileSync(join(hello, 'hello.mjs'), source);
    expect(await shell('node hello.mjs', hello)).toBe(
      'user/1 Ada\nuser/2 Grace Hopper\ntrue\ntrue account/a=70 account/b=30 account/a=60 account/b=40\n',
    );
  });
});

/** Runs lines one after the other in the project; answers what each has printed. */
async function runAll(lines: readonly string[], endpoints: string): Promise<string[]> {
  const printed: string[] = [];
  for (const line of lines) printed.push(await shell(line, ROOT, { DOUG_ENDPOINTS: endpoints }));
  return printed;
}

/** @throws if it does not exit with 0 */
async function shell(line: string, cwd: string, env: Record<string, string> = {}): Promise<string> {
  const { stdout } = await run('sh', ['-c', line], {
    cwd,
    env: { ...process.env, npm_config_loglevel: 'error', ...env },
  });
  return stdout;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== 'ESRCH') throw error;
    return false;
  }
}
