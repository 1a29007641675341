/** Memory of one window over older versions, at most. */
export const WINDOW_BYTES = 16 << 20;
/** Of all windows of a process. */
export const WINDOWS_BYTES = 64 << 20;

/** Somebody who holds a window only for later: it can be read again. */
export interface WindowHolder {
  /** Gives everything back that it holds of the budget, at once. */
  giveUp(): void;
}

/**
 * Memory for all windows of a process: few are collected at a time, the others wait for their turn. Who
 * cannot send what it has collected keeps it only while nobody else waits.
 */
export class WindowBudget {
  /** Of one window, at most. */
  readonly windowBytes: number;
  readonly #capacityBytes: number;
  #takenBytes = 0;
  readonly #idle = new Set<WindowHolder>();
  readonly #waiting = new Set<() => void>();

  /**
   * @param capacityBytes - of all windows together
   * @param windowBytes - of one, not more than all
   */
  constructor(capacityBytes: number, windowBytes: number) {
    this.#capacityBytes = capacityBytes;
    this.windowBytes = windowBytes;
  }

  get takenBytes(): number {
    return this.#takenBytes;
  }

  /**
   * Takes room for one window. False when there is none: then `onFree` is called once when there may be,
   * first come, first served. Ask again then.
   */
  take(onFree: () => void): boolean {
    for (const holder of this.#idle) {
      if (this.#hasRoom()) break;
      this.#idle.delete(holder);
      holder.giveUp();
    }
    if (!this.#hasRoom()) {
      this.#waiting.add(onFree);
      return false;
    }
    this.#takenBytes += this.windowBytes;
    return true;
  }

  /** Waits no longer. If it was its turn, it is another's now. */
  forget(onFree: () => void): void {
    this.#waiting.delete(onFree);
    this.give(0);
  }

  /** Gives back what was taken, or a part of it. */
  give(bytes: number): void {
    this.#takenBytes -= bytes;
    let turns = Math.floor((this.#capacityBytes - this.#takenBytes) / this.windowBytes);
    for (const onFree of this.#waiting) {
      if (--turns < 0) return;
      this.#waiting.delete(onFree);
      onFree();
    }
  }

  /** What it holds is for later: it may be told to give it up. */
  setIdle(holder: WindowHolder): void {
    if (this.#waiting.size === 0) this.#idle.add(holder);
    else holder.giveUp();
  }

  setBusy(holder: WindowHolder): void {
    this.#idle.delete(holder);
  }

  #hasRoom(): boolean {
    return this.#takenBytes + this.windowBytes <= this.#capacityBytes;
  }
}
