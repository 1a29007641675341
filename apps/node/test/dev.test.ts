import { join } from 'node:path';
import { errorOf, type Program, RawClient } from '@dougdb/host/testing';
import { killLeftovers, removeTempDirs, runNode, tempDir, until } from './node-process.js';

interface DevMember {
  readonly name: string;
  readonly address: string;
  readonly admin: string;
  readonly pid: number;
}

const spawnedPids = new Set<number>();

afterAll(async () => {
  await killLeftovers();
  // Members of a dev that did not end well; each was named by its ready line.
  for (const pid of spawnedPids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  removeTempDirs();
});

interface Dev {
  readonly dev: Program;
  readonly members: DevMember[];
  readonly facade: DevMember;
}

async function startDev(dir: string): Promise<Dev> {
  const dev = runNode(['dev', '--dir', dir, '--port-base', '0', '--json'], {
    DOUG_LOG_LEVEL: 'warn',
  });
  const { members, facade } = JSON.parse(await dev.ready()) as Omit<Dev, 'dev'>;
  for (const { pid } of [facade, ...members]) spawnedPids.add(pid);
  return { dev, members, facade };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function findLeader(members: readonly DevMember[]): Promise<DevMember> {
  return until('a leader', async () => {
    for (const member of members) {
      const client = new RawClient(member.address);
      const leads = await client.isLeader().catch(() => false);
      client.close();
      if (leads) return member;
    }
    return null;
  });
}

/** Asks the leader, whoever that is by now. */
async function withLeader<T>(
  members: readonly DevMember[],
  ask: (client: RawClient) => Promise<T>,
): Promise<T> {
  return until('an answer of the leader', async () => {
    const client = new RawClient((await findLeader(members)).address);
    try {
      return await ask(client);
    } finally {
      client.close();
    }
  });
}

describe('doug-node dev', () => {
  it('runs five members and a facade that survive kill -9 of their leader, and comes back with all data', async () => {
    const dir = join(tempDir(), 'dev');
    const { dev, members, facade } = await startDev(dir);
    const entry = new RawClient(facade.address);
    expect(members.map((member) => member.name)).toEqual(['n1', 'n2', 'n3', 'n4', 'n5']);
    for (const { admin } of [facade, ...members]) {
      expect((await fetch(`http://${admin}/readyz`)).status).toBe(200);
    }
    await entry.put('a', '1');

    const leader = await findLeader(members);
    const follower = members.find((member) => member !== leader) as DevMember;
    const client = new RawClient(follower.address);
    const refused = await errorOf(client.put('a', '2'));
    client.close();
    expect(refused.reason).toBe('NOT_LEADER');
    const { leaderNodeId, nodes = [] } = refused.route ?? {};
    expect(nodes.find((node) => node.nodeId === leaderNodeId)?.address).toBe(leader.address);

    process.kill(leader.pid, 'SIGKILL');
    const others = members.filter((member) => member !== leader);
    // Through the facade as if nothing had happened.
    expect(await entry.get('a')).toBe('1');
    await entry.put('b', '2');
    entry.close();
    expect(await withLeader(others, (c) => c.get('a').then((v) => v ?? null))).toBe('1');
    await until('dev to tell', async () => (dev.stderr.includes('SIGKILL') ? true : null));
    expect(dev.stderr).toContain(`${leader.name} (pid ${leader.pid}) ended: SIGKILL`);
    expect(dev.stderr).toContain('doug-node start');

    expect(await dev.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    expect([facade, ...members].filter(({ pid }) => isAlive(pid))).toEqual([]);

    const again = await startDev(dir);
    expect(again.members.map((m) => m.address)).toEqual(members.map((m) => m.address));
    expect(again.facade.address).toBe(facade.address);
    expect(await withLeader(again.members, (c) => c.get('b').then((v) => v ?? null))).toBe('2');
    expect(await again.dev.stop('SIGINT')).toEqual({ code: 0, signal: null });
    expect(again.members.filter(({ pid }) => isAlive(pid))).toEqual([]);
  }, 60_000);

  it('leaves no process behind when it is killed itself', async () => {
    const dev = runNode([
      'dev',
      '--nodes',
      '1',
      '--dir',
      join(tempDir(), 'd'),
      '--port-base',
      '0',
      '--json',
    ]);
    const { members, facade } = JSON.parse(await dev.ready()) as Omit<Dev, 'dev'>;
    const children = [facade, ...members];
    for (const { pid } of children) spawnedPids.add(pid);
    await dev.stop('SIGKILL');
    await until('the children to end', async () =>
      children.some(({ pid }) => isAlive(pid)) ? null : true,
    );
  }, 30_000);

  it('says what it runs in words, and what to try', async () => {
    const dir = join(tempDir(), 'words');
    const dev = runNode(['dev', '--nodes', '1', '--dir', dir, '--port-base', '0']);
    const line = await dev.ready();
    expect(line).toMatch(
      /^doug-node dev ready in .*: facade f1 \S+ \(admin \S+, pid \d+\); members n1 \S+ \(/,
    );
    const facade = /facade f1 (\S+)/.exec(line)?.[1];
    await until('the hints', async () =>
      dev.stderr.includes(`export DOUG_ENDPOINTS=${facade}`) ? true : null,
    );
    expect(await dev.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  }, 30_000);
});
