import type { JobControl } from './job.js';

const CANCELLED = 0;
const KIB_PER_SECOND = 1;
const CELLS = 2;
const KIB = 1024;
const LARGEST_KIB_PER_SECOND = 2 ** 31 - 1;

/**
 * How the main thread reaches a job that runs in another one: two words of shared memory say whether it
 * is cancelled and how fast it may write. The same object serves a job that runs in slices on the loop.
 */
export class JobSwitch implements JobControl {
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;

  /** @param memory - of the other side's switch; left out: a new one */
  constructor(memory = new SharedArrayBuffer(CELLS * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#cells = new Int32Array(memory);
  }

  get isCancelled(): boolean {
    return Atomics.load(this.#cells, CANCELLED) !== 0;
  }

  /** Ends the job at its next step, and a sleep of its thread at once. */
  cancel(): void {
    Atomics.store(this.#cells, CANCELLED, 1);
    Atomics.notify(this.#cells, CANCELLED);
  }

  /** 0: as fast as it can. */
  get bytesPerSecond(): number {
    return Atomics.load(this.#cells, KIB_PER_SECOND) * KIB;
  }

  /** Takes effect while the job runs. What is not 0 is at least 1 KiB a second. */
  set bytesPerSecond(bytesPerSecond: number) {
    const kib = bytesPerSecond <= 0 ? 0 : Math.max(1, Math.round(bytesPerSecond / KIB));
    Atomics.store(this.#cells, KIB_PER_SECOND, Math.min(kib, LARGEST_KIB_PER_SECOND));
  }

  /** Blocks this thread, which must not be the main one, until the time is over or the job is cancelled. */
  sleep(durationMs: number): void {
    Atomics.wait(this.#cells, CANCELLED, 0, durationMs);
  }
}
