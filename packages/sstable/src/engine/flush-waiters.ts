import type { SstError } from '../contract.js';

interface Waiter {
  /** Freezes that must be installed. */
  readonly freezes: number;
  readonly resolve: () => void;
  readonly reject: (error: SstError) => void;
}

/** Who waits until everything frozen so far is installed. */
export class FlushWaiters {
  #waiters: Waiter[] = [];

  wait(freezes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ freezes, resolve, reject });
    });
  }

  /** So many freezes are installed. */
  settle(installed: number): void {
    const ready = this.#waiters.filter(({ freezes }) => freezes <= installed);
    this.#waiters = this.#waiters.filter(({ freezes }) => freezes > installed);
    for (const { resolve } of ready) resolve();
  }

  rejectAll(error: SstError): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiters) reject(error);
  }
}
