/** Tokens that may be saved up, as time at the full rate. */
const BURST_MS = 50;
const LEAST_BURST_BYTES = 64 * 1024;
/** Longest pause in one piece: a new rate, or a cancelled job, is noticed after it. */
const MAX_PAUSE_MS = 100;

/**
 * A token bucket: says how long a job should pause after it has written, so that it keeps to a rate that
 * may change at any time.
 */
export class Pacer {
  readonly #nowMs: () => number;
  readonly #bytesPerSecond: () => number;
  #tokens = 0;
  #lastMs: number;

  /** @param bytesPerSecond - is asked each time; 0 or less: no limit */
  constructor(nowMs: () => number, bytesPerSecond: () => number) {
    this.#nowMs = nowMs;
    this.#bytesPerSecond = bytesPerSecond;
    this.#lastMs = nowMs();
  }

  /** Counts bytes that were written (0 after a pause); answers the milliseconds to pause now, 0 for none. */
  take(bytes: number): number {
    const rate = this.#bytesPerSecond();
    const nowMs = this.#nowMs();
    const passedMs = Math.max(0, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    if (rate <= 0) {
      this.#tokens = 0;
      return 0;
    }
    const burst = Math.max(LEAST_BURST_BYTES, (rate * BURST_MS) / 1000);
    this.#tokens = Math.min(burst, this.#tokens + (passedMs * rate) / 1000) - bytes;
    // A debt of less than a byte is what rounding leaves: a pause as short may not move the clock at all.
    return this.#tokens > -1 ? 0 : Math.min(MAX_PAUSE_MS, (-this.#tokens / rate) * 1000);
  }
}
