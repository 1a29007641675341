import type { DougError } from '@dougdb/rpc-proto';
import { AnswerRuns } from '../answer-runs.js';
import type { AnswerSink, ReadMark } from '../contract.js';

const FIRST_KEY_BYTES = 1024;

/** Somebody who needs the read point itself: a scan. Exactly one of the two is called. */
export interface ReadWaiter {
  readonly deadlineMs: number;
  /** The state is there at this moment, and not a turn later. */
  ready(mark: ReadMark): void;
  failed(error: DougError): void;
}

/** What is done with what a batch holds, once it is its turn. */
export interface ReadServer {
  /** Answers sink by id, now or later. The key is the batch's and never changes. */
  read(key: Uint8Array, deadlineMs: number, sink: AnswerSink, id: number): void;
  wait(waiter: ReadWaiter): void;
}

/** Reads that share one round of ReadIndex. Keys are copied into one slab. */
export class ReadBatch {
  /** Everything applied up to here makes the reads linearizable. */
  index = 0;
  /** Monotonic milliseconds at which the round began. */
  askedMs = 0;
  readonly answers = new AnswerRuns();
  #waiters: ReadWaiter[] = [];
  #keys: Uint8Array = none;
  #keyBytes = 0;
  readonly #keyEnds: number[] = [];
  #served = 0;

  /** Reads and waiters without an answer. */
  get open(): number {
    return this.answers.open + this.#waiters.length;
  }

  add(key: Uint8Array, deadlineMs: number, sink: AnswerSink, id: number): void {
    const end = this.#keyBytes + key.length;
    if (end > this.#keys.length) this.#grow(end);
    this.#keys.set(key, this.#keyBytes);
    this.#keyBytes = end;
    this.#keyEnds.push(end);
    this.answers.add(sink, id, deadlineMs);
  }

  addWaiter(waiter: ReadWaiter): void {
    this.#waiters.push(waiter);
  }

  /** Serves waiters and reads until `isOver` says so; true when all are served. */
  serve(server: ReadServer, isOver: () => boolean): boolean {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) server.wait(waiter);
    while (this.#served < this.#keyEnds.length) {
      const start = this.#keyEnds[this.#served - 1] ?? 0;
      const end = this.#keyEnds[this.#served]!;
      this.#served++;
      this.answers.next();
      const { sink, id, deadlineMs } = this.answers;
      if (sink !== null) server.read(this.#keys.subarray(start, end), deadlineMs, sink, id);
      if (isOver()) return this.#served === this.#keyEnds.length;
    }
    return true;
  }

  /** Answers what has no answer yet. */
  failAll(error: DougError): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.failed(error);
    this.answers.failRest(error);
  }

  expire(nowMs: number, makeError: () => DougError): void {
    this.answers.expire(nowMs, makeError);
    if (!this.#waiters.some((waiter) => waiter.deadlineMs <= nowMs)) return;
    const error = makeError();
    const late = this.#waiters.filter((waiter) => waiter.deadlineMs <= nowMs);
    this.#waiters = this.#waiters.filter((waiter) => waiter.deadlineMs > nowMs);
    for (const waiter of late) waiter.failed(error);
  }

  #grow(needed: number): void {
    // Keys handed out before keep the old slab: it is not written any more.
    const larger = new Uint8Array(Math.max(FIRST_KEY_BYTES, this.#keys.length * 2, needed));
    larger.set(this.#keys.subarray(0, this.#keyBytes));
    this.#keys = larger;
  }
}

const none = new Uint8Array(0);
