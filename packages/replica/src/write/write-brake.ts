import type { Clock, Timer } from '@dougdb/ports';
import type { Db } from '@dougdb/sstable';

export interface WriteBrakeOptions {
  readonly db: Pick<Db, 'pressure'>;
  readonly clock: Clock;
  /** A turn is due. */
  readonly wake: () => void;
}

/**
 * Spaces the entries of a leader while its flushes and compactions are behind, by what the database suggests
 * (up to 25 ms), so that it seldom comes to the point where writes are refused. They wait instead of being
 * refused: a refused write costs a round trip and comes again, and who waits for an answer sends nothing
 * more; meanwhile the entry gathers more commands. An entry that is full goes at once: beyond that
 * only BUSY helps.
 */
export class WriteBrake {
  readonly #options: WriteBrakeOptions;
  /** Runs while no further entry may go. */
  #pause: Timer | null = null;

  constructor(options: WriteBrakeOptions) {
    this.#options = options;
  }

  /** Whether an entry may be proposed now. If not, a turn comes when it may. */
  takeTurn(): boolean {
    if (this.#pause !== null) return false;
    const { db, clock, wake } = this.#options;
    const { delayMs } = db.pressure;
    if (delayMs > 0) {
      this.#pause = clock.setTimer(delayMs, () => {
        this.#pause = null;
        wake();
      });
    }
    return true;
  }

  /** Nothing comes any more. */
  close(): void {
    this.#pause?.cancel();
    this.#pause = null;
  }
}
