import type { Clock, Timer } from '@dougdb/ports';
import { WriteBatch } from '../batch/write-batch.js';
import type { SstError } from '../contract.js';
import type { LogWriter } from './log-writer.js';

/** How often a stall is looked at. A budget may be shared, so the end of a stall is nobody's event. */
const STALL_LOOK_MS = 5;

interface WaitingWrite {
  readonly batch: WriteBatch;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Writes in the order of the calls: at once, or, while nothing can be written, one behind the other. */
export class WriteQueue {
  readonly #writer: LogWriter;
  readonly #clock: Clock;
  readonly #waiting: WaitingWrite[] = [];
  #timer: Timer | null = null;
  #isWaiting = false;

  constructor(writer: LogWriter, clock: Clock) {
    this.#writer = writer;
    this.#clock = clock;
  }

  /** Writes that wait. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Resolves when the batch is written. @throws what LogWriter.write does */
  write(batch: WriteBatch): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#canWrite) {
      this.#writer.write(batch);
      return undefined;
    }
    this.#writer.check();
    return new Promise((resolve, reject) => {
      // A copy: the caller may change its arrays when this call has returned.
      this.#waiting.push({ batch: WriteBatch.decode(batch.encode()), resolve, reject });
      this.#wait();
    });
  }

  /** Writes what can be written now and rejects the rest. */
  async close(error: SstError): Promise<void> {
    await this.#writer.idle();
    this.#pump();
    this.#timer?.cancel();
    this.#timer = null;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    await this.#writer.idle();
  }

  get #canWrite(): boolean {
    return !this.#writer.isBusy && !this.#writer.isStalled;
  }

  #pump(): void {
    while (this.#canWrite) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      try {
        this.#writer.write(next.batch);
        next.resolve();
      } catch (error) {
        next.reject(error);
      }
    }
    this.#wait();
  }

  #wait(): void {
    if (this.#isWaiting || this.#waiting.length === 0) return;
    this.#isWaiting = true;
    const wake = (): void => {
      this.#isWaiting = false;
      this.#timer = null;
      this.#rejectIfEnded();
      this.#pump();
    };
    if (this.#writer.isBusy) void this.#writer.idle().then(wake);
    else this.#timer = this.#clock.setTimer(STALL_LOOK_MS, wake);
  }

  /** Nothing is written any more: nobody should wait for it. */
  #rejectIfEnded(): void {
    try {
      this.#writer.check();
    } catch (error) {
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    }
  }
}
