import { type Append, type ConfState, type Entry, MemoryStorage } from '../../src/index.js';

/**
 * A replica's disk. Hard states are durable at once, as the contract of Ready asks; appends are queued
 * and become durable in order; a crash keeps any prefix of the queue. What is durable and not yet
 * reported is not visible in `storage`, which shows completed tickets only.
 */
export class SimDisk {
  readonly storage: MemoryStorage;
  readonly confState: ConfState;
  /** Appends on their way, oldest first. The first `#written` of them are on disk already. */
  #queue: Append[] = [];
  #written = 0;
  /** What a reader would find on the disk now: term at index. */
  #durable: Entry[] = [];
  /** Highest index that the state machine holds durably. */
  frontier = 0;

  constructor(confState: ConfState) {
    this.confState = confState;
    this.storage = new MemoryStorage(confState);
  }

  get openTickets(): number {
    return this.#queue.length;
  }

  get durableEntries(): readonly Entry[] {
    return this.#durable;
  }

  submit(append: Append): void {
    this.#queue.push(append);
  }

  /** The append that reaches the disk next. */
  get nextToWrite(): Append | undefined {
    return this.#queue[this.#written];
  }

  write(): void {
    const append = this.nextToWrite;
    if (append === undefined) return;
    this.#written++;
    const first = append.entries[0];
    if (first !== undefined) {
      this.#durable.length = first.index - 1;
      this.#durable.push(...append.entries);
    }
  }

  /** The oldest append, if it is written: it is visible and has to be reported now. */
  complete(): Append | null {
    if (this.#written === 0) return null;
    const append = this.#queue.shift();
    if (append === undefined) return null;
    this.#written--;
    this.storage.append(append.entries, append.commit);
    return append;
  }

  /** Power fails: what is not written is lost; what is written is there, reported or not. */
  crash(): void {
    while (this.complete() !== null);
    this.#queue = [];
  }
}
