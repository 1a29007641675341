import type { Clock, Random } from '@dougdb/ports';
import { type BackoffOptions, backoffMs } from '../backoff.js';

interface Failure {
  failures: number;
  untilMs: number;
}

/** Addresses whose stream was lost: they are left alone for a while that grows with each failure. */
export class ShunnedAddresses {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #backoff: BackoffOptions;
  readonly #failed = new Map<string, Failure>();

  constructor(clock: Clock, random: Random, backoff: BackoffOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#backoff = backoff;
  }

  /** The stream to an address was lost, or never came about. */
  add(address: string): void {
    const failure = this.#failed.get(address) ?? { failures: 0, untilMs: 0 };
    failure.failures++;
    failure.untilMs =
      this.#clock.monotonicMs() + backoffMs(failure.failures, this.#random, this.#backoff);
    this.#failed.set(address, failure);
  }

  /** Whether an address is to be left alone now. */
  has(address: string): boolean {
    if (this.#failed.size === 0) return false;
    const failure = this.#failed.get(address);
    return failure !== undefined && this.#clock.monotonicMs() < failure.untilMs;
  }

  /** It has answered. */
  forgive(address: string): void {
    if (this.#failed.size > 0) this.#failed.delete(address);
  }
}
