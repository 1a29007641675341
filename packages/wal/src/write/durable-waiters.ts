import type { Clock } from '@dougdb/ports';
import type { DurableCallback, WalError } from '../contract.js';

interface Waiter {
  readonly ordinal: number;
  readonly callback: DurableCallback;
}

/** Callbacks that wait for frames to be durable, in the order in which they were asked for. */
export class DurableWaiters {
  readonly #clock: Clock;
  #waiters: Waiter[] = [];
  #head = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#head === this.#waiters.length;
  }

  /** Waits until the data frame with this ordinal, and all before it, are durable. */
  add(ordinal: number, callback: DurableCallback): void {
    this.#waiters.push({ ordinal, callback });
  }

  /** Everything up to this ordinal is durable. Callbacks may add more, which wait their turn. */
  settle(ordinal: number): void {
    this.#callAll(ordinal, null);
  }

  /** Nothing more will be durable. */
  fail(error: WalError): void {
    this.#callAll(Number.POSITIVE_INFINITY, error);
  }

  #callAll(ordinal: number, error: WalError | null): void {
    let waiter = this.#waiters[this.#head];
    while (waiter !== undefined && waiter.ordinal <= ordinal) {
      this.#head++;
      this.#call(waiter.callback, error);
      waiter = this.#waiters[this.#head];
    }
    this.#trim();
  }

  #call(callback: DurableCallback, error: WalError | null): void {
    try {
      callback(error);
    } catch (thrown) {
      // The caller's bug must neither stop the others nor pass for a failed disk.
      this.#clock.defer(() => {
        throw thrown;
      });
    }
  }

  #trim(): void {
    if (this.isEmpty) this.#waiters = [];
    else if (this.#head >= 4096) this.#waiters = this.#waiters.slice(this.#head);
    else return;
    this.#head = 0;
  }
}
