import type { Clock } from '@dougdb/ports';
import type { DurableCallback, WalError } from '../contract.js';

/** Callbacks that wait for frames to be durable, in the order in which they were asked for. */
export class DurableWaiters {
  readonly #clock: Clock;
  #ordinals: number[] = [];
  #callbacks: DurableCallback[] = [];
  #head = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#head === this.#callbacks.length;
  }

  /** Waits until the data frame with this ordinal, and all before it, are durable. */
  add(ordinal: number, callback: DurableCallback): void {
    this.#ordinals.push(ordinal);
    this.#callbacks.push(callback);
  }

  /** Everything up to this ordinal is durable. Callbacks may add more, which wait their turn. */
  settle(ordinal: number): void {
    while (this.#head < this.#callbacks.length && this.#ordinals[this.#head]! <= ordinal) {
      this.#next(null);
    }
    this.#trim();
  }

  /** Nothing more will be durable. */
  fail(error: WalError): void {
    while (this.#head < this.#callbacks.length) this.#next(error);
    this.#trim();
  }

  #next(error: WalError | null): void {
    const callback = this.#callbacks[this.#head]!;
    this.#head++;
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
    if (this.#head < this.#callbacks.length) {
      if (this.#head < 4096) return;
      this.#ordinals = this.#ordinals.slice(this.#head);
      this.#callbacks = this.#callbacks.slice(this.#head);
    } else {
      this.#ordinals = [];
      this.#callbacks = [];
    }
    this.#head = 0;
  }
}
