import { type Entry, entrySizeBytes } from './entry.js';
import { type LogIndex, NONE, type ReplicaId, type Term } from './ids.js';
import {
  COMPACTED,
  type Compacted,
  type ConfState,
  type HardState,
  type SnapshotMetadata,
  type Storage,
  UNAVAILABLE,
  type Unavailable,
} from './storage.js';

/**
 * A {@link Storage} in memory, for tests, examples and simulations (etcd storage.go). It is as durable
 * as the object: keep it when a replica "crashes", and put nothing in before it would be on disk.
 */
export class MemoryStorage implements Storage {
  readonly #confState: ConfState;
  #hardState: HardState = { term: 0, vote: NONE, commit: 0 };
  /** Index and term of the last entry that is gone. */
  #edgeIndex: LogIndex;
  #edgeTerm: Term;
  #entries: Entry[] = [];
  #snapshot: SnapshotMetadata | null = null;

  /** An empty log that begins after `edge` (an identical initial state on all members). */
  constructor(confState: ConfState, edge: { index: LogIndex; term: Term } = { index: 0, term: 0 }) {
    this.#confState = confState;
    this.#edgeIndex = edge.index;
    this.#edgeTerm = edge.term;
    if (edge.term > 0) this.#hardState = { term: edge.term, vote: NONE, commit: edge.index };
  }

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#confState };
  }

  firstIndex(): LogIndex {
    return this.#edgeIndex + 1;
  }

  lastIndex(): LogIndex {
    return this.#edgeIndex + this.#entries.length;
  }

  term(index: LogIndex): Term | Compacted | Unavailable {
    if (index < this.#edgeIndex) return COMPACTED;
    if (index === this.#edgeIndex) return this.#edgeTerm;
    return this.#entries[index - this.#edgeIndex - 1]?.term ?? UNAVAILABLE;
  }

  entries(
    low: LogIndex,
    high: LogIndex,
    maxBytes: number,
  ): readonly Entry[] | Compacted | 'faulty' {
    if (low <= this.#edgeIndex) return COMPACTED;
    const from = low - this.#edgeIndex - 1;
    const to = high - this.#edgeIndex - 1;
    let sizeBytes = 0;
    let end = from;
    for (; end < Math.min(to, this.#entries.length); end++) {
      sizeBytes += entrySizeBytes(this.#entries[end]!);
      if (sizeBytes > maxBytes && end > from) break;
    }
    return this.#entries.slice(from, end);
  }

  snapshot(): SnapshotMetadata | null {
    return this.#snapshot;
  }

  /** `Ready.hardState`. */
  setHardState(state: { readonly term: Term; readonly vote: ReplicaId }): void {
    this.#hardState = { ...this.#hardState, term: state.term, vote: state.vote };
  }

  /** `Ready.append`: the entries replace everything at and above the first one; `commit` is their hint. */
  append(entries: readonly Entry[], commit: LogIndex): void {
    const first = entries[0];
    if (first !== undefined) {
      this.#entries.length = first.index - this.#edgeIndex - 1;
      for (const entry of entries) this.#entries.push(entry);
    }
    if (commit > this.#hardState.commit) this.#hardState = { ...this.#hardState, commit };
  }

  /** What a snapshot made now could contain: the state with `index` applied. */
  setSnapshot(index: LogIndex): void {
    const term = this.term(index);
    this.#snapshot = { index, term: Math.max(0, term), confState: this.#confState };
  }

  /** Forgets the entries up to `index`. */
  compact(index: LogIndex): void {
    const term = this.term(index);
    if (index <= this.#edgeIndex || term === UNAVAILABLE) return;
    this.#entries = this.#entries.slice(index - this.#edgeIndex);
    this.#edgeIndex = index;
    this.#edgeTerm = term;
  }
}
