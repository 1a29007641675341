import type { MemberSettings } from '@dougdb/member';
import { drainLoop } from '@dougdb/ports/node';
import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { defaultReplicaSettings, type ReplicaStatus } from '@dougdb/replica';
import { type Partitioning, partitioningOf } from './partitioning.js';
import type { Plan } from './plan/plan.js';
import { type MachineClocks, SimMember } from './sim-member.js';
import { SimNetwork } from './sim-network.js';
import { Trace, type TraceOptions } from './trace.js';
import { Truth } from './truth/truth.js';

const DETECT_CUT_MS = 300;

/** Members on simulated machines under one clock, one network and one seed. */
export class SimCluster {
  readonly scheduler = new SimScheduler({ drain: drainLoop });
  readonly plan: Plan;
  readonly random: SimRandom;
  readonly network: SimNetwork;
  readonly members: readonly SimMember[];
  readonly trace: Trace;
  readonly truth = new Truth(() => this.scheduler.nowMs);
  readonly partitioning: Partitioning;
  /** Replicas that were stopped on purpose and may not have been resumed: `n1/2` and so on. */
  readonly stopped = new Set<string>();
  /** Set when the run has come to its healing: nothing is broken any more from then on. */
  healed = false;

  constructor(plan: Plan, traceOptions: TraceOptions = {}) {
    this.plan = plan;
    this.random = new SimRandom(plan.seed);
    this.partitioning = partitioningOf(plan.partitions);
    this.trace = new Trace(() => this.scheduler.nowUs, traceOptions);
    const { scheduler, trace, random } = this;
    this.network = new SimNetwork({
      ...plan.network,
      ...{ scheduler, trace, random: random.fork('network'), detectCutMs: DETECT_CUT_MS },
    });
    const addresses = Array.from({ length: plan.members }, (_, n) => `10.0.0.${n + 1}:4400`);
    this.members = addresses.map((address, n) => {
      const name = `n${n + 1}`;
      return new SimMember({
        ...{ name, address, join: addresses, scheduler, network: this.network },
        random: random.fork(name),
        settings: settingsOf(plan, this.partitioning),
        clocks: clocksOf(plan, random.fork(`${name}-clocks`)),
        syncDelayMs: plan.syncDelayMs,
        trace: trace.line,
        observer: this.truth.observer(name),
      });
    });
  }

  get addresses(): string[] {
    return this.members.map((member) => member.address);
  }

  start(): void {
    for (const member of this.members) member.start();
  }

  /** Resolves when so much time has passed. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.scheduler.schedule(ms, resolve);
    });
  }

  /** Runs until the condition holds, asked after each event. @throws an error if it does not in time */
  async until(what: string, holds: () => boolean, withinMs: number): Promise<void> {
    const endMs = this.scheduler.nowMs + withinMs;
    if (await this.scheduler.runUntilTrue(holds, endMs)) return;
    throw new Error(`${what}: not within ${withinMs} ms of virtual time\n${this.describe()}`);
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

  /** Every member runs, and in each partition all serve under one leader. */
  serving(): boolean {
    return this.#agree(isServing);
  }

  /** ... and all have applied the same index, and know of nothing beyond. */
  converged(): boolean {
    return this.#agree(isSettled);
  }

  #agree(holds: (status: ReplicaStatus | undefined, first: ReplicaStatus) => boolean): boolean {
    const all = this.members.map((member) => member.member?.replicaStatuses() ?? []);
    const [first = []] = all;
    const isWhole = first.length === this.partitioning.partitions + 1;
    return isWhole && first.every((one, at) => all.every((of) => holds(of[at], one)));
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

function isServing(status: ReplicaStatus | undefined, first: ReplicaStatus): boolean {
  return (
    status !== undefined &&
    status.state === 'serving' &&
    status.leaderReplicaId !== 0 &&
    status.leaderReplicaId === first.leaderReplicaId
  );
}

function isSettled(status: ReplicaStatus | undefined, first: ReplicaStatus): boolean {
  return (
    status !== undefined &&
    isServing(status, first) &&
    status.appliedIndex === first.appliedIndex &&
    status.commitIndex === status.appliedIndex
  );
}

function settingsOf({ room, leaseReads }: Plan, { splitAt }: Partitioning): MemberSettings {
  const { freezeLogEntries, historyMs, ringBytes, windowEvents, ...bytes } = room;
  return {
    ...bytes,
    leaseReads,
    splitAt,
    replicationFactor: 5,
    tickMs: 10,
    replica: {
      ...defaultReplicaSettings,
      freezeLogEntries,
      historyMs,
      watch: { ...defaultReplicaSettings.watch, ringBytes, windowEvents },
      freezeLogBytes: 64 << 10,
      retainLogBytes: 16 << 20,
    },
    walSegmentBytes: 64 << 10,
  };
}

function clocksOf({ clocks }: Plan, random: SimRandom): MachineClocks {
  const { spreadMs, startJumpMs, drift } = clocks;
  const wallOffsetMs = Math.floor((random.next() - 0.5) * spreadMs);
  return { wallOffsetMs, startJumpMs, driftRatio: 1 + (2 * random.next() - 1) * drift };
}
