import type { MemberSettings } from '@dougdb/member';
import { SimCluster } from './cluster.js';
import type { Observation } from './observation.js';
import { violations } from './oracle.js';
import { SimClient } from './sim-client.js';
import type { SimMember } from './sim-member.js';
import { runWorkload } from './workload.js';

export interface ScenarioOptions {
  readonly seed: number | string;
  readonly members?: number;
  /** Of users' data. Default 1. */
  readonly partitions?: number;
  /** Of the members, where they differ from those of every run. */
  readonly settings?: Partial<MemberSettings>;
  readonly clients?: number;
  readonly operationsPerClient?: number;
  /** Mean pause of a client between two operations. Default 10. */
  readonly meanPauseMs?: number;
  /** Called once when the cluster serves, before the workload: plans what goes wrong. */
  readonly plan?: (cluster: SimCluster) => void;
  /** Called every millisecond of virtual time while the workload runs. */
  readonly everyMs?: (cluster: SimCluster) => void;
  /** What of the unsynced data survives a planned crash. */
  readonly keepUnsyncedPercent?: number;
  /** How long a machine stays down after a planned crash. Default 300. */
  readonly downMs?: number;
}

export interface ScenarioResult {
  readonly history: readonly Observation[];
  readonly crashes: number;
  /** Highest term that was reached in any partition. */
  readonly term: number;
  /** Terms of all partitions together: how often leaders changed. */
  readonly elections: number;
  /** Partitions that operations of the workload went to. */
  readonly partitionsUsed: number;
  readonly digest: string;
  readonly violations: readonly string[];
  readonly virtualMs: number;
}

/**
 * One run: a cluster forms, clients work while the plan breaks things, everything is healed, all
 * members must converge, and every key is read once more. Whatever is wrong is in `violations`.
 */
export async function runScenario(options: ScenarioOptions): Promise<ScenarioResult> {
  const cluster = new SimCluster({
    seed: options.seed,
    ...(options.members === undefined ? {} : { members: options.members }),
    partitions: options.partitions ?? 1,
    ...(options.settings === undefined ? {} : { settings: options.settings }),
  });
  const { scheduler } = cluster;
  cluster.start();
  await cluster.until('the cluster forms', () => cluster.converged(), 20_000);
  const clients = await scheduler.runWhilePending(
    Promise.all(
      Array.from({ length: options.clients ?? 3 }, (_, n) => SimClient.connect(cluster, `c${n}`)),
    ),
  );
  options.plan?.(cluster);
  let done = false;
  const work = runWorkload({
    scheduler,
    random: cluster.random.fork('workload'),
    clients,
    operationsPerClient: options.operationsPerClient ?? 20,
    keys: cluster.partitioning.keys,
    meanPauseMs: options.meanPauseMs ?? 10,
    trace: cluster.trace.line,
  }).finally(() => {
    done = true;
  });
  let crashes = 0;
  const watch = (): void => {
    for (const member of cluster.members) {
      if (!member.crashIfPlanned(options.keepUnsyncedPercent ?? 0)) continue;
      crashes++;
      restartLater(cluster, member, options.downMs ?? 300);
    }
    options.everyMs?.(cluster);
  };
  const workEnded = (): boolean => {
    watch();
    return done;
  };
  await cluster.until('the workload ends', workEnded, 600_000);
  const history = [...(await work)];
  await heal(cluster);
  const found = await judge(cluster, clients, history);
  const statuses = cluster.members.flatMap((member) => member.member?.replicaStatuses() ?? []);
  await scheduler.runWhilePending(Promise.all(clients.map((client) => client.sdk.close())));
  return {
    history,
    crashes,
    term: Math.max(...statuses.map(({ term }) => term)),
    partitionsUsed: new Set(history.map(({ key }) => cluster.partitioning.partitionOf(key))).size,
    elections: statuses.reduce((sum, { role, term }) => sum + (role === 'leader' ? term : 0), 0),
    digest: cluster.trace.digest,
    violations: found,
    virtualMs: scheduler.nowMs,
  };
}

function restartLater(cluster: SimCluster, member: SimMember, downMs: number): void {
  cluster.scheduler.schedule(downMs, () => {
    if (!member.running) member.start();
  });
}

async function heal(cluster: SimCluster): Promise<void> {
  cluster.healed = true;
  cluster.network.heal();
  for (const member of cluster.members) {
    member.crashIfPlanned(0);
    // Nor does the power fail later, at an operation that was not reached before the work ended.
    member.fs.crashAtOperation(Number.POSITIVE_INFINITY);
    member.resume();
    for (let id = 1; id <= cluster.partitioning.partitions + 1; id++) {
      member.member?.resumePartition(id);
    }
    if (!member.running) member.start();
  }
  await cluster.until('all members converge', () => cluster.converged(), 60_000);
}

async function judge(
  cluster: SimCluster,
  clients: readonly SimClient[],
  history: Observation[],
): Promise<string[]> {
  const keys = [...new Set(history.map((op) => op.key))].sort();
  const client = clients[0] as SimClient;
  for (const key of keys) {
    const invokedMs = cluster.scheduler.nowMs;
    const hit = await cluster.scheduler.runWhilePending(client.get(key));
    history.push({
      client: clients.length,
      kind: 'get',
      key,
      value: hit?.value ?? null,
      revision: hit?.revision ?? 0,
      invokedMs,
      returnedMs: cluster.scheduler.nowMs,
      status: 'ok',
    });
  }
  const deaths = cluster.members.flatMap((member) =>
    member.deaths.map(
      (d) => `${member.name} ended by itself with ${d.exitCode}: ${String(d.error)}`,
    ),
  );
  const complaints = clients.flatMap(({ repeating }) => repeating.complaints);
  const broken = [...violationsByPartition(history, cluster), ...cluster.divergences()];
  return [...broken, ...complaints, ...deaths];
}

/** Revisions order the writes of a partition, so each partition has a history of its own. */
function violationsByPartition(history: readonly Observation[], cluster: SimCluster): string[] {
  const { partitionOf } = cluster.partitioning;
  const byPartition = new Map<number, Observation[]>();
  for (const op of history) {
    const id = partitionOf(op.key);
    const part = byPartition.get(id) ?? [];
    part.push(op);
    byPartition.set(id, part);
  }
  return [...byPartition].flatMap(([id, part]) =>
    violations(part).map((violation) => `partition ${id}: ${violation}`),
  );
}
