/** Time. Two clocks that must never be mixed: one that only goes forward, one that people read. */
export interface Clock {
  /** Milliseconds with fractions since an arbitrary start; never goes back, not moved by the wall clock. */
  monotonicMs(): number;
  /** Milliseconds since 1970-01-01 UTC; may jump either way at any time. */
  wallMs(): number;
  /** Calls `run` once, not before delayMs of monotonic time. */
  setTimer(delayMs: number, run: () => void): Timer;
  /**
   * Calls `run` on the next turn of the loop, after the I/O of this one, in order of the calls:
   * what gathers the work of one turn into one batch.
   */
  defer(run: () => void): void;
}

export interface Timer {
  /** A cancelled or finished timer does nothing. */
  cancel(): void;
}
