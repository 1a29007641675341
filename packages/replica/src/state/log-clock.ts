import type { Clock, Logger } from '@dougdb/ports';
import { LOG_TIME_PER_MS, logTimeOf, wallMsOf } from './log-time.js';

/** A wall clock further than this from monotonic progress has jumped. */
const JUMP_MS = 1000;
/** How far the clock may lean toward the wall clock: 500 ppm, what a well-kept clock is allowed. */
const LARGEST_SLEW = 0.0005;
/** The anchor moves this rarely, so that rounding does not add up. */
const ANCHOR_MS = 1000;

/**
 * Stamps entries with log time. It runs with the monotonic clock from where the log stood, steered
 * toward the wall clock by at most 500 ppm: a jump of the wall clock is logged, not followed. Strictly
 * increasing; never behind what the log holds, whoever stamped that.
 */
export class LogClock {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #last: number;
  /** These wall milliseconds were now at this monotonic moment; NaN: not running yet. */
  #anchorWallMs = Number.NaN;
  #anchorMonotonicMs = 0;
  #jumped = false;

  /** @param last - newest log time in the log */
  constructor(clock: Clock, logger: Logger, last: number) {
    this.#clock = clock;
    this.#logger = logger;
    this.#last = last;
  }

  /** An entry of another leader came into the log: its time is taken over, and time runs on from it. */
  observe(logTime: number): void {
    if (logTime <= this.#last) return;
    this.#last = logTime;
    this.#anchor(wallMsOf(logTime), this.#clock.monotonicMs());
  }

  /** The stamp of the next entry. */
  stamp(): number {
    this.#last = Math.max(this.#last + 1, this.#now());
    return this.#last;
  }

  /** Log time as it would be now; stamps nothing. */
  read(): number {
    return Math.max(this.#last, this.#now());
  }

  #now(): number {
    const monotonicMs = this.#clock.monotonicMs();
    const wallMs = this.#clock.wallMs();
    if (Number.isNaN(this.#anchorWallMs))
      this.#anchor(Math.max(wallMs, wallMsOf(this.#last)), monotonicMs);
    const elapsedMs = monotonicMs - this.#anchorMonotonicMs;
    const expectedMs = this.#anchorWallMs + elapsedMs;
    const errorMs = wallMs - expectedMs;
    this.#noticeJump(errorMs);
    const largestMs = elapsedMs * LARGEST_SLEW;
    const nowMs = expectedMs + Math.max(-largestMs, Math.min(largestMs, errorMs));
    if (elapsedMs >= ANCHOR_MS) this.#anchor(nowMs, monotonicMs);
    return logTimeOf(nowMs) + Math.floor((nowMs % 1) * LOG_TIME_PER_MS);
  }

  #anchor(wallMs: number, monotonicMs: number): void {
    this.#anchorWallMs = wallMs;
    this.#anchorMonotonicMs = monotonicMs;
  }

  #noticeJump(errorMs: number): void {
    const jumped = Math.abs(errorMs) > JUMP_MS;
    if (jumped && !this.#jumped) {
      this.#logger.warn('replica.wall_clock.jumped', { aheadMs: Math.round(errorMs) });
    }
    this.#jumped = jumped;
  }
}
