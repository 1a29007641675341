import type { Clock } from '../../clock.js';

interface Pending {
  readonly finish: () => void;
  readonly abort: (error: Error) => void;
}

/**
 * Asynchronous operations between their call and their end. With a clock they end when their delay
 * of virtual time is over; without one on a microtask each, in the order of the calls.
 */
export class PendingOperations {
  /** Null: microtasks. */
  clock: Clock | null;
  readonly #pending = new Set<Pending>();
  #stalled: Pending[] = [];

  constructor(clock: Clock | null) {
    this.clock = clock;
  }

  get stalledCount(): number {
    return this.#stalled.length;
  }

  /** Runs `complete` later and settles as it does. A delay of null: not before {@link release}. */
  run<T>(delayMs: number | null, complete: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        finish: () => {
          // Aborted meanwhile: it was rejected then.
          if (!this.#pending.delete(pending)) return;
          try {
            resolve(complete());
          } catch (error) {
            reject(error);
          }
        },
        abort: reject,
      };
      this.#pending.add(pending);
      if (delayMs === null) this.#stalled.push(pending);
      else this.#finishAfter(pending, delayMs);
    });
  }

  /** Lets what is stalled end, in order. */
  release(): void {
    const stalled = this.#stalled;
    this.#stalled = [];
    for (const pending of stalled) this.#finishAfter(pending, 0);
  }

  /** Rejects everything that is under way; none of it will take effect. */
  abort(makeError: () => Error): void {
    const all = [...this.#pending];
    this.#pending.clear();
    this.#stalled = [];
    for (const pending of all) pending.abort(makeError());
  }

  #finishAfter(pending: Pending, delayMs: number): void {
    if (this.clock === null) queueMicrotask(pending.finish);
    else this.clock.setTimer(delayMs, pending.finish);
  }
}
