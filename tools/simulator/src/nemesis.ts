import type { SimRandom } from '@dougdb/ports/sim';
import { DougError, TransferLeaderRequest } from '@dougdb/rpc-proto';
import type { SimCluster } from './cluster.js';

/** One thing that goes wrong at a moment of the workload, drawn before the run. */
export interface Fault {
  readonly atMs: number;
  readonly kind:
    | 'crash'
    | 'kill'
    | 'crash-all'
    | 'pause'
    | 'isolate'
    | 'one-way'
    | 'bridge'
    | 'stop-replica'
    | 'transfer';
  readonly member: number;
  readonly other: number;
  /** Chooses a partition, that of the meta group among them. */
  readonly draw: number;
  readonly keepUnsyncedPercent: number;
  readonly durationMs: number;
}

const KINDS: readonly Fault['kind'][] = [
  'crash',
  'kill',
  'crash-all',
  'pause',
  'isolate',
  'one-way',
  'bridge',
  'stop-replica',
  'transfer',
];

/** Draws a run's faults: each kind is switched off with probability one half (swarm testing). */
export function drawFaults(random: SimRandom, members: number, untilMs: number): Fault[] {
  const kinds = KINDS.filter(() => random.chance(0.5));
  if (kinds.length === 0) kinds.push(random.pick(KINDS));
  const faults: Fault[] = [];
  for (let atMs = random.int(300); atMs < untilMs; atMs += 100 + random.int(900)) {
    const member = random.int(members);
    faults.push({
      atMs,
      kind: random.pick(kinds),
      member,
      other: (member + 1 + random.int(Math.max(1, members - 1))) % members,
      draw: random.next(),
      keepUnsyncedPercent: random.pick([0, 50, 100]),
      durationMs: 50 + random.int(1500),
    });
  }
  return faults;
}

/** Carries the faults out from now on, until the cluster is healed; each one ends after its duration. */
export function scheduleFaults(cluster: SimCluster, faults: readonly Fault[]): void {
  for (const fault of faults) {
    cluster.scheduler.schedule(fault.atMs, () => {
      if (!cluster.healed) carryOut(cluster, fault);
    });
  }
}

function carryOut(cluster: SimCluster, fault: Fault): void {
  const { members, network, scheduler, addresses } = cluster;
  const member = members[fault.member];
  const other = members[fault.other];
  if (member === undefined || other === undefined) return;
  const later = (run: () => void) => scheduler.schedule(fault.durationMs, run);
  const restart = (down: typeof member) => later(() => (down.running ? undefined : down.start()));
  cluster.trace.line(`fault ${fault.kind} ${member.name}`);
  switch (fault.kind) {
    case 'crash':
    case 'kill':
      if (!member.running) return;
      if (fault.kind === 'kill') member.kill();
      else member.crash(fault.keepUnsyncedPercent);
      restart(member);
      return;
    case 'crash-all':
      for (const each of members) {
        if (!each.running) continue;
        each.crash(fault.keepUnsyncedPercent);
        restart(each);
      }
      return;
    case 'pause':
      member.pause();
      later(() => member.resume());
      return;
    case 'isolate':
      network.isolate(member.address, addresses);
      later(() => network.heal());
      return;
    case 'one-way':
      for (const address of addresses) {
        if (address !== member.address) network.cut(member.address, address);
      }
      later(() => network.heal());
      return;
    case 'stop-replica': {
      const partitionId = partitionOf(cluster, fault);
      member.member?.stopPartition(partitionId);
      later(() => member.member?.resumePartition(partitionId));
      return;
    }
    case 'transfer':
      transfer(cluster, partitionOf(cluster, fault), fault.other + 1);
      return;
    case 'bridge':
      network.cut(member.address, other.address);
      network.cut(other.address, member.address);
      later(() => network.heal());
      return;
  }
}

function partitionOf({ partitioning }: SimCluster, { draw }: Fault): number {
  return 1 + Math.floor(draw * (partitioning.partitions + 1));
}

/** An operator's wish, which the cluster may refuse. */
function transfer(cluster: SimCluster, partitionId: number, toNodeId: number): void {
  const leader = cluster.leader(partitionId);
  if (leader === null) return;
  const path = '/dougdb.admin.v1.Admin/TransferLeader';
  const request = { clusterId: new Uint8Array(0), partitionId, toNodeId };
  const bytes = TransferLeaderRequest.encode(request).finish();
  cluster.network.unary('operator', leader.address, path, bytes, 5_000).then(
    () => cluster.trace.line(`transferred ${partitionId} to ${toNodeId}`),
    (error: unknown) => cluster.trace.line(`not transferred: ${DougError.from(error).reason}`),
  );
}
