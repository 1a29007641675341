import { scheduleActions } from './actions.js';
import { checkHealed } from './checks/healed.js';
import { judge } from './checks/judge.js';
import { StatusCheck } from './checks/statuses.js';
import type { Client } from './clients/client.js';
import { clientKinds } from './clients/kinds.js';
import { SimCluster } from './cluster.js';
import { Coverage } from './coverage.js';
import type { Observation } from './observation.js';
import type { Plan } from './plan/plan.js';
import type { SimMember } from './sim-member.js';
import type { TraceOptions } from './trace.js';
import { Violation } from './violation.js';

/** Until the members have made their cluster. */
const FORMING_MS = 20_000;
const HEALING_MS = 60_000;
/** Longest that an operation may take after everything has healed. */
const LAST_OPERATIONS_MS = 30_000;
/** A machine with a planned power failure is down for so long. */
const DOWN_MS = 300;
/** Events between two looks at all replicas. */
const LOOK_EVERY = 16;

export interface RunOptions extends TraceOptions {
  /** Called once when the cluster serves, before the work. */
  readonly onServing?: (cluster: SimCluster) => void;
  /** Called after each event of the work. */
  readonly onEvent?: (cluster: SimCluster) => void;
}

export interface RunResult {
  readonly digest: string;
  readonly lines: readonly string[];
  readonly coverage: Coverage;
  readonly history: readonly Observation[];
  readonly events: number;
  readonly simulatedMs: number;
  /** Power failures that were planned at an operation of a disk, and came. */
  readonly plannedCrashes: number;
  /** Partitions that operations of registers went to. */
  readonly partitionsUsed: number;
}

/** A run that ended with something that must not be. */
export class RunFailure extends Error {
  override readonly name = 'RunFailure';
  readonly property: string;
  readonly plan: Plan;
  readonly lastLines: readonly string[];
  /** Events and simulated time until then. */
  readonly events: number;
  readonly atMs: number;

  constructor(plan: Plan, cause: unknown, { trace, scheduler }: SimCluster) {
    super(`seed ${plan.seed}, profile ${plan.profile}: ${String(cause)}`, { cause });
    this.property = cause instanceof Violation ? cause.property : 'error';
    this.plan = plan;
    this.lastLines = trace.lastLines;
    this.events = scheduler.executedCount;
    this.atMs = scheduler.nowMs;
  }

  /** Everything that is needed to look into it. */
  get report(): string {
    const { seed, profile, actions } = this.plan;
    const stack = this.property === 'error' ? [String((this.cause as Error).stack)] : [];
    return [
      'last events:',
      ...this.lastLines,
      `violated: ${this.message}`,
      ...stack,
      `${actions.length} actions were planned; replay with:`,
      `npm run sim -- --seed ${seed} --profile ${profile}`,
    ].join('\n');
  }
}

/**
 * Runs a plan: a cluster forms, clients work while faults happen, everything heals, and then all must work and agree.
 * @throws RunFailure
 */
export async function runPlan(plan: Plan, options: RunOptions = {}): Promise<RunResult> {
  const cluster = new SimCluster(plan, options);
  try {
    return await new Run(plan, cluster, options).run();
  } catch (cause) {
    throw new RunFailure(plan, cause, cluster);
  }
}

class Run {
  readonly #plan: Plan;
  readonly #cluster: SimCluster;
  readonly #options: RunOptions;
  readonly #coverage = new Coverage();
  readonly #history: Observation[] = [];
  readonly #statuses: StatusCheck;
  #plannedCrashes = 0;
  #events = 0;

  constructor(plan: Plan, cluster: SimCluster, options: RunOptions) {
    this.#plan = plan;
    this.#cluster = cluster;
    this.#options = options;
    this.#statuses = new StatusCheck(cluster);
  }

