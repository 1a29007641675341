import { type Entry, entrySizeBytes } from '../entry.js';
import type { LogIndex, Term } from '../ids.js';
import { RaftInvariantError } from '../invariant.js';
import { COMPACTED, type Compacted, type Storage, type Unavailable } from '../storage.js';
import { ApplyCursor } from './apply-cursor.js';
import { TermRuns } from './term-runs.js';
import { UncommittedBytes, uncommittedSizeOf } from './uncommitted-bytes.js';
import { Unstable } from './unstable.js';

const NO_ENTRIES: readonly Entry[] = Object.freeze([]) as readonly Entry[];
const READ_CHUNK_BYTES = 1 << 20;
const MAX_RUNS_KEPT = 64;

/**
 * One replica's log: what the storage holds, then the unstable tail (etcd log.go).
 *
 *     first        applied   handed    committed              last
 *       |-------------|---------|----------|-------------------|
 *       |-------- storage ---------| durable, then unstable ----|
 *
 * applied <= handed <= min(committed, durable); committed <= last; durable <= last.
 */
export class RaftLog {
  readonly #storage: Storage;
  readonly #runs: TermRuns;
  readonly #unstable: Unstable;
  readonly #uncommitted: UncommittedBytes;
  readonly #cursor: ApplyCursor;
  #committed: LogIndex;
  #durable: LogIndex;
  #applyBlocked = false;

  constructor(storage: Storage, commit: LogIndex, applied: LogIndex, maxApplyingBytes: number) {
    this.#storage = storage;
    this.#runs = TermRuns.of(storage);
    const last = this.#runs.lastIndex;
    // INVARIANT(log-behind-frontier): the state machine holds everything that the log no longer does.
    if (applied < this.#runs.edge) {
      throw new RaftInvariantError(
        'log-behind-frontier',
        `applied ${applied}, but the log begins at ${this.firstIndex}`,
      );
    }
    this.#committed = Math.max(commit, applied);
    // INVARIANT(commit-in-log): a log that ends below what it promised has lost entries; the host has
    // to see that before it starts a replica (safety rule on commit hints).
    if (this.#committed > last) {
      throw new RaftInvariantError(
        'commit-in-log',
        `commit ${commit}, applied ${applied}, but the log is [${this.firstIndex}, ${last}]`,
      );
    }
    this.#durable = last;
    this.#unstable = new Unstable(last + 1);
    this.#cursor = new ApplyCursor(applied, maxApplyingBytes);
    this.#uncommitted = new UncommittedBytes(this.#committed);
    this.#countUncommittedTail(last);
  }

  get firstIndex(): LogIndex {
    return this.#storage.firstIndex();
  }

  get lastIndex(): LogIndex {
    return this.#runs.lastIndex;
  }

  get lastTerm(): Term {
    return this.#runs.lastTerm;
  }

  get committed(): LogIndex {
    return this.#committed;
  }

  /** Durable here and not about to be overwritten by an open ticket. */
  get durable(): LogIndex {
    return this.#durable;
  }

  get applied(): LogIndex {
    return this.#cursor.applied;
  }

  get uncommittedBytes(): number {
    return this.#uncommitted.total;
  }

  get hasUnhanded(): boolean {
    return this.#unstable.hasUnhanded;
  }

  term(index: LogIndex): Term | Compacted | Unavailable {
    return this.#runs.term(index);
  }

  /** Log Matching: equal (index, term) means equal logs up to there (Raft 5.3). */
  matches(index: LogIndex, term: Term): boolean {
    return this.#runs.term(index) === term;
  }

  /** Whether a log that ends in (index, term) is at least as up to date as this one (Raft 5.4.1). */
  isUpToDate(index: LogIndex, term: Term): boolean {
    return term > this.lastTerm || (term === this.lastTerm && index >= this.lastIndex);
  }

  /** Index of the first of `entries` that is not in this log with its term; 0 if all are. */
  findConflict(entries: readonly Entry[]): LogIndex {
    for (const entry of entries) if (!this.matches(entry.index, entry.term)) return entry.index;
    return 0;
  }

  findConflictByTerm(index: LogIndex, term: Term): LogIndex {
    return this.#runs.findConflictByTerm(index, term);
  }

