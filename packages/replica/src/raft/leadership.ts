import type { Logger } from '@dougdb/ports';
import { NONE, type RawNode, type SoftState, StateType } from '@dougdb/raft-core';
import type { PartitionDescriptor } from '@dougdb/rpc-proto';
import type { ReplicaStatus } from '../contract.js';
import type { ReplicaTelemetry } from '../telemetry.js';

export interface LeadershipOptions {
  readonly core: RawNode;
  readonly replicaId: number;
  readonly electionTicks: number;
  readonly descriptor: () => PartitionDescriptor;
  readonly chooseSuccessor?: ((nodeIds: readonly number[]) => number) | undefined;
  readonly logger: Logger;
  readonly telemetry: ReplicaTelemetry;
}

const roleNames = {
  [StateType.StateFollower]: 'follower',
  [StateType.StatePreCandidate]: 'pre-candidate',
  [StateType.StateCandidate]: 'candidate',
  [StateType.StateLeader]: 'leader',
} as const;

/** Who leads, as far as this replica knows, and the ways of giving the leadership away. */
export class Leadership {
  readonly #options: LeadershipOptions;
  #soft: SoftState = { leader: NONE, role: StateType.StateFollower };
  #ticksSinceTry = Number.POSITIVE_INFINITY;
  /** The term for which the leader before told this replica to campaign; 0: none. */
  #askedInTerm = 0;
  #isByTransfer = false;

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  get isLeader(): boolean {
    return this.#soft.role === StateType.StateLeader;
  }

  /** 0: unknown. */
  get leaderReplicaId(): number {
    return this.#soft.leader;
  }

  /** 0: unknown. */
  get leaderNodeId(): number {
    return this.nodeOf(this.#soft.leader);
  }

  /** The leader of the term before wanted this replica to lead; false: it won by itself, or does not lead. */
  get isByTransfer(): boolean {
    return this.isLeader && this.#isByTransfer;
  }

  /** Proposals are refused until somebody took over or it was given up. */
  get isHandingOver(): boolean {
    return this.isLeader && this.#options.core.status().leadTransferee !== NONE;
  }

  get role(): ReplicaStatus['role'] {
    return roleNames[this.#soft.role];
  }

  /** The node that a replica of this partition lives on; 0: not a member. */
  nodeOf(replicaId: number): number {
    if (replicaId === NONE) return 0;
    const { replicas } = this.#options.descriptor();
    for (const replica of replicas) if (replica.replicaId === replicaId) return replica.nodeId;
    return 0;
  }

  /** The replica of this partition on a node; 0: none. */
  replicaOn(nodeId: number): number {
    const { replicas } = this.#options.descriptor();
    for (const replica of replicas) if (replica.nodeId === nodeId) return replica.replicaId;
    return 0;
  }

  changed(soft: SoftState): void {
    const { logger, telemetry, replicaId, core } = this.#options;
    const before = this.#soft;
    this.#soft = soft;
    if (this.isLeader && before.role !== soft.role) {
      this.#isByTransfer = core.status().term === this.#askedInTerm;
    }
    if (soft.leader === before.leader) return;
    if (before.leader === replicaId) logger.info('raft.leader.lost');
    if (soft.leader === NONE) return;
    telemetry.leaderChanges.add(1);
    // Of its own election the core tells (raft.leader.elected).
    if (soft.leader !== replicaId) logger.info('raft.leader.seen', { leader: soft.leader });
  }

  /** MsgTimeoutNow was taken: the campaign that it began, if any, is in this term. */
  askedToCampaign(): void {
    this.#askedInTerm = this.#options.core.status().term;
  }

  /** Nodes of the other voters that were heard lately and hold everything committed. */
  caughtUpNodes(): number[] {
    const { core, replicaId } = this.#options;
    const { commit } = core.status();
    const nodes: number[] = [];
    core.progress((id, { isLearner, recentActive, match }) => {
      if (id !== replicaId && !isLearner && recentActive && match >= commit) {
        nodes.push(this.nodeOf(id));
      }
    });
    return nodes;
  }

  /** Begins a transfer to a replica, or to the best follower. False if there is nobody. */
  transfer(toReplicaId?: number): boolean {
    const to = toReplicaId ?? (this.#chosenSuccessor() || this.#bestFollower());
    return to !== NONE && this.#options.core.transferLeader(to);
  }

  /**
   * This replica should not lead now: hands over, again for each election timeout in which it did not
   * work. Called every tick while the reason lasts.
   */
  handOver(reason: string): void {
    if (!this.isLeader || ++this.#ticksSinceTry < this.#options.electionTicks) return;
    // Where nobody can take it now it is tried again at the next tick. A fixed pause would keep time with
    // the quorum check, which forgets who was heard, and could meet that very moment for ever.
    if (!this.transfer()) return;
    this.#ticksSinceTry = 0;
    this.#options.logger.warn('raft.handover', { reason });
  }

  /** There is no reason any more. */
  keep(): void {
    this.#ticksSinceTry = Number.POSITIVE_INFINITY;
  }

  #chosenSuccessor(): number {
    const { chooseSuccessor } = this.#options;
    return chooseSuccessor === undefined
      ? NONE
      : this.replicaOn(chooseSuccessor(this.caughtUpNodes()));
  }

  /** The voter that lacks least. */
  #bestFollower(): number {
    let best: number = NONE;
    let bestMatch = -1;
    this.#options.core.progress((id, progress) => {
      if (id === this.#options.replicaId || progress.isLearner) return;
      // Who has not been heard lately is not caught up, whatever it once acknowledged.
      const match = progress.recentActive ? progress.match : -1;
      if (match <= bestMatch) return;
      best = id;
      bestMatch = match;
    });
    return best;
  }
}
