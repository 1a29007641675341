import { join } from 'node:path';
import { freePorts } from '@dougdb/host/node';
import { Program, RawClient, tempDir, until } from '@dougdb/host/testing';

const NODE = join(__dirname, '../../../node/bin/doug-node.mjs');
const FACADE = join(__dirname, '../../bin/doug-facade.mjs');

interface Member {
  readonly address: string;
  readonly args: readonly string[];
  program: Program;
}

/** Members as processes, and facades in front of them. */
export class Cluster {
  readonly members: Member[];

  private constructor(members: Member[]) {
    this.members = members;
  }

  /** @param splitAt - keys at which partitions begin */
  static async start(count: number, splitAt: readonly string[] = []): Promise<Cluster> {
    const addresses = (await freePorts(count)).map((port) => `127.0.0.1:${port}`);
    const members = addresses.map((address, at) => {
      const args = [
        ...['start', '--name', `n${at + 1}`, '--data-dir', tempDir(), '--listen', address],
        ...['--admin', '127.0.0.1:0', '--memory', '32', '--log-level', 'warn'],
        ...(count > 1 ? ['--join', addresses.join(',')] : []),
        ...(splitAt.length > 0 ? ['--split-at', splitAt.join(',')] : []),
      ];
      return { address, args, program: new Program(NODE, args) };
    });
    await Promise.all(members.map(({ program }) => program.ready()));
    return new Cluster(members);
  }

  get addresses(): string[] {
    return this.members.map(({ address }) => address);
  }

  /** The member that says that it leads a partition. */
  leaderOf(partitionId: number): Promise<Member> {
    return until('a leader', async () => {
      for (const member of this.members) {
        const client = new RawClient(member.address);
        const leads = await client.isLeader(partitionId).catch(() => false);
        client.close();
        if (leads) return member;
      }
      return null;
    });
  }

  /** Kills a member as a power cut would. */
  async kill(member: Member): Promise<void> {
    await member.program.stop('SIGKILL');
  }

  async restart(member: Member): Promise<void> {
    member.program = new Program(NODE, member.args);
    await member.program.ready();
  }
}

/** Flags of a facade on free ports. */
export function facadeArgs(nodes: readonly string[], ...more: string[]): string[] {
  return [
    ...['--nodes', nodes.join(','), '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
    ...more,
  ];
}

export function startFacade(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Program {
  return new Program(FACADE, args, env);
}
