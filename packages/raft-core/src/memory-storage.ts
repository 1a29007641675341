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
  #confState: ConfState;
  readonly #damaged = new Set<LogIndex>();
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
    if (this.#damaged.has(low)) return 'faulty';
    for (; end < Math.min(to, this.#entries.length); end++) {
      sizeBytes += entrySizeBytes(this.#entries[end]!);
      if (end > from && (sizeBytes > maxBytes || this.#damaged.has(low + end - from))) break;
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
      this.truncateFrom(first.index);
      for (const entry of entries) this.#entries.push(entry);
    }
    if (commit > this.#hardState.commit) this.#hardState = { ...this.#hardState, commit };
  }

  /** `Append.truncateFrom`: everything at and above `index` goes. */
  truncateFrom(index: LogIndex): void {
    this.#entries.length = Math.min(this.#entries.length, Math.max(0, index - this.#edgeIndex - 1));
    for (const damaged of this.#damaged) if (damaged >= index) this.#damaged.delete(damaged);
  }

  /** `Append.snapshot`: the log begins after it, and the state is the one it holds. */
  applySnapshot(snapshot: SnapshotMetadata): void {
    const { index, term } = snapshot;
    if (this.term(index) === term) {
      this.compact(index);
    } else {
      this.#entries = [];
      this.#damaged.clear();
      this.#edgeIndex = index;
      this.#edgeTerm = term;
    }
    this.#confState = snapshot.confState;
    this.#snapshot = snapshot;
    const commit = Math.max(this.#hardState.commit, index);
    this.#hardState = { ...this.#hardState, commit };
  }

  /** The configuration that belongs to what the state machine holds durably: for the next start. */
  setConfState(confState: ConfState): void {
    this.#confState = confState;
  }

  /** For tests: the bytes of an entry are lost, its index and term are not. */
  damage(index: LogIndex): void {
    this.#damaged.add(index);
  }

  /** How many entries cannot be read. */
  get damagedCount(): number {
    return this.#damaged.size;
  }

  /** `Ready.repairs`: the bytes of a damaged entry are back. */
  repair(entry: Entry): void {
    if (this.term(entry.index) === entry.term) this.#damaged.delete(entry.index);
  }

  /** What a snapshot made now could contain: the state with `index` applied. */
  setSnapshot(index: LogIndex, confState: ConfState = this.#confState): void {
    const term = this.term(index);
    this.#snapshot = { index, term: Math.max(0, term), confState };
  }

  /** Forgets the entries up to `index`. */
  compact(index: LogIndex): void {
    const term = this.term(index);
    if (index <= this.#edgeIndex || term === UNAVAILABLE) return;
    this.#entries = this.#entries.slice(index - this.#edgeIndex);
    this.#edgeIndex = index;
    this.#edgeTerm = term;
    for (const damaged of this.#damaged) if (damaged <= index) this.#damaged.delete(damaged);
  }
}
