import type { Operation, Place } from './operation.js';

/** Below it nothing is worth being swept out. */
const SMALLEST = 1_024;

/**
 * Operations that wait in one place, in the order in which they came. What has ended meanwhile, or is on
 * its way for another reason, is passed over, and not kept for long: an end frees the room of a call in
 * the client, so that any number of ended ones could gather here.
 */
export class WaitingList {
  readonly #place: Place;
  #ops: Operation[] = [];
  #sweepAt = SMALLEST;

  constructor(place: Place) {
    this.#place = place;
  }

  get isEmpty(): boolean {
    return this.#ops.length === 0;
  }

  /** The place of the operation is the list's from now on. */
  add(op: Operation): void {
    if (this.#ops.length >= this.#sweepAt) this.#sweep();
    this.#ops.push(op);
  }

  /** Takes the first ones out that still wait. */
  take(most: number): Operation[] {
    const taken: Operation[] = [];
    let passed = 0;
    while (taken.length < most && passed < this.#ops.length) {
      const op = this.#ops[passed++] as Operation;
      if (op.place === this.#place) taken.push(op);
    }
    this.#ops.splice(0, passed);
    return taken;
  }

  clear(): void {
    this.#ops = [];
  }

  #sweep(): void {
    this.#ops = this.#ops.filter((op) => op.place === this.#place);
    this.#sweepAt = Math.max(SMALLEST, 2 * this.#ops.length);
  }
}
