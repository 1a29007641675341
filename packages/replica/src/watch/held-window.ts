import type { EventPlace } from './event-place.js';
import type { VersionWindow, WindowBounds } from './version-window.js';
import type { WatchPosition } from './watch-position.js';
import type { WindowBudget, WindowHolder } from './window-budget.js';

/** The window of one watch, if it has one, and what that holds of the budget. */
export class HeldWindow implements WindowHolder {
  readonly #budget: WindowBudget;
  /** It may ask again for a window. */
  readonly #onFree: () => void;
  #window: VersionWindow | null = null;
  #isCollected = false;
  #takenBytes = 0;

  constructor(budget: WindowBudget, onFree: () => void) {
    this.#budget = budget;
    this.#onFree = onFree;
  }

  get isOpen(): boolean {
    return this.#window !== null;
  }

  /** False: it has to wait for its turn. @throws SstError; then nothing is held */
  open(events: number, make: (bounds: WindowBounds) => VersionWindow): boolean {
    if (!this.#budget.take(this.#onFree)) return false;
    this.#takenBytes = this.#budget.windowBytes;
    this.#isCollected = false;
    try {
      this.#window = make({ memoryBytes: this.#budget.windowBytes, events });
    } catch (error) {
      this.close();
      throw error;
    }
    return true;
  }

  /** Collects until `isOver`. True when all is collected. @throws SstError */
  collect(isOver: () => boolean): boolean {
    if (this.#isCollected || this.#window === null) return true;
    if (!this.#window.collect(isOver)) return false;
    this.#isCollected = true;
    this.#giveBack(this.#takenBytes - Math.min(this.#takenBytes, this.#window.memoryBytes));
    return true;
  }

  /** Points at the event that comes next. False when there is none. */
  peek(place: EventPlace): boolean {
    return this.#window?.peek(place) ?? false;
  }

  /** The event of the last peek was taken. */
  advance(): void {
    this.#window?.advance();
  }

  /** Everything up to here was in the window; null: there is none. */
  get end(): WatchPosition | null {
    return this.#window?.end ?? null;
  }

  /** What is here is for later: whoever waits for memory may have it. */
  setIdle(): void {
    if (this.#window !== null) this.#budget.setIdle(this);
  }

  setBusy(): void {
    this.#budget.setBusy(this);
  }

  giveUp(): void {
    this.close();
  }

  /** Lets go of the window. */
  close(): void {
    this.#window?.close();
    this.#window = null;
    this.setBusy();
    this.#giveBack(this.#takenBytes);
  }

  /** Lets go of everything, its place among those who wait included. */
  leave(): void {
    this.close();
    this.#budget.forget(this.#onFree);
  }

  #giveBack(bytes: number): void {
    this.#takenBytes -= bytes;
    if (bytes > 0) this.#budget.give(bytes);
  }
}
