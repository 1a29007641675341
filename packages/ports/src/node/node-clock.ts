import type { Clock, Timer } from '../clock.js';

const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** The clocks of this machine. */
export class NodeClock implements Clock {
  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  /** @throws RangeError if delayMs is not a number */
  setTimer(delayMs: number, run: () => void): Timer {
    if (Number.isNaN(delayMs)) throw new RangeError('a timer needs a delay');
    const dueMs = performance.now() + delayMs;
    let handle: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      handle = setTimeout(fire, Math.min(Math.ceil(leftMs), LONGEST_TIMEOUT_MS));
    };
    // Node counts whole milliseconds from the start of the loop's turn, so it may be early.
    const fire = (): void => {
      const leftMs = dueMs - performance.now();
      if (leftMs > 0) arm(leftMs);
      else run();
    };
    arm(delayMs);
    return { cancel: () => clearTimeout(handle) };
  }

  defer(run: () => void): void {
    setImmediate(run);
  }
}

/**
 * Resolves on the next turn of the loop, when no microtask is left: the `drain` of a simulated
 * scheduler that must not run ahead of long promise chains.
 */
export function drainLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