  /** Adds entries that follow the last one. */
  append(entries: readonly Entry[]): void {
    this.#unstable.append(entries);
    for (const entry of entries) {
      this.#runs.append(entry.term, 1);
      this.#uncommitted.append(uncommittedSizeOf(entry));
    }
    if (this.#runs.count > MAX_RUNS_KEPT) this.#runs.compactTo(this.firstIndex - 1);
  }

  /** Removes `index` and everything above it; open tickets are the caller's business. */
  truncateFrom(index: LogIndex): void {
    // INVARIANT(committed-kept): a committed entry is never removed.
    if (index <= this.#committed) {
      throw new RaftInvariantError(
        'committed-kept',
        `truncation at ${index} with commit ${this.#committed}`,
      );
    }
    this.#unstable.truncateFrom(index);
    this.#runs.truncateFrom(index);
    this.#uncommitted.truncateFrom(index);
    this.#durable = Math.min(this.#durable, index - 1);
  }

  /** True if the commit index rose. */
  commitTo(index: LogIndex): boolean {
    // INVARIANT(commit-monotonic): the commit index never falls.
    if (index <= this.#committed) return false;
    // INVARIANT(commit-in-log): nothing is committed that is not in the log.
    if (!(index <= this.lastIndex)) {
      throw new RaftInvariantError('commit-in-log', `commit ${index} > last ${this.lastIndex}`);
    }
    this.#committed = index;
    this.#uncommitted.commitTo(index);
    return true;
  }

  takeUnhanded(): readonly Entry[] {
    return this.#unstable.takeUnhanded();
  }

  /** Entries up to `index` are durable and stay. */
  durableTo(index: LogIndex): void {
    if (index <= this.#durable) return;
    this.#durable = index;
    this.#unstable.stabilizeTo(index);
  }

  /** Entries [low, high), at least one, then as many as fit in maxBytes. low >= firstIndex. */
  entries(
    low: LogIndex,
    high: LogIndex,
    maxBytes: number,
  ): readonly Entry[] | Compacted | 'faulty' {
    const offset = this.#unstable.offset;
    if (low >= offset) return limitBytes(this.#unstable.slice(low, high), maxBytes, 0);
    const stored = this.#storage.entries(low, Math.min(high, offset), maxBytes);
    if (stored === COMPACTED || stored === 'faulty') return stored;
    if (high <= offset || low + stored.length < offset) return stored;
    let used = 0;
    for (const entry of stored) used += entrySizeBytes(entry);
    const rest = limitBytes(this.#unstable.slice(offset, high), maxBytes, used);
    return rest.length === 0 ? stored : [...stored, ...rest];
  }

  get hasNextCommitted(): boolean {
    return (
      Math.min(this.#committed, this.#durable) > this.#cursor.handed &&
      this.#cursor.roomBytes > 0 &&
      !this.#applyBlocked
    );
  }

  /**
   * Committed entries to apply next. INVARIANT(apply-durable): only what is durable here, or a crash
   * could leave a state machine ahead of its own log.
   */
  takeNextCommitted(): readonly Entry[] {
    if (!this.hasNextCommitted) return NO_ENTRIES;
    const low = this.#cursor.handed + 1;
    const high = Math.min(this.#committed, this.#durable) + 1;
    const taken = this.entries(low, high, this.#cursor.roomBytes);
    // INVARIANT(log-behind-frontier): entries are compacted only after they were applied.
    if (taken === COMPACTED) {
      throw new RaftInvariantError('log-behind-frontier', `entry ${low} is compacted, not applied`);
    }
    if (taken === 'faulty') {
      this.#applyBlocked = true;
      return NO_ENTRIES;
    }
    this.#cursor.handOut(taken);
    return taken;
  }

  /** A damaged entry holds back what follows it; look again whether the host has mended it. */
  retryBlocked(): void {
    this.#applyBlocked = false;
  }

  appliedTo(index: LogIndex): void {
    this.#cursor.appliedTo(index);
  }

  #countUncommittedTail(last: LogIndex): void {
    for (let low = this.#committed + 1; low <= last; ) {
      const entries = this.#storage.entries(low, last + 1, READ_CHUNK_BYTES);
      // A damaged entry's size is not known; it counts as nothing.
      const readable = entries === COMPACTED || entries === 'faulty' ? NO_ENTRIES : entries;
      for (const entry of readable) this.#uncommitted.append(uncommittedSizeOf(entry));
      if (readable.length === 0) this.#uncommitted.append(0);
      low += Math.max(1, readable.length);
    }
  }
}

function limitBytes(entries: readonly Entry[], maxBytes: number, used: number): readonly Entry[] {
  let sum = used;
  for (let i = 0; i < entries.length; i++) {
    sum += entrySizeBytes(entries[i]!);
    if (sum > maxBytes && (i > 0 || used > 0)) return entries.slice(0, i);
  }
  return entries;
}
