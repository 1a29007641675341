import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DougClient } from '@dougdb/client';
import { endProgram, freePorts, logOf, type Program, startProgram } from './program.js';

/** Partition 1 is the cluster's own. */
export const FIRST_DATA_PARTITION = 2;

/** A member process, on a directory of its own. */
export interface ProcessMember extends Program {
  readonly dataDir: string;
}

export interface ProcessClusterOptions {
  /** Keys at which the cluster is cut into partitions; none of them has a comma. */
  readonly splitAt?: readonly string[];
  /** For all of its processes. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Members and facades as processes of this machine, on loopback. */
export class ProcessCluster {
  readonly members: readonly ProcessMember[];
  readonly facades: Program[] = [];
  readonly #dir: string;

  private constructor(dir: string, members: readonly ProcessMember[]) {
    this.#dir = dir;
    this.members = members;
  }

  /** Starts the members; `until ready` is the client's business. */
  static async start(
    bin: string,
    dir: string,
    count: number,
    options: ProcessClusterOptions = {},
  ): Promise<ProcessCluster> {
    const { splitAt = [], env = {} } = options;
    const ports = await freePorts(2 * count);
    const addresses = ports.slice(0, count).map((port) => `127.0.0.1:${port}`);
    const members = addresses.map((address, n): ProcessMember => {
      const name = `n${n + 1}`;
      const dataDir = join(dir, name);
      const admin = `127.0.0.1:${ports[count + n]}`;
      const args = [
        ...[bin, 'start', '--name', name, '--data-dir', dataDir, '--listen', address],
        ...['--admin', admin, '--join', addresses.join(',')],
        ...(splitAt.length > 0 ? ['--split-at', splitAt.join(',')] : []),
      ];
      return { name, address, admin, dataDir, logFile: `${dataDir}.log`, args, env, child: null };
    });
    const cluster = new ProcessCluster(dir, members);
    for (const member of members) startProgram(member);
    return cluster;
  }

  /** Addresses of the members. */
  get endpoints(): string {
    return this.members.map((member) => member.address).join(',');
  }

  /** Starts a facade before these members. */
  async startFacade(
    bin: string,
    env: Readonly<Record<string, string>> = {},
    nodes: string = this.endpoints,
  ): Promise<Program> {
    const [port, adminPort] = await freePorts(2);
    const name = `f${this.facades.length + 1}`;
    const address = `127.0.0.1:${port}`;
    const admin = `127.0.0.1:${adminPort}`;
    const args = [bin, '--name', name, '--nodes', nodes, '--listen', address, '--admin', admin];
    const logFile = join(this.#dir, `${name}.log`);
    const facade = { name, address, admin, logFile, args, env, child: null };
    this.facades.push(facade);
    startProgram(facade);
    return facade;
  }

  /** Starts a process again that was ended. */
  restart(program: Program): void {
    startProgram(program);
  }

  /** Ends a process with a signal and waits for its end. Answers the exit code. */
  end(program: Program, signal: NodeJS.Signals): Promise<number | null> {
    return endProgram(program, signal);
  }

  signal(program: Program, signal: NodeJS.Signals): void {
    program.child?.kill(signal);
  }

  /** Everything a process logged so far. */
  log(program: Program): string {
    return logOf(program);
  }

  /**
   * The member that leads a partition in the newest term.
   * @param partitionId - default: the first one of the users' data
   * @param among - who is asked; default: all
   * @throws an error if there is none for 30 s
   */
  async leader(
    client: DougClient,
    partitionId = FIRST_DATA_PARTITION,
    among = this.members,
  ): Promise<ProcessMember> {
    const until = performance.now() + 30_000;
    while (performance.now() < until) {
      let best: { term: number; member: ProcessMember } | null = null;
      for (const member of among) {
        const replica = await this.#replicaOf(client, member, partitionId);
        if (replica?.role === 'leader' && replica.term > (best?.term ?? 0)) {
          best = { term: replica.term, member };
        }
      }
      if (best !== null) return best.member;
      await sleep(20);
    }
    throw new Error('no leader for 30 s');
  }

  /** Stops the process that leads a partition until another one leads it, and lets it go on. */
  async standStill(client: DougClient, partitionId = FIRST_DATA_PARTITION): Promise<void> {
    const stopped = await this.leader(client, partitionId);
    this.signal(stopped, 'SIGSTOP');
    try {
      const others = this.members.filter((member) => member !== stopped);
      await this.leader(client, partitionId, others);
    } finally {
      this.signal(stopped, 'SIGCONT');
    }
  }

  async stop(): Promise<void> {
    await Promise.all(
      [...this.facades, ...this.members].map(async (program) => {
        this.signal(program, 'SIGCONT');
        await this.end(program, 'SIGTERM');
      }),
    );
  }

  async #replicaOf(client: DougClient, member: ProcessMember, partitionId: number) {
    try {
      const status = await client.admin.status(member.address, { timeoutMs: 500 });
      return status.replicas.find((replica) => replica.partitionId === partitionId);
    } catch (error) {
      if (typeof (error as { code?: unknown }).code !== 'string') throw error;
      // A member that is down says nothing.
      return undefined;
    }
  }
}
