import { type Entry, entrySizeBytes } from '#src/entry.js';
import {
  COMPACTED,
  type Compacted,
  type ConfState,
  type HardState,
  type SnapshotMetadata,
  type Storage,
  UNAVAILABLE,
  type Unavailable,
} from '#src/storage.js';

const NO_CONF: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/**
 * The log of one replica in memory. Every applied entry makes a snapshot, and the newest one is what a
 * leader gets when it asks.
 */
export class EtcdStorage implements Storage {
  readonly history: SnapshotMetadata[];
  #edge: { index: number; term: number };
  #entries: Entry[] = [];
  readonly #confState: ConfState;

  constructor(start: SnapshotMetadata | null) {
    this.#edge = { index: start?.index ?? 0, term: start?.term ?? 0 };
    this.#confState = start?.confState ?? NO_CONF;
    this.history = [start ?? { index: 0, term: 0, confState: NO_CONF }];
  }

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    // etcd's replicas begin in term 0 whatever their snapshot says; see EtcdNode.
    const hardState = { term: this.#edge.term, vote: 0, commit: this.#edge.index };
    return { hardState, confState: this.#confState };
  }

  firstIndex(): number {
    return this.#edge.index + 1;
  }

  lastIndex(): number {
    return this.#edge.index + this.#entries.length;
  }

  term(index: number): number | Compacted | Unavailable {
    if (index < this.#edge.index) return COMPACTED;
    if (index === this.#edge.index) return this.#edge.term;
    return this.#entries[index - this.firstIndex()]?.term ?? UNAVAILABLE;
  }

  entries(low: number, high: number, maxBytes: number): readonly Entry[] | Compacted {
    if (low < this.firstIndex()) return COMPACTED;
    const all = this.#entries.slice(low - this.firstIndex(), high - this.firstIndex());
    let size = 0;
    const fits = all.findIndex((e, i) => {
      size += entrySizeBytes(e);
      return size > maxBytes && i > 0;
    });
    return fits < 0 ? all : all.slice(0, fits);
  }

  get all(): readonly Entry[] {
    return this.#entries;
  }

  snapshot(): SnapshotMetadata | null {
    return this.history[this.history.length - 1] ?? null;
  }

  append(entries: readonly Entry[]): void {
    const [first] = entries;
    if (first === undefined) return;
    this.#entries.length = first.index - this.firstIndex();
    this.#entries.push(...entries);
  }

  applySnapshot(snapshot: SnapshotMetadata): void {
    this.#edge = { index: snapshot.index, term: snapshot.term };
    this.#entries = [];
  }

  compact(index: number): void {
    const term = this.term(index);
    if (term === COMPACTED) throw new Error('requested index is unavailable due to compaction');
    if (term === UNAVAILABLE) throw new Error(`compact ${index} is out of bound`);
    this.#entries = this.#entries.slice(index - this.#edge.index);
    this.#edge = { index, term };
  }

  applied(entry: Entry, confState: ConfState | null): void {
    const last = this.history[this.history.length - 1];
    const conf = confState ?? last?.confState ?? NO_CONF;
    this.history.push({ index: entry.index, term: entry.term, confState: conf });
  }
}
