import type { Clock } from '@dougdb/ports';
import type { DropReason, RawNode } from '@dougdb/raft-core';
import type { DougError } from '@dougdb/rpc-proto';
import type { Refusals } from '../refusals.js';
import type { ReplicaState } from '../state/replica-state.js';
import type { ReplicaTelemetry } from '../telemetry.js';
import { BoundedQueue } from './bounded-queue.js';
import { LeaseQueue } from './lease-queue.js';
import type { ReadServer } from './read-batch.js';
import { ReadQueue } from './read-queue.js';
import { RevisionQueue } from './revision-queue.js';
import type { TableReader } from './table-reader.js';

export interface ReadsOptions {
  readonly core: RawNode;
  readonly state: ReplicaState;
  readonly clock: Clock;
  readonly refusals: Refusals;
  readonly telemetry: ReplicaTelemetry;
  readonly tables: TableReader;
  /** What is done with linearizable reads whose point is reached. */
  readonly server: ReadServer;
  /** Why a key cannot be read here now; null: it can. */
  readonly refuse: (key: Uint8Array) => DougError | null;
  readonly wake: () => void;
}

/** Reads that wait, of all levels: what the engine does with them, turn by turn. */
export class Reads {
  readonly rounds: ReadQueue;
  readonly lease: LeaseQueue;
  readonly bounded: BoundedQueue;
  readonly revisions: RevisionQueue;
  readonly #options: ReadsOptions;

  constructor(options: ReadsOptions) {
    this.#options = options;
    this.bounded = new BoundedQueue(options);
    this.rounds = new ReadQueue({ ...options, points: this.bounded });
    this.lease = new LeaseQueue({ ...options, rounds: this.rounds });
    this.revisions = new RevisionQueue(options);
  }

  /** Reads without an answer. */
  get open(): number {
    return this.rounds.open + this.lease.open + this.bounded.open + this.revisions.open;
  }

  /** Whether a round could begin now, and somebody wants it. */
  get wantsRound(): boolean {
    return this.rounds.wantsRound;
  }

  /** Begins what was gathered since the last turn. */
  start(): void {
    this.lease.startTurn();
    this.rounds.startRound();
  }

  confirmed(ticket: number, index: number): void {
    this.rounds.confirmed(ticket, index);
  }

  dropped(ticket: number, reason: DropReason): void {
    this.rounds.dropped(ticket, reason);
  }

  /** Serves what the applied state allows, until `isOver`. True if some of it is left for the next turn. */
  serve(isOver: () => boolean): boolean {
    const { appliedIndex } = this.#options.state;
    const rounds = this.rounds.serve(appliedIndex, isOver);
    const lease = this.lease.serve(appliedIndex, isOver);
    const bounded = this.bounded.serve(appliedIndex, isOver);
    const revisions = this.revisions.serve(isOver);
    return rounds || lease || bounded || revisions;
  }

  /** Tells those whose deadline has passed. */
  expire(nowMs: number): void {
    const makeError = (): DougError =>
      this.#options.refusals.deadline('the time ran out before the read point was reached');
    this.rounds.expire(nowMs, makeError);
    this.lease.expire(nowMs, makeError);
    this.bounded.expire(nowMs, makeError);
    this.revisions.expire(nowMs);
  }

  failAll(error: DougError): void {
    for (const queue of [this.rounds, this.lease, this.bounded, this.revisions]) {
      queue.failAll(error);
    }
  }
}
