import { type Sequence, SstError, SstErrorCode } from '../contract.js';

/**
 * One moment of a database, kept readable until it is released: compaction keeps what it shows, also when
 * the history floor rises above it. Made by `Db.snapshot`. Not kept over a restart.
 *
 * A snapshot that is forgotten keeps old versions on the disk. `Db.stats` counts those that live; one that
 * the garbage collector finds unreleased is released and logged as a leak, and so are those that are still
 * there at close.
 */
export class Snapshot {
  readonly sequence: Sequence;
  readonly #release: () => void;
  #isReleased = false;

  /** @internal */
  constructor(sequence: Sequence, release: () => void) {
    this.sequence = sequence;
    this.#release = release;
  }

  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** Lets compaction drop what only this snapshot shows. A second call does nothing. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#release();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** What became of a snapshot that nobody released. */
export interface SnapshotLeak {
  readonly sequence: Sequence;
  readonly found: 'collected' | 'closed';
}

/** The snapshots of one database that are not released. */
export class SnapshotSet {
  /** Called when one was released. */
  onReleased: () => void = () => undefined;
  readonly #onLeak: (leak: SnapshotLeak) => void;
  /** Sequences by number of the snapshot. */
  readonly #live = new Map<number, Sequence>();
  /** Known by the snapshots themselves, so that one of another database is told apart. */
  readonly #known = new WeakSet<Snapshot>();
  #registry: FinalizationRegistry<number> | null = null;
  #next = 0;

  constructor(onLeak: (leak: SnapshotLeak) => void) {
    this.#onLeak = onLeak;
  }

  get count(): number {
    return this.#live.size;
  }

  /** Lowest sequence that a snapshot shows; null if there is none. */
  get oldest(): Sequence | null {
    let oldest: Sequence | null = null;
    for (const sequence of this.#live.values()) {
      if (oldest === null || sequence < oldest) oldest = sequence;
    }
    return oldest;
  }

  pin(sequence: Sequence): Snapshot {
    const number = this.#next++;
    const registry = this.#registryOfLeaks();
    const token = {};
    const snapshot = new Snapshot(sequence, () => {
      registry.unregister(token);
      if (this.#live.delete(number)) this.onReleased();
    });
    this.#live.set(number, sequence);
    this.#known.add(snapshot);
    registry.register(snapshot, number, token);
    return snapshot;
  }

  /** What the snapshot shows. @throws SstError SST_USAGE if it is released, or another database's */
  sequenceOf(snapshot: Snapshot): Sequence {
    if (!this.#known.has(snapshot)) throw usage('the snapshot belongs to another database');
    if (snapshot.isReleased) throw usage('the snapshot was released');
    return snapshot.sequence;
  }

  /** Tells of all that are left. */
  close(): void {
    const left = [...this.#live.values()];
    this.#live.clear();
    for (const sequence of left) this.#onLeak({ sequence, found: 'closed' });
  }

  #registryOfLeaks(): FinalizationRegistry<number> {
    this.#registry ??= new FinalizationRegistry((number) => {
      const sequence = this.#live.get(number);
      if (sequence === undefined) return;
      this.#live.delete(number);
      this.#onLeak({ sequence, found: 'collected' });
      this.onReleased();
    });
    return this.#registry;
  }
}

function usage(message: string): SstError {
  return new SstError(SstErrorCode.Usage, message);
}
