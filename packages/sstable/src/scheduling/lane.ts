import { SstError, SstErrorCode } from '../contract.js';

/** However urgent, a waiter counts no more than this: so the wait of the others is bounded. */
export const MAX_SCORE = 16;

interface Waiter {
  readonly owner: object;
  readonly score: () => number;
  /** How many others went first. */
  age: number;
  readonly admit: () => void;
  readonly refuse: (error: SstError) => void;
}

/**
 * Lets a bounded number of pieces of work run at a time, for all databases of a process. The most urgent
 * goes next; each time that another one goes first a waiter grows more urgent by one. So with n waiters
 * everybody's turn comes after at most MAX_SCORE + n others, however busy one of the databases is.
 */
export class Lane {
  readonly #limit: number;
  readonly #waiters: Waiter[] = [];
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiters.length;
  }

  /**
   * Runs the work in its turn.
   * @param score - how urgent it is; asked again whenever somebody's turn comes
   * @throws what the work throws; SST_CLOSED if its owner was forgotten before its turn
   */
  async run<T>(owner: object, score: () => number, work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit || this.#waiters.length > 0) await this.#turn(owner, score);
    else this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
      this.#admitNext();
    }
  }

  /** Whoever waits for this owner waits no more. What runs is not touched. */
  forget(owner: object): void {
    const gone = this.#waiters.filter((waiter) => waiter.owner === owner);
    for (const waiter of gone) {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.refuse(new SstError(SstErrorCode.Closed, 'the database was closed'));
    }
  }

  /** The turn is counted as running from the moment at which it is given. */
  #turn(owner: object, score: () => number): Promise<void> {
    return new Promise((admit, refuse) => {
      this.#waiters.push({ owner, score, age: 0, admit, refuse });
    });
  }

  #admitNext(): void {
    while (this.#running < this.#limit) {
      let next: Waiter | undefined;
      let best = Number.NEGATIVE_INFINITY;
      for (const waiter of this.#waiters) {
        const urgency = waiter.age + Math.min(MAX_SCORE, waiter.score());
        if (urgency <= best) continue;
        next = waiter;
        best = urgency;
      }
      if (next === undefined) return;
      this.#waiters.splice(this.#waiters.indexOf(next), 1);
      for (const waiter of this.#waiters) waiter.age++;
      this.#running++;
      next.admit();
    }
  }
}
