import { DougError, TransferLeaderRequest } from '@dougdb/rpc-proto';
import type { SimCluster } from './cluster.js';
import type { Coverage } from './coverage.js';
import type { Action } from './plan/actions.js';
import type { Plan } from './plan/plan.js';
import type { SimMember } from './sim-member.js';

const LONGEST_SLOW_LINK_MS = 400;
const SLOW_DISK_MS = [2, 20, 200] as const;

/** Carries the actions of a plan out from now on, until the cluster is healed; each ends after its duration. */
export function scheduleActions(cluster: SimCluster, plan: Plan, coverage: Coverage): void {
  for (const action of plan.actions) {
    cluster.scheduler.schedule(action.atMs, () => {
      if (cluster.healed) return;
      coverage.hit(action.kind);
      new Happening(cluster, plan, action).begin();
    });
  }
}

/** One action in the cluster that it meets. */
class Happening {
  readonly #cluster: SimCluster;
  readonly #plan: Plan;
  readonly #action: Action;

  constructor(cluster: SimCluster, plan: Plan, action: Action) {
    this.#cluster = cluster;
    this.#plan = plan;
    this.#action = action;
  }

  begin(): void {
    const { network, addresses, members } = this.#cluster;
    const member = this.#anybody(0);
    const other = this.#another(member);
    this.#cluster.trace.line(`${this.#action.kind} ${member.name}`);
    switch (this.#action.kind) {
      case 'crash':
        this.#crash(member, this.#plan.keepUnsyncedPercent);
        return;
      case 'kill':
        this.#crash(member, 100);
        return;
      case 'crash-at-operation':
        member.fs.crashAtMutation(member.fs.mutationCount + 1 + this.#int(2, 40));
        return;
      case 'crash-all':
        for (const each of members) this.#crash(each, this.#plan.keepUnsyncedPercent);
        return;
      case 'crash-loop':
        this.#crashAgain(member, 1 + this.#int(1, 4));
        return;
      case 'pause':
        this.#pause(member);
        return;
      case 'pause-leader':
        this.#pause(this.#leader());
        return;
      case 'isolate':
        this.#later(network.isolate(member.address, addresses));
        return;
      case 'isolate-leader':
        this.#later(network.isolate(this.#leader().address, addresses));
        return;
      case 'one-way':
        for (const address of addresses) {
          if (address !== member.address) this.#later(network.cut(member.address, address));
        }
        return;
      case 'bridge':
        this.#later(network.cut(member.address, other.address));
        this.#later(network.cut(other.address, member.address));
        return;
      case 'split':
        this.#split();
        return;
      case 'slow-link':
        this.#slowLink(member, other);
        return;
      case 'break-streams':
        network.breakStreams(member.address);
        return;
      case 'slow-disk':
        member.slowDisk(SLOW_DISK_MS[this.#int(1, SLOW_DISK_MS.length)] ?? 2);
        this.#later(() => member.slowDisk(0));
        return;
      case 'slow-and-cut-off-leader': {
        const leader = this.#leader();
        this.#later(network.isolate(leader.address, addresses));
        leader.slowDisk(220 + this.#int(1, 220));
        this.#later(() => leader.slowDisk(0));
        return;
      }
      case 'jump-clock':
        member.jumpWall(Math.floor((2 * this.#draw(1) - 1) * this.#plan.clocks.jumpMs));
        return;
      case 'stop-replica': {
        const partitionId = this.#partition();
        const replica = `${member.name}/${partitionId}`;
        this.#cluster.stopped.add(replica);
        member.member?.stopPartition(partitionId);
        this.#later(() => {
          member.member?.resumePartition(partitionId);
          this.#cluster.stopped.delete(replica);
        });
        return;
      }
      case 'transfer':
        this.#transfer();
        return;
    }
  }

  #crash(member: SimMember, keepUnsyncedPercent: number): void {
    if (!member.running) return;
    member.crash(keepUnsyncedPercent);
    this.#later(() => {
      if (!member.running) member.start();
    });
  }

  /** As often as it comes up again. */
  #crashAgain(member: SimMember, times: number): void {
    if (this.#cluster.healed || times === 0) return;
    if (member.running) member.crash(this.#plan.keepUnsyncedPercent);
    this.#cluster.scheduler.schedule(20, () => {
      if (!member.running) member.start();
      this.#cluster.scheduler.schedule(5 + this.#action.durationMs / 4, () =>
        this.#crashAgain(member, times - 1),
      );
    });
    if (times > 1) return;
    this.#later(() => {
      if (!member.running) member.start();
    });
  }

  #pause(member: SimMember): void {
    member.pause();
    this.#later(() => member.resume());
  }

  /** Two groups that do not hear each other. */
  #split(): void {
    const { network, members } = this.#cluster;
    const isLeft = members.map((_, at) => this.#bit(at));
    members.forEach((from, i) => {
      members.forEach((to, k) => {
        if (isLeft[i] !== isLeft[k]) this.#later(network.cut(from.address, to.address));
      });
    });
  }

  /** From one to another, or from one to all. */
  #slowLink(from: SimMember, to: SimMember): void {
    const { network, members } = this.#cluster;
    const byMs = 1 + this.#int(2, LONGEST_SLOW_LINK_MS);
    for (const each of this.#draw(1) < 0.5 ? members : [to]) {
      if (each !== from) this.#later(network.links.slow(from.address, each.address, byMs));
    }
  }

  /** An operator's wish, which the cluster may refuse. */
  #transfer(): void {
    const { network, trace, members } = this.#cluster;
    const partitionId = this.#partition();
    const leader = this.#cluster.leader(partitionId);
    if (leader === null) return;
    const toNodeId = 1 + this.#int(1, members.length);
    const path = '/dougdb.admin.v1.Admin/TransferLeader';
    const request = { clusterId: new Uint8Array(0), partitionId, toNodeId };
    const bytes = TransferLeaderRequest.encode(request).finish();
    network.unary('operator', leader.address, path, bytes, 5_000).then(
      () => trace.line(`transferred ${partitionId} to ${toNodeId}`),
      (error: unknown) => trace.line(`not transferred: ${DougError.from(error).reason}`),
    );
  }

  #later(run: () => void): void {
    this.#cluster.scheduler.schedule(this.#action.durationMs, run);
  }

  #anybody(draw: 0 | 1 | 2): SimMember {
    const { members } = this.#cluster;
    return members[this.#int(draw, members.length)] as SimMember;
  }

  #another(member: SimMember): SimMember {
    const others = this.#cluster.members.filter((each) => each !== member);
    return others[this.#int(2, Math.max(1, others.length))] ?? member;
  }

  #leader(): SimMember {
    return this.#cluster.leader(this.#partition()) ?? this.#anybody(0);
  }

  /** That of the meta group among them. */
  #partition(): number {
    return 1 + this.#int(0, this.#cluster.partitioning.partitions + 1);
  }

  #bit(at: number): boolean {
    return ((this.#int(1, 10_000) >> (at % 8)) & 1) === 1;
  }

  #int(draw: 0 | 1 | 2, below: number): number {
    return Math.floor(this.#draw(draw) * below);
  }

  #draw(at: 0 | 1 | 2): number {
    return this.#action.draws[at];
  }
}
