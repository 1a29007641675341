import type { Clock } from '@dougdb/ports';
import type { DurableCallback, WalError } from '../contract.js';

/**
 * Callbacks that wait for frames to be durable, in the order in which they were asked for. Two columns, no
 * object for each: guarded by bench/compare.mjs.
 */
export class DurableWaiters {
  readonly #clock: Clock;
  #ordinals: number[] = [];
  #callbacks: DurableCallback[] = [];
  #head = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#head === this.#ordinals.length;
  }

  /** Waits until the data frame with this ordinal, and all before it, are durable. */
  add(ordinal: number, callback: DurableCallback): void {
    this.#ordinals.push(ordinal);
    this.#callbacks.push(callback);
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
    let callback = this.#callbacks[this.#head];
    while (callback !== undefined && (this.#ordinals[this.#head] ?? 0) <= ordinal) {
      this.#head++;
      this.#call(callback, error);
      callback = this.#callbacks[this.#head];
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
    if (this.isEmpty) {
      this.#ordinals = [];
      this.#callbacks = [];
    } else if (this.#head >= 4096) {
      this.#ordinals = this.#ordinals.slice(this.#head);
      this.#callbacks = this.#callbacks.slice(this.#head);
    } else return;
    this.#head = 0;
  }
}
