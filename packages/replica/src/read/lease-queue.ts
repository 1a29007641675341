import type { Clock } from '@dougdb/ports';
import type { RawNode } from '@dougdb/raft-core';
import { Consistency, type DougError } from '@dougdb/rpc-proto';
import type { AnswerSink, ReadMark } from '../contract.js';
import { ReadBatch, type ReadServer, type ReadWaiter } from './read-batch.js';
import type { ReadQueue } from './read-queue.js';
import type { ReadTerms } from './read-terms.js';
import type { TableReader } from './table-reader.js';

export interface LeaseQueueOptions {
  readonly core: RawNode;
  readonly clock: Clock;
  readonly tables: TableReader;
  /** Where reads go on whose lease has ended. */
  readonly rounds: ReadQueue;
  /** Why a key cannot be read here now; null: it can. */
  readonly refuse: (key: Uint8Array) => DougError | null;
  /** Asks for a turn. */
  readonly wake: () => void;
}

/**
 * Reads under the leader's lease (S10): gathered in a turn, which takes the commit index at its beginning,
 * served when that is applied, if the lease still holds. Where it does not, they go on in a round of
 * ReadIndex, and their answers say so: a lease is a way to be quick, and to be without one no failure.
 */
export class LeaseQueue implements ReadTerms, ReadServer {
  readonly labels = { level: 'lease' };
  readonly #options: LeaseQueueOptions;
  readonly #toRounds: ReadServer;
  #gathering = new ReadBatch();
  /** With their indexes, which do not fall. */
  #waiting: ReadBatch[] = [];

  constructor(options: LeaseQueueOptions) {
    this.#options = options;
    const { rounds } = options;
    this.#toRounds = {
      read: (key, deadlineMs, sink, id) => rounds.add(key, deadlineMs, sink, id),
      wait: (waiter) => rounds.addWaiter(waiter),
    };
  }

  /** Reads without an answer. */
  get open(): number {
    let open = this.#gathering.open;
    for (const batch of this.#waiting) open += batch.open;
    return open;
  }

  /** Copies the key. */
  add(key: Uint8Array, deadlineMs: number, sink: AnswerSink, id: number): void {
    this.#gathering.add(key, deadlineMs, sink, id);
  }

  addWaiter(waiter: ReadWaiter): void {
    this.#gathering.addWaiter(waiter);
  }

  /** Takes the commit index for everything gathered, or hands it to the rounds. */
  startTurn(): void {
    if (this.#gathering.open === 0) return;
    const batch = this.#gathering;
    this.#gathering = new ReadBatch();
    const { core, clock } = this.#options;
    // All of it arrived before this moment, so this index covers what was acknowledged before it did.
    const index = core.leaseReadIndex(clock.monotonicMs());
    if (index === null) {
      batch.serve(this.#toRounds, never);
    } else {
      batch.index = index;
      this.#waiting.push(batch);
    }
  }

  /** Serves what `applied` allows, until `isOver`. True if some of it is left for the next turn. */
  serve(applied: number, isOver: () => boolean): boolean {
    for (;;) {
      const first = this.#waiting[0];
      // INVARIANT(read-at-index): never before the state machine holds the index.
      if (first === undefined || first.index > applied) return false;
      if (!first.serve(this, isOver)) return true;
      this.#waiting.shift();
    }
  }

  /** One read of a batch whose index is applied. */
  read(key: Uint8Array, deadlineMs: number, sink: AnswerSink, id: number): void {
    const refused = this.#options.refuse(key);
    if (refused === null) this.#options.tables.get(key, this, deadlineMs, sink, id);
    else sink.failed(id, refused);
  }

  /** One waiter of a batch whose index is applied. */
  wait(waiter: ReadWaiter): void {
    const mark = this.mark();
    if (mark !== null) {
      waiter.ready(mark);
      return;
    }
    this.#options.rounds.addWaiter(waiter);
    this.#options.wake();
  }

  /**
   * INVARIANT(lease-checked-twice): the lease held when the read came; that it holds now, with the value in
   * hand, is looked at again. What is told under a lease is then told while nobody else can lead.
   */
  mark(): ReadMark | null {
    const { core, clock } = this.#options;
    return core.leaseValid(clock.monotonicMs()) ? leaseMark : null;
  }

  again(key: Uint8Array, deadlineMs: number, sink: AnswerSink, id: number): void {
    this.#options.rounds.add(key, deadlineMs, sink, id);
    this.#options.wake();
  }

  expire(nowMs: number, makeError: () => DougError): void {
    this.#gathering.expire(nowMs, makeError);
    for (const batch of this.#waiting) batch.expire(nowMs, makeError);
  }

  failAll(error: DougError): void {
    const batches = [...this.#waiting, this.#gathering];
    this.#waiting = [];
    this.#gathering = new ReadBatch();
    for (const batch of batches) batch.failAll(error);
  }
}

const leaseMark: ReadMark = Object.freeze({ served: Consistency.CONSISTENCY_LEASE, ageMs: 0 });
const never = (): boolean => false;
