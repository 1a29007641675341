import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { createInterface } from 'node:readline';
import { DougProcess, type Ended } from './doug-process.js';
import { formatResult, parseGolden } from './golden-case.js';

// The command as a process on real members; needs the build, which `npm test` makes first.

interface Member {
  readonly name: string;
  readonly address: string;
  readonly pid: number;
}

/** A line of `doug partition list -o json`. */
interface PartitionRow {
  readonly partition_id: number;
  readonly leader_node_id: number;
  readonly voters: readonly number[];
  readonly learners: readonly number[];
}

/** A line of `doug status -o json`. */
interface NodeRow {
  readonly node_id: number;
  readonly replicas: readonly { readonly partition_id: number; readonly role: string }[];
}

interface Bytes {
  /** Standard output. */
  readonly bytes: Buffer;
}

const node = join(__dirname, '../../node/bin/doug-node.mjs');
const facade = join(__dirname, '../../facade/bin/doug-facade.mjs');
const golden = join(__dirname, 'members.golden.txt');
// DOUG_GOLDEN=write puts what is printed now into the file: look at the difference.
const isWriting = process.env.DOUG_GOLDEN === 'write';

jest.setTimeout(60_000);

describe('doug on three members and three partitions', () => {
  const dir = mkdtempSync(join(tmpdir(), 'doug-cli-'));
  let dev: ChildProcessWithoutNullStreams;
  let members: Member[];
  let endpoints: string;

  beforeAll(async () => {
    const args = [
      ...['dev', '--nodes', '3', '--dir', dir, '--split-at', 'm', '--port-base', '0', '--json'],
    ];
    dev = spawn(execPath, [node, ...args]);
    members = (JSON.parse(await firstLine(dev)) as { members: Member[] }).members;
    endpoints = members.map(({ address }) => address).join(',');
  });

  afterAll(async () => {
    await stop(dev);
    rmSync(dir, { recursive: true, force: true });
  });

  afterEach(() => DougProcess.killAll());

  async function doug(args: readonly string[], stdin?: Buffer): Promise<Ended & Bytes> {
    // A machine with much to do must not decide what is printed.
    const patient = [...args, '--timeout', '30s'];
    const env = { DOUG_ENDPOINTS: endpoints, NO_COLOR: '1' };
    const running = new DougProcess(patient, { env });
    running.child.stdin.end(stdin ?? '');
    return { ...(await running.ended), bytes: running.stdout };
  }

  /** What differs from run to run, replaced. */
  function steady(text: string): string {
    let told = text;
    for (const [n, { address }] of members.entries()) {
      told = told.replaceAll(address, `n${n + 1}:4400`);
    }
    return told
      .replace(
        /in [\d.]+ s \([\d,]+\/s\), longest gap [\d,]+ ms/g,
        'in S s (R/s), longest gap G ms',
      )
      .replace(/\b[0-9a-f]{32}\b/g, 'UUID');
  }

  it('prints what the golden file says, byte for byte', async () => {
    const told: string[] = [];
    const content = readFileSync(golden, 'utf8');
    for (const part of parseGolden(content)) {
      told.push(...part.lines);
      if (part.kind === 'text') continue;
      const { exitCode, bytes, stderr } = await doug(part.case.args, part.case.settings.stdin);
      const stdout = Buffer.from(steady(bytes.toString('latin1')), 'latin1');
      const result = { exitCode: exitCode ?? -1, stdout, stderr: Buffer.from(steady(stderr)) };
      told.push(formatResult(result));
    }
    if (isWriting) writeFileSync(golden, told.join('\n'));
    else expect(told.join('\n')).toBe(content);
  });

  it('shows one leader of each partition, the same to all', async () => {
    const found = await until('every partition has one leader', async () => {
      const [listed, asked] = await Promise.all([
        doug(['partition', 'list', '-o', 'json']),
        doug(['status', '-o', 'json']),
      ]);
      const partitions = objects<PartitionRow>(listed.stdout);
      const nodes = objects<NodeRow>(asked.stdout);
      const leaders = partitions.map(({ partition_id }) =>
        nodes.filter(({ replicas }) =>
          replicas.some(
            (replica) => replica.partition_id === partition_id && replica.role === 'leader',
          ),
        ),
      );
      const agree = partitions.every(
        ({ leader_node_id }, n) =>
          leaders[n]?.length === 1 && leaders[n][0]?.node_id === leader_node_id,
      );
      return agree ? { partitions, nodes } : null;
    });
    expect(found.nodes.map(({ node_id }) => node_id)).toEqual([1, 2, 3]);
    for (const { voters, learners } of found.partitions) {
      expect({ voters, learners }).toEqual({ voters: [1, 2, 3], learners: [] });
    }
  });

  it('moves the leadership where it is told', async () => {
    for (const to of ['2', '3', '1']) {
      const moved = await until(`node ${to} leads`, async () => {
        const ran = await doug(['partition', 'transfer-leader', '2', '--to', to]);
        return ran.exitCode === 0 ? ran : null;
      });
      expect(moved.stdout).toMatch(new RegExp(`^partition 2: node ${to} leads in term \\d+\\n$`));
      expect(moved.stderr).toBe('');
    }
    expect((await doug(['get', 'user/1'])).stdout).toBe('Eve\n');
  });

  it('does the same through a facade, beside one that is down', async () => {
    const before = await doug(['export']);
    const args = ['--nodes', endpoints, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
    const child = spawn(execPath, [facade, ...args]);
    try {
      const address = / grpc=(\S+)/.exec(await firstLine(child))?.[1] ?? '';
      endpoints = `127.0.0.1:1,${address}`;
      expect((await doug(['export'])).stdout).toBe(before.stdout);
      expect((await doug(['put', 'user/1', 'Kim', '--if-absent'])).exitCode).toBe(4);
      expect((await doug(['put', 'z', 'last'])).stdout).toMatch(/^put: revision \d+\n$/);
      expect((await doug(['get', 'z'])).stdout).toBe('last\n');
      expect((await doug(['del', 'z', '--existed', '-o', 'raw'])).stdout).toBe('true\n');
      expect((await doug(['partition', 'list', '-o', 'raw'])).stdout).toBe('1\n2\n3\n');
      await until('node 2 leads', async () => {
        const ran = await doug(['partition', 'transfer-leader', '3', '--to', '2', '-o', 'raw']);
        return ran.stdout === '2\n' ? ran : null;
      });
      const rows = (await doug(['status'])).stdout.trimEnd().split('\n').slice(1);
      const shown = new Set(rows.map((row) => steady(row).replace(/ +/g, ' ').trim()));
      for (const node of [1, 2, 3]) {
        const own = [...shown].filter((row) => row.startsWith(`${node} n${node}:4400 `));
        expect(own).toHaveLength(3);
      }
      expect(shown).toContain('- 127.0.0.1:1 - - - unreachable - - - -');
      expect(shown).toContain(`- ${address} - - - facade - - - -`);
      expect(rows).toHaveLength(11);
    } finally {
      endpoints = members.map((member) => member.address).join(',');
      await stop(child);
    }
  });

  it('tells of a member that is down, works on, and does not make it lead', async () => {
    const down = members[2] as Member;
    process.kill(down.pid, 'SIGKILL');
    expect((await doug(['put', 'user/4', 'Kim'])).exitCode).toBe(0);
    const { exitCode, stdout } = await doug(['status', '-o', 'raw']);
    expect(exitCode).toBe(0);
    expect(steady(stdout)).toBe('n1:4400 OK\nn2:4400 OK\nn3:4400 DOUG_NO_LEADER\n');
    const refused = await doug(['partition', 'transfer-leader', '2', '--to', '3', '-o', 'json']);
    expect(refused.stdout).toBe('');
    // The leader says that it was not taken over, unless it is slow to say so.
    const { code } = JSON.parse(refused.stderr) as { code: string };
    expect({ DOUG_DEADLINE: 7, DOUG_IN_DOUBT: 5 }[code]).toBe(refused.exitCode);
    expect((await doug(['get', 'user/4'])).stdout).toBe('Kim\n');
  });
});

function objects<Row>(text: string): Row[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
}

/** What a process prints first, on standard output. @throws when it ends before */
async function firstLine(child: ChildProcessWithoutNullStreams): Promise<string> {
  let told = '';
  child.stderr.on('data', (chunk: Buffer) => {
    told += chunk.toString();
  });
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(() => [null]),
  ]);
  if (line === null) throw new Error(`it has ended: ${told}`);
  return String(line);
}

async function stop(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** Asks again until it holds. */
async function until<T>(what: string, ask: () => Promise<T | null>): Promise<T> {
  const endMs = performance.now() + 30_000;
  while (performance.now() < endMs) {
    const answer = await ask();
    if (answer !== null) return answer;
  }
  throw new Error(`not within 30 s: ${what}`);
}
