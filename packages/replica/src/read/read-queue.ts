import type { Clock } from '@dougdb/ports';
import type { DropReason, RawNode } from '@dougdb/raft-core';
import type { DougError } from '@dougdb/rpc-proto';
import type { AnswerSink } from '../contract.js';
import type { Refusals } from '../refusals.js';
import type { ReplicaTelemetry } from '../telemetry.js';
import { ReadBatch, type ReadServer, type ReadWaiter } from './read-batch.js';

export interface ReadQueueOptions {
  readonly core: RawNode;
  readonly clock: Clock;
  readonly refusals: Refusals;
  readonly telemetry: ReplicaTelemetry;
  readonly server: ReadServer;
  readonly points: PointTaker;
}

/** Who lives by when rounds began: bounded reads. */
export interface PointTaker {
  /** A round is wanted even if nobody waits for its index. */
  readonly wantsPoint: boolean;
  /** A round began. */
  asked(atMs: number): void;
  /** A round that began at this time ended with an index that covers everything acknowledged before it. */
  confirmed(index: number, askedMs: number): void;
  /** A round that began at this time ended without one, or could not begin. */
  dropped(askedMs: number, error: DougError): void;
}

/**
 * Linearizable reads on their way: gathered in a turn, confirmed by one round of ReadIndex (here or at
 * the leader), served when the state machine has come to the confirmed index. At most one round is in
 * flight; what comes meanwhile shares the next one.
 */
export class ReadQueue {
  readonly #options: ReadQueueOptions;
  #gathering = new ReadBatch();
  #asked: { readonly ticket: number; readonly batch: ReadBatch } | null = null;
  /** Confirmed, in order of their rounds. Indexes do not fall. */
  #confirmed: ReadBatch[] = [];

  constructor(options: ReadQueueOptions) {
    this.#options = options;
  }

  /** Reads without an answer. */
  get open(): number {
    let open = this.#gathering.open + (this.#asked?.batch.open ?? 0);
    for (const batch of this.#confirmed) open += batch.open;
    return open;
  }

  /** Copies the key. */
  add(key: Uint8Array, deadlineMs: number, sink: AnswerSink, id: number): void {
    this.#gathering.add(key, deadlineMs, sink, id);
  }

  addWaiter(waiter: ReadWaiter): void {
    this.#gathering.addWaiter(waiter);
  }

  /** Whether reads wait for a round that could begin now. */
  get wantsRound(): boolean {
    const { points } = this.#options;
    return this.#asked === null && (this.#gathering.open > 0 || points.wantsPoint);
  }

  /** Begins a round for everything gathered, if none is in flight. */
  startRound(): void {
    if (!this.wantsRound) return;
    const batch = this.#gathering;
    this.#gathering = new ReadBatch();
    const { core, clock, points } = this.#options;
    // Before the request is made, and so before it leaves: an age is counted from here.
    batch.askedMs = clock.monotonicMs();
    const ticket = core.readIndex();
    if (typeof ticket === 'string') {
      this.#giveUp(batch, ticket);
      return;
    }
    points.asked(batch.askedMs);
    this.#asked = { ticket, batch };
  }

  /** The round of this ticket ended well. */
  confirmed(ticket: number, index: number): void {
    const batch = this.#take(ticket);
    if (batch === null) return;
    const { clock, telemetry, points } = this.#options;
    telemetry.readIndexSeconds.observe((clock.monotonicMs() - batch.askedMs) / 1000);
    batch.index = index;
    points.confirmed(index, batch.askedMs);
    this.#confirmed.push(batch);
  }

  /** The round of this ticket ended without an index. */
  dropped(ticket: number, reason: DropReason): void {
    const batch = this.#take(ticket);
    if (batch !== null) this.#giveUp(batch, reason);
  }

  /** Serves what `applied` allows, until `isOver`. True if some of it is left for the next turn. */
  serve(applied: number, isOver: () => boolean): boolean {
    for (;;) {
      const first = this.#confirmed[0];
      // INVARIANT(read-at-index): never before the state machine holds the index of the round.
      if (first === undefined || first.index > applied) return false;
      if (!first.serve(this.#options.server, isOver)) return true;
      this.#confirmed.shift();
    }
  }

  /** Tells those whose deadline has passed. */
  expire(nowMs: number, makeError: () => DougError): void {
    this.#gathering.expire(nowMs, makeError);
    this.#asked?.batch.expire(nowMs, makeError);
    for (const batch of this.#confirmed) batch.expire(nowMs, makeError);
  }

  failAll(error: DougError): void {
    const batches = [...this.#confirmed, ...(this.#asked ? [this.#asked.batch] : [])];
    batches.push(this.#gathering);
    this.#confirmed = [];
    this.#asked = null;
    this.#gathering = new ReadBatch();
    for (const batch of batches) batch.failAll(error);
  }

  #take(ticket: number): ReadBatch | null {
    if (this.#asked?.ticket !== ticket) return null;
    const { batch } = this.#asked;
    this.#asked = null;
    return batch;
  }

  #giveUp(batch: ReadBatch, reason: DropReason): void {
    const error = this.#options.refusals.noLeader(`no leader confirmed the read point: ${reason}`);
    batch.failAll(error);
    this.#options.points.dropped(batch.askedMs, error);
  }
}
