import {
  type Append,
  type ConfState,
  type Entry,
  MemoryStorage,
  type ReplicaId,
} from '../../src/index.js';

/**
 * A replica's disk. Hard states are durable at once, as the contract of Ready asks; appends are queued
 * and become durable in order; a crash keeps any prefix of the queue. What is durable and not yet
 * reported is not visible in `storage`, which shows completed tickets only.
 */
export class SimDisk {
  readonly id: ReplicaId;
  readonly storage: MemoryStorage;
  /** The configuration as of `frontier`. */
  confState: ConfState;
  /** Appends on their way, oldest first. The first `#written` of them are on disk already. */
  #queue: SimAppend[] = [];
  #written = 0;
  /** What a reader would find on the disk now: term at index. */
  #durable: Entry[] = [];
  #lost: readonly Entry[] = [];
  readonly #damaged = new Set<number>();
  /** Highest index that the state machine holds durably. */
  frontier = 0;

  /** The disk of a member from the beginning, or, without `genesis`, an empty one. */
  constructor(id: ReplicaId, confState: ConfState, genesis: Entry | null) {
    this.id = id;
    this.confState = confState;
    this.storage = new MemoryStorage(confState, genesis ?? { index: 0, term: 0 });
    if (genesis === null) return;
    this.frontier = genesis.index;
    this.#durable.push(genesis);
    this.storage.setSnapshot(genesis.index, confState);
  }

  get openTickets(): number {
    return this.#queue.length;
  }

  /** Whether the entry is durable here, or was and is lost now: then this replica has no vote. */
  holds(index: number, term: number): boolean {
    return this.#durable[index - 1]?.term === term || this.#lost[index - 1]?.term === term;
  }

  /** What was lost is back. */
  whole(): void {
    this.#lost = [];
  }

  get durableEntries(): readonly Entry[] {
    return this.#durable;
  }

  submit(append: SimAppend): void {
    this.#queue.push(append);
  }

  /** The append that reaches the disk next. */
  get nextToWrite(): SimAppend | undefined {
    return this.#queue[this.#written];
  }

  write(): void {
    const append = this.nextToWrite;
    if (append === undefined) return;
    this.#written++;
    if (append.snapshot !== null) {
      const { index, term } = append.snapshot;
      // A snapshot that this log holds too is for the state machine alone.
      if (this.#durable[index - 1]?.term !== term) this.#durable = [...append.prefix];
    }
    if (append.truncateFrom !== undefined) this.#durable.length = append.truncateFrom - 1;
    const first = append.entries[0];
    if (first !== undefined) {
      this.#durable.length = first.index - 1;
      this.#durable.push(...append.entries);
    }
  }

  /** The oldest append, if it is written: it is visible and has to be reported now. */
  complete(): SimAppend | null {
    if (this.#written === 0) return null;
    const append = this.#queue.shift();
    if (append === undefined) return null;
    this.#written--;
    if (append.snapshot !== null) {
      this.storage.applySnapshot(append.snapshot);
      this.frontier = append.snapshot.index;
      this.confState = append.snapshot.confState;
    }
    if (append.truncateFrom !== undefined) this.storage.truncateFrom(append.truncateFrom);
    for (const entry of append.repairs) this.storage.repair(entry);
    this.storage.append(append.entries, append.commit);
    return append;
  }

  /** Part of the log is damaged: the bytes of an entry are lost. */
  damage(index: number): void {
    this.storage.damage(index);
    this.#damaged.add(index);
  }

  /** Whether something is lost here that neither the log nor the state machine holds for good. */
  get isDamaged(): boolean {
    const { storage, frontier } = this;
    for (const index of this.#damaged) {
      if (index > frontier && storage.entries(index, index + 1, 1) === 'faulty') return true;
      this.#damaged.delete(index);
    }
    return false;
  }

  /**
   * The end of the log is lost, although it was reported durable (a lying disk). Hard state, state
   * machine and the knowledge that something is missing are kept.
   */
  loseTail(from: number): void {
    this.#lost = [...this.#durable];
    this.#durable.length = Math.min(this.#durable.length, from - 1);
    this.storage.truncateFrom(from);
  }

  /** The state machine is durable up to `index`; the log forgets some of what lies below. */
  flush(index: number, confState: ConfState, compactTo: number): void {
    this.frontier = index;
    this.confState = confState;
    this.storage.setConfState(confState);
    this.storage.setSnapshot(index, confState);
    this.storage.compact(compactTo);
  }

  /** Power fails: what is not written is lost; what is written is there, reported or not. */
  crash(): void {
    while (this.complete() !== null);
    this.#queue = [];
  }
}

/** An append with what the disk has to know besides. */
export interface SimAppend extends Append {
  readonly repairs: readonly Entry[];
  /** The entries that the snapshot stands for. */
  readonly prefix: readonly Entry[];
}
