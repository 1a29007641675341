import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DougClient } from '@dougdb/client';

/** Partition 1 is the cluster's own. */
export const FIRST_DATA_PARTITION = 2;

/** A member process: started, killed and started again on the same directory and port. */
export interface ProcessMember {
  readonly name: string;
  readonly address: string;
  readonly dataDir: string;
  readonly logFile: string;
  child: ChildProcess | null;
}

/** Members as processes of this machine, on loopback, each on a directory of its own. */
export class ProcessCluster {
  readonly members: readonly ProcessMember[];
  readonly #bin: string;

  private constructor(bin: string, members: readonly ProcessMember[]) {
    this.#bin = bin;
    this.members = members;
  }

  /** Starts them; `until ready` is the client's business. */
  static async start(bin: string, dir: string, count: number): Promise<ProcessCluster> {
    const ports = await freePorts(count);
    const members = ports.map((port, n) => ({
      name: `n${n + 1}`,
      address: `127.0.0.1:${port}`,
      dataDir: join(dir, `n${n + 1}`),
      logFile: join(dir, `n${n + 1}.log`),
      child: null,
    }));
    const cluster = new ProcessCluster(bin, members);
    for (const member of members) cluster.startMember(member);
    return cluster;
  }

  get endpoints(): string {
    return this.members.map((member) => member.address).join(',');
  }

  startMember(member: ProcessMember): void {
    const log = openSync(member.logFile, 'a', 0o600);
    const args = [
      ...[this.#bin, 'start', '--name', member.name, '--data-dir', member.dataDir],
      ...['--listen', member.address, '--admin', '127.0.0.1:0', '--join', this.endpoints],
    ];
    member.child = spawn(process.execPath, args, { stdio: ['ignore', log, log] });
    closeSync(log);
  }

  /** Ends a member with a signal and waits for its end. Answers the exit code. */
  async end(member: ProcessMember, signal: NodeJS.Signals): Promise<number | null> {
    const child = member.child;
    if (child === null) return null;
    member.child = null;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const exited = once(child, 'exit');
    child.kill(signal);
    const [code] = (await exited) as [number | null];
    return code;
  }

  signal(member: ProcessMember, signal: NodeJS.Signals): void {
    member.child?.kill(signal);
  }

  /** Everything the member logged so far. */
  log(member: ProcessMember): string {
    return readFileSync(member.logFile, 'utf8');
  }

  /**
   * The member that leads a partition in the newest term.
   * @param partitionId - default: the first one of the users' data
   * @throws an error if there is none for 30 s
   */
  async leader(client: DougClient, partitionId = FIRST_DATA_PARTITION): Promise<ProcessMember> {
    const until = performance.now() + 30_000;
    while (performance.now() < until) {
      let best: { term: number; member: ProcessMember } | null = null;
      for (const member of this.members) {
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

  async stop(): Promise<void> {
    await Promise.all(
      this.members.map(async (member) => {
        this.signal(member, 'SIGCONT');
        await this.end(member, 'SIGTERM');
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

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  for (const server of servers) server.close();
  return ports;
}
