import type { Clock } from '@dougdb/ports';

/** Operations and entries after which the loop has a turn: about half a millisecond. */
const TURN_ENTRIES = 500;

/**
 * Keeps answers from memory from starving the event loop. Such an answer is a promise that is settled at
 * once, and whoever awaits one after the other never leaves the microtasks: no timer, no socket and no flush
 * of ours would get its turn. So now and then an operation waits for the next turn.
 */
export class TurnMeter {
  readonly #clock: Clock;
  #left = TURN_ENTRIES;
  #turn: Promise<void> | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counts work that was done; true if the loop should have a turn before more is done. */
  charge(entries: number): boolean {
    this.#left -= entries;
    return this.#left <= 0;
  }

  /** Resolves on the next turn of the loop. */
  nextTurn(): Promise<void> {
    this.#turn ??= new Promise((resolve) => {
      this.#clock.defer(() => {
        this.#turn = null;
        this.#left = TURN_ENTRIES;
        resolve();
      });
    });
    return this.#turn;
  }
}
