import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

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

  async stop(): Promise<void> {
    const ended = once(this.#dev, 'exit');
    this.#dev.kill('SIGTERM');
    await ended;
  }
}
