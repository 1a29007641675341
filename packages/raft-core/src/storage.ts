import type { Entry } from './entry.js';
import type { LogIndex, ReplicaId, Term } from './ids.js';

/** What must never be forgotten: the newest term seen and whom this replica voted for in it. */
export interface HardState {
  readonly term: Term;
  readonly vote: ReplicaId;
  /**
   * Known committed index. Persisting it may lag; on start it is max(newest commit hint of the log,
   * applied frontier).
   */
  readonly commit: LogIndex;
}

/** etcd's ConfState. Arrays ascend, hold no duplicates and are never changed in place. */
export interface ConfState {
  readonly voters: readonly ReplicaId[];
  readonly learners: readonly ReplicaId[];
  readonly votersOutgoing: readonly ReplicaId[];
  readonly learnersNext: readonly ReplicaId[];
  readonly autoLeave: boolean;
}

/** Whether a replica is a voter of either half, or a learner. */
export function isMember(conf: ConfState, id: ReplicaId): boolean {
  return [conf.voters, conf.learners, conf.votersOutgoing].some((ids) => ids.includes(id));
}

export interface SnapshotMetadata {
  readonly index: LogIndex;
  readonly term: Term;
  /** The configuration as of `index`. */
  readonly confState: ConfState;
}

/** The index lies below the first entry kept. */
export const COMPACTED = -1;
/** The index lies above the last entry. */
export const UNAVAILABLE = -2;
export type Compacted = typeof COMPACTED;
export type Unavailable = typeof UNAVAILABLE;

/**
 * The durable log as the core reads it: synchronous, without side effects, without exceptions. It
 * shows what {@link Ready.append} tickets handed out *and completed* have made durable; entries of
 * open tickets are kept by the core itself.
 */
export interface Storage {
  /** `confState` is the configuration as of `Config.applied`. */
  initialState(): { readonly hardState: HardState; readonly confState: ConfState };
  /** Index of the first entry kept; lastIndex() + 1 where there is none. */
  firstIndex(): LogIndex;
  lastIndex(): LogIndex;
  /** Term of an entry, and of firstIndex() - 1 (the snapshot's or compaction's edge). */
  term(index: LogIndex): Term | Compacted | Unavailable;
  /**
   * Entries [low, high), at least one, then as many as fit in maxBytes. 'faulty': the first one is
   * damaged (its index and term are known, its bytes are not).
   */
  entries(low: LogIndex, high: LogIndex, maxBytes: number): readonly Entry[] | Compacted | 'faulty';
  /**
   * Metadata of the newest state a snapshot could be made of; null while none can be had. A newcomer
   * needs one whose configuration it is in: asked again with each of its answers to a heartbeat. At or
   * above what was reported by {@link RawNode.flushed}: it stands for entries up to there that are damaged.
   */
  snapshot(): SnapshotMetadata | null;
}
