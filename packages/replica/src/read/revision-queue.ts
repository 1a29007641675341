import type { DougError } from '@dougdb/rpc-proto';
import type { Refusals } from '../refusals.js';
import type { ReplicaState } from '../state/replica-state.js';
import type { ReadWaiter } from './read-batch.js';
import { revisionTerms } from './read-terms.js';

export interface RevisionQueueOptions {
  readonly state: ReplicaState;
  readonly refusals: Refusals;
}

interface Waiting {
  readonly revision: number;
  readonly waiter: ReadWaiter;
}

/** Reads at revisions that are not applied here yet. */
export class RevisionQueue {
  readonly #options: RevisionQueueOptions;
  #waiting: Waiting[] = [];
  /** Nobody waits for less. */
  #lowest = Number.POSITIVE_INFINITY;

  constructor(options: RevisionQueueOptions) {
    this.#options = options;
  }

  get open(): number {
    return this.#waiting.length;
  }

  addWaiter(revision: number, waiter: ReadWaiter): void {
    this.#waiting.push({ revision, waiter });
    this.#lowest = Math.min(this.#lowest, revision);
  }

  /** Serves what is applied, until `isOver`. True if some of it is left for the next turn. */
  serve(isOver: () => boolean): boolean {
    const { revision: applied } = this.#options.state;
    if (this.#lowest > applied) return false;
    const waiting = this.#waiting;
    this.#setWaiting([]);
    for (const [at, one] of waiting.entries()) {
      if (one.revision > applied) {
        this.addWaiter(one.revision, one.waiter);
        continue;
      }
      one.waiter.ready(revisionTerms.mark());
      if (!isOver()) continue;
      for (const { revision, waiter } of waiting.slice(at + 1)) this.addWaiter(revision, waiter);
      break;
    }
    return this.#lowest <= applied;
  }

  /** A revision that has not come by then is one of the future, for all that is known here. */
  expire(nowMs: number): void {
    const late = this.#waiting.filter(({ waiter }) => waiter.deadlineMs <= nowMs);
    if (late.length === 0) return;
    this.#setWaiting(this.#waiting.filter(({ waiter }) => waiter.deadlineMs > nowMs));
    const { state, refusals } = this.#options;
    for (const { revision, waiter } of late) {
      const what = `revision ${revision} is not applied here: the newest is ${state.revision}`;
      waiter.failed(refusals.futureRevision(what));
    }
  }

  failAll(error: DougError): void {
    const waiting = this.#waiting;
    this.#setWaiting([]);
    for (const { waiter } of waiting) waiter.failed(error);
  }

  #setWaiting(waiting: Waiting[]): void {
    this.#waiting = waiting;
    this.#lowest = waiting.reduce(
      (least, { revision }) => Math.min(least, revision),
      Number.POSITIVE_INFINITY,
    );
  }
}