  async run(): Promise<RunResult> {
    const cluster = this.#cluster;
    const { scheduler, truth, trace, partitioning } = cluster;
    cluster.start();
    await this.#until('the cluster forms', () => cluster.converged(), FORMING_MS);
    const clients = await this.#all('clients connect', this.#connect());
    cluster.network.isLossy = true;
    this.#options.onServing?.(cluster);
    scheduleActions(cluster, this.#plan, this.#coverage);
    const work = clients.map((client, n) => this.#work(client, n));
    await this.#runFor(this.#plan.durationMs);
    await this.#heal();
    await this.#all('operations end', Promise.all(work));
    const last = Promise.all(clients.map((client) => client.conclude()));
    await this.#all('clients conclude', last);
    await this.#until('members agree', () => cluster.converged(), HEALING_MS);
    checkHealed(cluster);
    truth.end();
    judge(cluster, this.#history);
    this.#throwFirst();
    for (const client of clients) await client.close();
    this.#count();
    const used = new Set(this.#history.map(({ key }) => partitioning.partitionOf(key)));
    return {
      digest: trace.digest,
      lines: trace.lastLines,
      coverage: this.#coverage,
      history: this.#history,
      events: scheduler.executedCount,
      simulatedMs: scheduler.nowMs,
      plannedCrashes: this.#plannedCrashes,
      partitionsUsed: used.size,
    };
  }

  #connect(): Promise<Client[]> {
    const cluster = this.#cluster;
    const { truth, trace, random } = cluster;
    return Promise.all(
      this.#plan.clients.map((kind, number) => {
        const name = `c${number}`;
        const own = { name, number, random: random.fork(`work-${name}-${kind}`) };
        const shared = { cluster, truth, coverage: this.#coverage, history: this.#history };
        return clientKinds[kind]({ ...own, ...shared, trace: trace.line });
      }),
    );
  }

  async #work(client: Client, n: number): Promise<void> {
    const cluster = this.#cluster;
    const random = cluster.random.fork(`pauses-${n}`);
    for (;;) {
      await cluster.sleep(-this.#plan.meanPauseMs * Math.log(1 - random.next()));
      if (cluster.healed) return;
      await client.act();
    }
  }

  async #heal(): Promise<void> {
    const cluster = this.#cluster;
    cluster.healed = true;
    cluster.trace.line('heal');
    cluster.network.heal();
    for (const member of cluster.members) {
      this.#crashIfPlanned(member);
      // Nor does the power fail later, at an operation that was not reached before the work ended.
      member.fs.crashAtOperation(Number.POSITIVE_INFINITY);
      member.slowDisk(0);
      member.resume();
      for (let id = 1; id <= cluster.partitioning.partitions + 1; id++) {
        member.member?.resumePartition(id);
      }
      if (!member.running) member.start();
    }
    cluster.stopped.clear();
    await this.#until('members are whole', () => cluster.serving(), HEALING_MS);
  }

  async #runFor(ms: number): Promise<void> {
    const { scheduler } = this.#cluster;
    const look = (): boolean => {
      this.#afterEvent();
      return false;
    };
    await scheduler.runUntilTrue(look, scheduler.nowMs + ms);
  }

  /** Runs until the condition holds and checks everything after each event. @throws Violation, Error */
  async #until(what: string, holds: () => boolean, withinMs: number): Promise<void> {
    await this.#cluster.until(
      what,
      () => {
        this.#afterEvent();
        return holds();
      },
      withinMs,
    );
  }

  /** Runs until a promise settles. @throws what it rejects with */
  async #all<T>(what: string, promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    await this.#until(what, () => isSettled, LAST_OPERATIONS_MS);
    return promise;
  }

  #afterEvent(): void {
    for (const member of this.#cluster.members) {
      if (this.#crashIfPlanned(member)) this.#restartLater(member);
    }
    this.#options.onEvent?.(this.#cluster);
    if (++this.#events % LOOK_EVERY === 0) this.#statuses.look();
    this.#throwFirst();
  }

  #crashIfPlanned(member: SimMember): boolean {
    if (!member.crashIfPlanned(this.#plan.keepUnsyncedPercent)) return false;
    this.#plannedCrashes++;
    return true;
  }

  #restartLater(member: SimMember): void {
    this.#cluster.scheduler.schedule(DOWN_MS, () => {
      if (!member.running) member.start();
    });
  }

  #throwFirst(): void {
    const [violation] = this.#cluster.truth.violations;
    if (violation !== undefined) throw violation;
    for (const { name, deaths } of this.#cluster.members) {
      const [death] = deaths;
      if (death === undefined) continue;
      const why = `${name} ended by itself with ${death.exitCode}: ${String(death.error)}`;
      throw new Violation('stays-alive', why);
    }
  }

  #count(): void {
    const { network, truth, members } = this.#cluster;
    const coverage = this.#coverage;
    coverage.hit('peer-message-lost', network.counts.peerLost);
    coverage.hit('stream-broken', network.counts.streamsBroken);
    coverage.hit('call-lost', network.counts.callsLost);
    coverage.hit('planned-crash', this.#plannedCrashes);
    for (const partition of truth.partitions) {
      coverage.hit('elected', partition.terms.length);
      coverage.hit('duplicate-in-log', partition.duplicates);
      coverage.hit('refused-at-apply', partition.refusedOps);
      coverage.hit('key-expired', partition.model.expired);
      coverage.hit('floor-moved', partition.model.compactions);
    }
    for (const { fs } of members) if (fs.dump().includes('.sst ')) coverage.hit('frozen');
  }
}
