import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DougClient, NodeStatus } from '@dougdb/client';

/** A member, as the ready line of `doug-node dev` tells of it. */
export interface DevMember {
  readonly name: string;
  readonly address: string;
  readonly pid: number;
}

interface ReadyLine {
  readonly members: readonly DevMember[];
  readonly facade: DevMember;
}

const DEADLINE_MS = 60_000;

/** `doug-node dev` as a user runs it: members as processes on loopback, on ports that are free. */
export class DevCluster {
  readonly members: readonly DevMember[];
  readonly facade: DevMember;
  readonly #dev: ChildProcess;

  private constructor(dev: ChildProcess, { members, facade }: ReadyLine) {
    this.#dev = dev;
    this.members = members;
    this.facade = facade;
  }

  /** Resolves when all of it is ready. @param args - beside --port-base and --json */
  static async start(bin: string, args: readonly string[]): Promise<DevCluster> {
    const dev = spawn(process.execPath, [bin, 'dev', '--port-base', '0', '--json', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, DOUG_LOG_LEVEL: 'warn' },
    });
    const lines = createInterface({ input: dev.stdout });
    const ended = once(dev, 'exit').then(([code]) => {
      throw new Error(`doug-node dev ended with ${String(code)} before it was ready`);
    });
    const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string];
    // From now on an end is no surprise.
    ended.catch(() => undefined);
    return new DevCluster(dev, JSON.parse(line) as ReadyLine);
  }

  get endpoints(): string {
    return this.members.map(({ address }) => address).join(',');
  }

  /**
   * Stops the process that leads the last partition until another one leads in a newer term, and lets it
   * go on.
   * @param client - asks who leads
   */
  async standStill(client: DougClient): Promise<void> {
    const { member, term } = await this.#leader(client, 0);
    process.kill(member.pid, 'SIGSTOP');
    try {
      await this.#leader(client, term);
    } finally {
      process.kill(member.pid, 'SIGCONT');
    }
  }

  async stop(): Promise<void> {
    const ended = once(this.#dev, 'exit');
    this.#dev.kill('SIGTERM');
    await ended;
  }

  /** Who leads the last partition in a term above this one. */
  async #leader(
    client: DougClient,
    above: number,
  ): Promise<{ readonly member: DevMember; readonly term: number }> {
    const until = performance.now() + DEADLINE_MS;
    while (performance.now() < until) {
      for (const member of this.members) {
        const status = await statusOf(client, member);
        const replicas = [...(status?.replicas ?? [])];
        const replica = replicas.sort((a, b) => a.partitionId - b.partitionId).at(-1);
        if (replica?.role === 'leader' && replica.term > above) {
          return { member, term: replica.term };
        }
      }
      await sleep(20);
    }
    throw new Error(`nobody leads for ${DEADLINE_MS} ms`);
  }
}

/** Undefined: the member says nothing at the moment. */
async function statusOf(client: DougClient, member: DevMember): Promise<NodeStatus | undefined> {
  try {
    return await client.admin.status(member.address, { timeoutMs: 300 });
  } catch (error) {
    if (typeof (error as { code?: unknown }).code !== 'string') throw error;
    return undefined;
  }
}
