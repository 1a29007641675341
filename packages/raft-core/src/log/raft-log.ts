import { type Entry, entrySizeBytes } from '../entry.js';
import type { LogIndex, Term } from '../ids.js';
import { RaftInvariantError } from '../invariant.js';
import {
  COMPACTED,
  type Compacted,
  type SnapshotMetadata,
  type Storage,
  type Unavailable,
} from '../storage.js';
import { ApplyCursor } from './apply-cursor.js';
import { ConfIndexes } from './conf-indexes.js';
import { TermRuns } from './term-runs.js';
import { UncommittedBytes, uncommittedSizeOf } from './uncommitted-bytes.js';
import { Unstable } from './unstable.js';

const NO_ENTRIES: readonly Entry[] = Object.freeze([]) as readonly Entry[];
const NOTHING = Object.freeze({ index: 0 });
const READ_CHUNK_BYTES = 1 << 20;
const MAX_RUNS_KEPT = 64;

/** What a log begins with. */
export interface LogStart {
  /** Highest commit index known. */
  readonly commit: LogIndex;
  /** What the state machine holds. */
  readonly applied: LogIndex;
  readonly maxApplyingBytes: number;
  /** The log may end below `commit`: promised entries were lost, and that is known (S11). */
  readonly isTailLost: boolean;
}

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
  #runs: TermRuns;
  readonly #unstable: Unstable;
  readonly #uncommitted: UncommittedBytes;
  readonly #cursor: ApplyCursor;
  readonly #confChanges = new ConfIndexes();
  /** Accepted and not yet installed durably: the log begins after it, the storage does not know. */
  #snapshot: SnapshotMetadata | null = null;
  #isSnapshotHanded = false;
  /** The snapshot is for the state machine alone. */
  #keepsLog = false;
  /** Everything from here on was given up, and the host does not know yet; or 0. */
  #droppedFrom: LogIndex = 0;
  #committed: LogIndex;
  #durable: LogIndex;
  #applyBlocked: LogIndex = 0;
  #damagedAtStart: LogIndex[] = [];

  constructor(storage: Storage, start: LogStart) {
    const { commit, applied, maxApplyingBytes, isTailLost } = start;
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
    const promised = Math.max(commit, applied);
    this.#committed = isTailLost ? Math.max(applied, Math.min(commit, last)) : promised;
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
    this.#readTail(last);
  }

  get firstIndex(): LogIndex {
    const { index } = this.#keepsLog || this.#snapshot === null ? NOTHING : this.#snapshot;
    return index > 0 ? index + 1 : this.#storage.firstIndex();
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

  /** Handed out for application. */
  get handed(): LogIndex {
    return this.#cursor.handed;
  }

  get uncommittedBytes(): number {
    return this.#uncommitted.total;
  }

  get hasUnhanded(): boolean {
    return this.#unstable.hasUnhanded;
  }

  /** Whether a snapshot is being installed. Its index, or 0, is {@link installingIndex}. */
  get isInstalling(): boolean {
    return this.#snapshot !== null;
  }

  /** Index of the snapshot that is being installed; 0: none is. */
  get installingIndex(): LogIndex {
    return this.#snapshot?.index ?? 0;
  }

  get hasUnhandedSnapshot(): boolean {
    return this.#snapshot !== null && !this.#isSnapshotHanded;
  }

  /** Whether a configuration change is committed and not applied. */
  get hasUnappliedConfChange(): boolean {
    const { first } = this.#confChanges;
    return first !== 0 && first <= this.#committed;
  }

  /** Whether there may be a configuration change that is not applied, committed or not. */
  get mayHoldConfChange(): boolean {
    return this.#confChanges.first !== 0;
  }

  /** How many configuration changes below `index` are not applied. */
  confPendingBelow(index: LogIndex): number {
    return this.#confChanges.countBelow(index);
  }

  /** The first configuration change above `after`, wherever in the log, or 0. */
  confChangeAfter(after: LogIndex): LogIndex {
    return this.#confChanges.firstKnownAfter(after);
  }

  /** The first configuration change above `after` that was handed out, or 0. */
  nextConfChange(after: LogIndex): LogIndex {
    const index = this.#confChanges.firstAfter(after);
    return index <= this.#cursor.handed ? index : 0;
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
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      if (!this.matches(entry.index, entry.term)) return entry.index;
    }
    return 0;
  }

  findConflictByTerm(index: LogIndex, term: Term): LogIndex {
    return this.#runs.findConflictByTerm(index, term);
  }

  /** Adds entries that follow the last one. */
  append(entries: readonly Entry[]): void {
    this.#unstable.append(entries);
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      this.#runs.append(entry.term, 1);
      this.#uncommitted.append(uncommittedSizeOf(entry));
      this.#confChanges.append(entry);
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
    this.#confChanges.truncateFrom(index);
    this.#durable = Math.min(this.#durable, index - 1);
  }

  /** The log starts over after a snapshot of what is committed; open tickets are the caller's business. */
  restore(snapshot: SnapshotMetadata): void {
    const { index, term } = snapshot;
    // INVARIANT(snapshot-ahead): a snapshot never takes back what is committed here.
    if (index <= this.#committed) {
      throw new RaftInvariantError('snapshot-ahead', `${index} with commit ${this.#committed}`);
    }
    // Until it is installed the disk holds the old log, and of that only what was committed is sure.
    this.#durable = Math.min(this.#durable, this.#committed);
    this.#runs = new TermRuns(index, term);
    this.#unstable.restore(index + 1);
    this.#uncommitted.restart(index);
    // What was handed out may be applied until the host hears of the snapshot.
    this.#confChanges.truncateFrom(this.#cursor.handed + 1);
    this.#committed = index;
    this.#snapshot = snapshot;
    this.#keepsLog = false;
    this.#isSnapshotHanded = false;
    // What was damaged is gone.
    this.#applyBlocked = 0;
  }

  /** The snapshot that no ticket has carried yet; the caller opens a ticket for it. */
  takeUnhandedSnapshot(): SnapshotMetadata | null {
    if (!this.hasUnhandedSnapshot) return null;
    this.#isSnapshotHanded = true;
    return this.#snapshot;
  }

  /** The state machine alone starts over, at an index that this log holds too. */
  reinstall(snapshot: SnapshotMetadata): void {
    this.commitTo(snapshot.index);
    this.#snapshot = snapshot;
    this.#keepsLog = true;
    this.#isSnapshotHanded = false;
  }

  /**
   * The snapshot at `index` is durable and in the state machine. False if a newer one has come since:
   * then that is waited for.
   */
  installed(index: LogIndex): boolean {
    if (this.#snapshot?.index !== index) return false;
    this.#snapshot = null;
    this.#cursor.restart(index);
    this.#confChanges.appliedTo(index);
    if (!this.#keepsLog) this.durableTo(index);
    return true;
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

  /** The entries from `index` on were given up and nothing replaced them: the host has to be told. */
  dropped(index: LogIndex): void {
    this.#droppedFrom = this.#droppedFrom === 0 ? index : Math.min(this.#droppedFrom, index);
  }

  get hasDropped(): boolean {
    return this.#droppedFrom !== 0;
  }

  takeDropped(): LogIndex {
    const index = this.#droppedFrom;
    this.#droppedFrom = 0;
    return index;
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
      this.#snapshot === null &&
      Math.min(this.#committed, this.#durable) > this.#cursor.handed &&
      this.#cursor.roomBytes > 0 &&
      this.#applyBlocked === 0
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
      this.#applyBlocked = low;
      return NO_ENTRIES;
    }
    this.#cursor.handOut(taken);
    this.#confChanges.resolve(taken);
    return taken;
  }

  /** A damaged entry holds back what follows it; look again whether the host has mended it. */
  retryBlocked(): void {
    this.#applyBlocked = 0;
  }

  /** The damaged entry that holds back what follows it, or 0. */
  get applyBlocked(): LogIndex {
    return this.#applyBlocked;
  }

  /** Entries that are not applied and could not be read at the start. */
  get damagedAtStart(): readonly LogIndex[] {
    return this.#damagedAtStart;
  }

  appliedTo(index: LogIndex): void {
    this.#cursor.appliedTo(index);
    // What is applied above a snapshot that will replace the state machine is applied again after it.
    const kept = this.#keepsLog && this.#snapshot !== null ? this.#snapshot.index : index;
    this.#confChanges.appliedTo(Math.min(index, kept));
  }

  /** What has to be known of the entries that are not applied. */
  #readTail(last: LogIndex): void {
    for (let low = this.applied + 1; low <= last; ) {
      const entries = this.#storage.entries(low, last + 1, READ_CHUNK_BYTES);
      const readable = entries === COMPACTED || entries === 'faulty' ? NO_ENTRIES : entries;
      for (const entry of readable) {
        if (entry.index > this.#committed) this.#uncommitted.append(uncommittedSizeOf(entry));
        this.#confChanges.append(entry);
      }
      if (readable.length === 0) {
        // A damaged entry's size is not known; it counts as nothing.
        if (low > this.#committed) this.#uncommitted.append(0);
        this.#confChanges.appendUnknown(low);
        this.#damagedAtStart.push(low);
      }
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
