import type { Clock, Timer } from '@dougdb/ports';
import { type Operation, Place } from './operation.js';
import { WaitingList } from './waiting-list.js';

/**
 * Where the operations of a partition wait together while it cannot be reached: one pause and one timer
 * for all, instead of one each. When the pause is over they go on in the order of their calls.
 */
export class Gate {
  readonly #clock: Clock;
  readonly #release: (waiting: readonly Operation[]) => void;
  readonly #waiting = new WaitingList(Place.gate);
  #timer: Timer | null = null;

  /** @param release - takes those that waited */
  constructor(clock: Clock, release: (waiting: readonly Operation[]) => void) {
    this.#clock = clock;
    this.#release = release;
  }

  get isClosed(): boolean {
    return this.#timer !== null;
  }

  /** Closes it for so long; a gate that is closed already opens when it would have. */
  close(pauseMs: number): void {
    if (this.#timer !== null) return;
    this.#timer = this.#clock.setTimer(pauseMs, () => this.open());
  }

  /** Opens it before its time; an open one stays so. */
  open(): void {
    if (this.#timer === null) return;
    this.#timer.cancel();
    this.#timer = null;
    const waiting = this.#waiting.take(Number.POSITIVE_INFINITY);
    waiting.sort((a, b) => a.serial - b.serial);
    this.#release(waiting);
  }

  /** Call only while it is closed. */
  wait(op: Operation): void {
    op.place = Place.gate;
    this.#waiting.add(op);
  }

  /** Stops the timer; it does not open any more. */
  cancel(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#waiting.clear();
  }
}
