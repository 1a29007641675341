import { join } from 'node:path';
import { addressOf, DevChild } from './child-process.js';
import type { DevPlan, PlannedProcess } from './plan.js';

const MEMORY_MIB = '96';

/** A member of a dev cluster. */
export interface DevMember {
  readonly child: DevChild;
  readonly dataDir: string;
}

/** The processes of a dev cluster. */
export interface DevCluster {
  readonly members: readonly DevMember[];
  /** The entry point for clients. */
  readonly facade: DevChild;
}

/** Settings that a start of a dev cluster may change; null: not said. */
export interface DevSettings {
  readonly history: string | null;
}

/** Starts all processes of a plan. They find each other. */
export function startCluster(plan: DevPlan, dir: string, { history }: DevSettings): DevCluster {
  const { members, facade, splitAt, leaseReads } = plan;
  const addresses = members.map(addressOf).join(',');
  const split = splitAt.length === 0 ? [] : ['--split-at', splitAt.join(',')];
  const lease = leaseReads ? ['--lease-reads'] : [];
  const kept = history === null ? [] : ['--history', history];
  const shared = ['--join', addresses, '--memory', MEMORY_MIB, ...split, ...lease, ...kept];
  const startMember = (member: PlannedProcess): DevMember => {
    const dataDir = join(dir, member.name);
    const args = ['--data-dir', dataDir, ...shared];
    return { child: new DevChild('start', member, dir, args), dataDir };
  };
  return {
    members: members.map(startMember),
    facade: new DevChild('facade', facade, dir, ['--nodes', addresses]),
  };
}

/** All processes, the members first. */
export function childrenOf({ members, facade }: DevCluster): DevChild[] {
  return [...members.map(({ child }) => child), facade];
}
