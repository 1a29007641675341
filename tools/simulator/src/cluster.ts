import type { MemberSettings } from '@dougdb/member';
import { drainLoop } from '@dougdb/ports/node';
import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { defaultReplicaSettings, type ReplicaStatus } from '@dougdb/replica';
import { type Partitioning, partitioningOf } from './partitioning.js';
import { SimMember } from './sim-member.js';
import { SimNetwork } from './sim-network.js';
import { Trace } from './trace.js';

export interface ClusterOptions {
  readonly seed: number | string;
  readonly members?: number;
  /** Of users' data; the meta group comes on top. Default 1. */
  readonly partitions?: number;
  readonly settings?: Partial<MemberSettings>;
}

/** Small enough that a short run freezes, flushes, compacts and changes segments. */
const SMALL: MemberSettings = {
  splitAt: [],
  replicationFactor: 5,
  tickMs: 10,
  replica: {
    ...defaultReplicaSettings,
    freezeLogEntries: 40,
    freezeLogBytes: 64 << 10,
    retainLogBytes: 16 << 20,
  },
  memtableBytes: 8 << 10,
  memtableBudgetBytes: 1 << 20,
  blockCacheBytes: 1 << 20,
  walSegmentBytes: 64 << 10,
};

/** Members on simulated machines under one clock, one network and one seed. */
export class SimCluster {
  readonly scheduler = new SimScheduler({ drain: drainLoop });
  readonly random: SimRandom;
  readonly network: SimNetwork;
  readonly members: readonly SimMember[];
  readonly trace: Trace;
  readonly partitioning: Partitioning;
  /** Set when the run has come to its healing: nothing is broken any more from then on. */
  healed = false;

  constructor(options: ClusterOptions) {
    this.random = new SimRandom(options.seed);
    this.partitioning = partitioningOf(options.partitions ?? 1);
    const { splitAt } = this.partitioning;
    this.trace = new Trace(() => this.scheduler.nowUs);
    this.network = new SimNetwork({
      scheduler: this.scheduler,
      random: this.random.fork('network'),
      minDelayMs: 0.1,
      meanExtraDelayMs: 0.4,
      detectCutMs: 300,
      trace: this.trace.line,
    });
    const count = options.members ?? 5;
    const addresses = Array.from({ length: count }, (_, n) => `10.0.0.${n + 1}:4400`);
    this.members = addresses.map(
      (address, n) =>
        new SimMember({
          name: `n${n + 1}`,
          address,
          join: addresses,
          scheduler: this.scheduler,
          network: this.network,
          random: this.random.fork(`n${n + 1}`),
          settings: { ...SMALL, splitAt, ...options.settings },
          trace: this.trace.line,
        }),
    );
  }

  get addresses(): string[] {
    return this.members.map((member) => member.address);
  }

  start(): void {
    for (const member of this.members) member.start();
  }

  /** Runs until the condition holds. @throws an error with the last events if it does not in time */
  async until(what: string, holds: () => boolean, withinMs: number): Promise<void> {
    const end = this.scheduler.nowMs + withinMs;
    while (!holds()) {
      if (this.scheduler.nowMs >= end) {
        throw new Error(
          `${what}: not within ${withinMs} ms of virtual time\n${this.describe()}\n${this.trace.lastLines.slice(-30).join('\n')}`,
        );
      }
      await this.scheduler.advance(1);
    }
  }

  /** The member whose replica leads the partition, as the newest term says. */
  leader(partitionId = 2): SimMember | null {
    let best: SimMember | null = null;
    let bestTerm = -1;
    for (const member of this.members) {
      for (const status of member.member?.replicaStatuses() ?? []) {
        if (status.partitionId !== partitionId || status.role !== 'leader') continue;
        if (status.term > bestTerm) {
          best = member;
          bestTerm = status.term;
        }
      }
    }
    return best;
  }

  /** Every member runs, and in each partition all serve and have applied the same index under one leader. */
  converged(): boolean {
    const all = this.members.map((member) => member.member?.replicaStatuses() ?? []);
    const [first = []] = all;
    const isWhole = first.length === this.partitioning.partitions + 1;
    return isWhole && first.every((one, at) => all.every((of) => isSettled(of[at], one)));
  }

  /** INVARIANT(apply-in-order): replicas that have applied the same index hold the same. */
  divergences(): string[] {
    const found: string[] = [];
    const seen = new Map<string, { hash: number; name: string }>();
    for (const { name, member } of this.members) {
      for (const { partitionId, appliedIndex, hash } of member?.replicaStatuses() ?? []) {
        if (hash === null) continue;
        const place = `partition ${partitionId} at ${appliedIndex}`;
        const other = seen.get(place);
        if (other === undefined) seen.set(place, { hash, name });
        else if (other.hash !== hash) found.push(`${place}: ${name} and ${other.name} differ`);
      }
    }
    return found;
  }

  describe(): string {
    return this.members
      .map((member) => {
        const statuses = member.member?.replicaStatuses() ?? [];
        const replicas = statuses.map((status) => JSON.stringify(status)).join('\n  ');
        const deaths = member.deaths.map((d) => `${d.exitCode}: ${String(d.error)}`).join('; ');
        return `${member.name} ${member.running ? 'runs' : 'down'} deaths [${deaths}]\n  ${replicas}`;
      })
      .join('\n');
  }
}

function isSettled(status: ReplicaStatus | undefined, first: ReplicaStatus): boolean {
  return (
    status !== undefined &&
    status.state === 'serving' &&
    status.leaderReplicaId !== 0 &&
    status.leaderReplicaId === first.leaderReplicaId &&
    status.appliedIndex === first.appliedIndex &&
    status.commitIndex === status.appliedIndex
  );
}
