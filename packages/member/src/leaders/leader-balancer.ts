import type { Clock, Logger, Random } from '@dougdb/ports';
import type { Replica } from '@dougdb/replica';
import { chooseMove, type LeaderCounts, type Movable } from './choose.js';

/** Pause between two looks; the other half of it is drawn, so that no two nodes act as one. */
const LOOK_MS = 500;
/** A leadership younger than this is left alone: more may be changing. */
const STABLE_MS = 3_000;

export interface LeaderBalancerOptions {
  readonly ownNodeId: number;
  readonly replicas: readonly Replica[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly counts: () => LeaderCounts;
  readonly isDraining: (nodeId: number) => boolean;
}

interface Leadership {
  readonly term: number;
  readonly sinceMs: number;
  /** It was tried to give it away; once a term. */
  wasOffered: boolean;
}

/**
 * Evens out how many partitions the nodes lead. A leader that won an election gives its partition away
 * when another node leads at least two fewer: one at a time, after a while, once in a term.
 *
 * One that leads because the leader before wanted it to keeps what it has: it may be an operator's wish,
 * and two nodes can never hand one partition to and fro. What an outage has put on few nodes spreads
 * again when the next election is won.
 */
export class LeaderBalancer {
  readonly #options: LeaderBalancerOptions;
  readonly #leads = new Map<number, Leadership>();
  #nextLookMs: number;
  #moving: Replica | null = null;
  #stopped = false;

  constructor(options: LeaderBalancerOptions) {
    this.#options = options;
    this.#nextLookMs = this.#soon();
  }

  /** Nothing is given away any more: this node goes down, and gives away everything. */
  stop(): void {
    this.#stopped = true;
  }

  /** Called each tick. */
  tick(): void {
    if (this.#stopped || this.#options.clock.monotonicMs() < this.#nextLookMs) return;
    this.#nextLookMs = this.#soon();
    const movable = this.#movable();
    if (this.#moving?.isHandingOver === true) return;
    this.#moving = null;
    const { ownNodeId, counts } = this.#options;
    const move = chooseMove(ownNodeId, counts(), movable);
    if (move !== null) this.#give(move.partitionId, move.toNodeId);
  }

  /** Led here by election, for a while, and not offered in this term. */
  #movable(): Movable[] {
    const { replicas, clock, isDraining } = this.#options;
    const nowMs = clock.monotonicMs();
    const movable: Movable[] = [];
    for (const replica of replicas) {
      const { partitionId } = replica;
      if (!replica.isLeader || replica.leaderNodeId === 0) {
        this.#leads.delete(partitionId);
        continue;
      }
      const { term } = replica.header();
      const known = this.#leads.get(partitionId);
      const lead = known?.term === term ? known : { term, sinceMs: nowMs, wasOffered: false };
      this.#leads.set(partitionId, lead);
      const isSettled = nowMs - lead.sinceMs >= STABLE_MS;
      // INVARIANT(given-leader-stays): who was wanted to lead keeps it, so nothing goes to and fro.
      if (!isSettled || lead.wasOffered || replica.leadsByTransfer) continue;
      const nodeIds = replica.caughtUpNodes().filter((nodeId) => !isDraining(nodeId));
      movable.push({ partitionId, nodeIds });
    }
    return movable;
  }

  #give(partitionId: number, toNodeId: number): void {
    const { replicas, logger } = this.#options;
    const replica = replicas.find((candidate) => candidate.partitionId === partitionId);
    const lead = this.#leads.get(partitionId);
    const target = replica?.descriptor.replicas.find(({ nodeId }) => nodeId === toNodeId);
    if (replica === undefined || lead === undefined || target === undefined) return;
    lead.wasOffered = true;
    if (!replica.transferLeadership(target.replicaId)) return;
    this.#moving = replica;
    logger.info('leader.balance', { partition: partitionId, to: toNodeId });
  }

  #soon(): number {
    const { clock, random } = this.#options;
    return clock.monotonicMs() + LOOK_MS * (0.5 + random.next());
  }
}
