import type { MemberSettings } from '@dougdb/member';
import { drainLoop } from '@dougdb/ports/node';
import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { defaultReplicaSettings } from '@dougdb/replica';
import { SimMember } from './sim-member.js';
import { SimNetwork } from './sim-network.js';
import { Trace } from './trace.js';

export interface ClusterOptions {
  readonly seed: number | string;
  readonly members?: number;
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
  /** Set when the run has come to its healing: nothing is broken any more from then on. */
  healed = false;

  constructor(options: ClusterOptions) {
    this.random = new SimRandom(options.seed);
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
          settings: { ...SMALL, ...options.settings },
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

  /** The member whose replica leads, as the newest term says. */
  leader(): SimMember | null {
    let best: SimMember | null = null;
    let bestTerm = -1;
    for (const member of this.members) {
      for (const status of member.member?.replicaStatuses() ?? []) {
        if (status.role === 'leader' && status.term > bestTerm) {
          best = member;
          bestTerm = status.term;
        }
      }
    }
    return best;
  }

  /** Every member runs, serves, and has applied the same index under one leader. */
  converged(): boolean {
    const statuses = this.members.map((member) => member.member?.replicaStatuses()[0]);
    const first = statuses[0];
    return (
      first !== undefined &&
      statuses.every(
        (s) =>
          s !== undefined &&
          s.state === 'serving' &&
          s.leaderReplicaId !== 0 &&
          s.leaderReplicaId === first.leaderReplicaId &&
          s.appliedIndex === first.appliedIndex &&
          s.commitIndex === s.appliedIndex,
      )
    );
  }

  describe(): string {
    return this.members
      .map((member) => {
        const status = member.member?.replicaStatuses()[0];
        const deaths = member.deaths.map((d) => `${d.exitCode}: ${String(d.error)}`).join('; ');
        return `${member.name} ${member.running ? 'runs' : 'down'} ${JSON.stringify(status)} deaths [${deaths}]`;
      })
      .join('\n');
  }
}
