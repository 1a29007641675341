import type { Clock } from '@dougdb/ports';
import { Consistency, type DougError } from '@dougdb/rpc-proto';
import type { AnswerSink, ReadMark } from '../contract.js';
import type { Refusals } from '../refusals.js';
import type { ReadWaiter } from './read-batch.js';
import type { PointTaker } from './read-queue.js';
import type { ReadTerms } from './read-terms.js';

export interface BoundedQueueOptions {
  readonly clock: Clock;
  readonly refusals: Refusals;
  /** Asks for a turn. */
  readonly wake: () => void;
}

/** Takes one read on, after its terms ran out or for the first time. */
export type TakeBounded = (
  key: Uint8Array,
  boundMs: number,
  deadlineMs: number,
  sink: AnswerSink,
  id: number,
) => void;

/** A round whose index is not applied here yet. */
interface Point {
  readonly index: number;
  readonly askedMs: number;
}

interface Waiting {
  readonly boundMs: number;
  readonly sinceMs: number;
  readonly waiter: ReadWaiter;
}

/**
 * Reads that may show a state of some age (S20). The age is counted from the beginning of a round of
 * ReadIndex whose index is applied here: all that was acknowledged before is in the state. Any round will
 * do, those of linearizable reads too; one is asked for when the newest is older than half of what a read
 * allows, so that reads of all bounds share them and few wait. The time since the leader was last heard
 * says nothing: a leader that was deposed is heard as well.
 */
export class BoundedQueue implements PointTaker {
  readonly #options: BoundedQueueOptions;
  #wantsPoint = false;
  /** When the round in flight began, and the newest that was confirmed. */
  #askedMs = Number.NEGATIVE_INFINITY;
  #confirmedMs = Number.NEGATIVE_INFINITY;
  /** Confirmed and not applied. Neither index nor time falls. */
  #points: Point[] = [];
  /** The state here holds everything that was acknowledged before. */
  #freshMs = Number.NEGATIVE_INFINITY;
  #waiting: Waiting[] = [];
  /** The state has become fresher since all that wait were looked at. */
  #hasNews = false;

  constructor(options: BoundedQueueOptions) {
    this.#options = options;
  }

  get open(): number {
    return this.#waiting.length;
  }

  get wantsPoint(): boolean {
    return this.#wantsPoint;
  }

  /** What a read may be answered as that allows this age; null: the state here is not known to be so fresh. */
  mark(boundMs: number): ReadMark | null {
    // INVARIANT(bounded-by-round): the age is that of a round, from before its request left.
    const ageMs = this.#options.clock.monotonicMs() - this.#freshMs;
    return ageMs <= boundMs ? { served: Consistency.CONSISTENCY_BOUNDED, ageMs } : null;
  }

  /** A read with this bound came: the state is kept fresh enough for the next one. */
  want(boundMs: number): void {
    const newestMs = Math.max(this.#askedMs, this.#confirmedMs);
    if (this.#options.clock.monotonicMs() - newestMs <= boundMs / 2 || this.#wantsPoint) return;
    this.#wantsPoint = true;
    this.#options.wake();
  }

  /** Told when the state is fresh enough, or that it did not become so within the bound. */
  addWaiter(boundMs: number, waiter: ReadWaiter): void {
    this.#waiting.push({ boundMs, sinceMs: this.#options.clock.monotonicMs(), waiter });
    this.want(boundMs);
  }

  /** The terms of reads with this bound. `take` is told of those whose age passed it at the disk. */
  terms(boundMs: number, take: TakeBounded): ReadTerms {
    return {
      labels: BOUNDED_LABELS,
      mark: () => this.mark(boundMs),
      again: (key, deadlineMs, sink, id) => take(key, boundMs, deadlineMs, sink, id),
    };
  }

  asked(atMs: number): void {
    this.#wantsPoint = false;
    this.#askedMs = atMs;
  }

  confirmed(index: number, askedMs: number): void {
    this.#confirmedMs = askedMs;
    this.#points.push({ index, askedMs });
  }

  dropped(askedMs: number, error: DougError): void {
    this.#wantsPoint = false;
    this.#askedMs = Number.NEGATIVE_INFINITY;
    const lost = this.#waiting.filter(({ sinceMs }) => sinceMs <= askedMs);
    this.#waiting = this.#waiting.filter(({ sinceMs }) => sinceMs > askedMs);
    for (const { waiter } of lost) waiter.failed(error);
    this.#wantMore();
  }

  /** Serves what `applied` allows, until `isOver`. True if some of it is left for the next turn. */
  serve(applied: number, isOver: () => boolean): boolean {
    for (let first = this.#points[0]; first !== undefined; first = this.#points[0]) {
      if (first.index > applied) break;
      this.#points.shift();
      this.#freshMs = first.askedMs;
      this.#hasNews = true;
    }
    return this.#hasNews && this.#serveWaiting(isOver);
  }

  expire(nowMs: number, makeError: () => DougError): void {
    if (this.#waiting.length === 0) return;
    const isLate = ({ boundMs, sinceMs, waiter }: Waiting): boolean =>
      waiter.deadlineMs <= nowMs || nowMs - sinceMs > boundMs;
    const late = this.#waiting.filter(isLate);
    this.#waiting = this.#waiting.filter((one) => !isLate(one));
    for (const { boundMs, waiter } of late) {
      if (waiter.deadlineMs <= nowMs) waiter.failed(makeError());
      else waiter.failed(this.#notFresh(boundMs));
    }
    this.#wantMore();
  }

  failAll(error: DougError): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#points = [];
    this.#wantsPoint = false;
    this.#askedMs = Number.NEGATIVE_INFINITY;
    for (const { waiter } of waiting) waiter.failed(error);
  }

  #serveWaiting(isOver: () => boolean): boolean {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const [at, one] of waiting.entries()) {
      const mark = this.mark(one.boundMs);
      if (mark === null) this.#waiting.push(one);
      else one.waiter.ready(mark);
      if (mark === null || !isOver()) continue;
      this.#waiting.push(...waiting.slice(at + 1));
      return this.#waiting.length > 0;
    }
    this.#hasNews = false;
    this.#wantMore();
    return false;
  }

  #wantMore(): void {
    for (const { boundMs } of this.#waiting) this.want(boundMs);
  }

  /**
   * NO_LEADER: it is the leader's word that was not to be had, or not in time. Another replica may have it,
   * and this one after a pause, which is what a client does with this code.
   */
  #notFresh(boundMs: number): DougError {
    const what = `no leader confirmed a state within ${boundMs} ms that is applied here`;
    return this.#options.refusals.noLeader(what);
  }
}

const BOUNDED_LABELS = { level: 'bounded' } as const;
