import type { Clock, Timer } from '@dougdb/ports';

export interface TickerOptions {
  readonly clock: Clock;
  readonly tickMs: number;
  readonly onTick: () => void;
  /** Ticks that were left out. */
  readonly onMissed: (count: number) => void;
}

/**
 * Raft's ticks. What the loop slept through is not made up: a node that was held up must not think
 * that its leader was silent. After a stall whatever came in meanwhile is taken in first, for one turn
 * of the loop, and only then the next tick counts.
 */
export class Ticker {
  readonly #options: TickerOptions;
  #timer: Timer | null = null;
  #dueMs = 0;
  #stopped = true;

  constructor(options: TickerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopped = false;
    this.#dueMs = this.#options.clock.monotonicMs() + this.#options.tickMs;
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    const delayMs = Math.max(0, this.#dueMs - this.#options.clock.monotonicMs());
    this.#timer = this.#options.clock.setTimer(delayMs, () => this.#fired());
  }

  #fired(): void {
    const { clock, tickMs, onMissed } = this.#options;
    const missed = Math.floor((clock.monotonicMs() - this.#dueMs) / tickMs);
    if (missed < 1) {
      this.#tick();
      return;
    }
    onMissed(missed);
    this.#dueMs += missed * tickMs;
    clock.defer(() => this.#tick());
  }

  #tick(): void {
    if (this.#stopped) return;
    this.#dueMs += this.#options.tickMs;
    this.#schedule();
    this.#options.onTick();
  }
}
