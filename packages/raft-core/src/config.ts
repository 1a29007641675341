import type { LogIndex, ReplicaId } from './ids.js';
import type { Storage } from './storage.js';
import type { TraceEvent } from './trace.js';

/** All times are in ticks: the core has no clock. Defaults: {@link defaultConfig}. */
export interface Config {
  readonly id: ReplicaId;
  readonly storage: Storage;
  /** The only source of randomness: uniform in [0, 1). */
  readonly random: () => number;
  /** Highest index whose effects the state machine holds durably (the frontier). */
  readonly applied: LogIndex;
  /**
   * Votes, pre-votes and campaigns are withheld for one electionTick after the start (S9). False for
   * a replica that genesis or a split has just made; the core itself exempts an only voter.
   */
  readonly restartSilence: boolean;
  /** Election timeout, randomised in [electionTick, 2 * electionTick - 1]. > heartbeatTick. */
  readonly electionTick: number;
  readonly heartbeatTick: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  /** Bytes of entries in one MsgApp (at least one entry always goes). */
  readonly maxSizePerMsg: number;
  /** Unacknowledged MsgApp messages per follower. */
  readonly maxInflightMsgs: number;
  /** Unacknowledged bytes per follower. */
  readonly maxInflightBytes: number;
  /** Bytes proposed and not yet committed; beyond it proposals are dropped. Kept across terms. */
  readonly maxUncommittedBytes: number;
  /** Bytes handed out as committed and not yet reported by applied(). */
  readonly maxApplyingBytes: number;
  /** Batches of reads, own and of other replicas, that may wait for an answer. */
  readonly maxPendingReads: number;
  /** Ticks without progress after which a follower that is sent a snapshot is probed again. */
  readonly snapshotTimeoutTick: number;
  /**
   * Ticks for which an append ticket may be open before a leader steps down, and above which nobody
   * campaigns: a hung disk must not hold a group (the only voter is exempt).
   */
  readonly appendTimeoutTick: number;
  /** A leader that is no voter any more hands over and steps down; else it leads on until deposed. */
  readonly stepDownOnRemoval: boolean;
  /** Lease reads (S10); null: none. Must be the same on all members. */
  readonly lease: LeaseConfig | null;
  /**
   * Milliseconds between two ticks, for hosts that pass the time to tick(); 0: not known. After a gap
   * of many ticks the next one does not count towards an election: what the leader sent meanwhile has
   * not been read yet.
   */
  readonly tickMs: number;
  /**
   * Damaged entries are fetched from other replicas (S11). For hosts that carry out
   * {@link Ready.repairs} and `Append.truncateFrom`.
   */
  readonly repair: boolean;
  /**
   * Entries that this replica once acknowledged may be missing at the end of its log (a commit hint
   * above the last index): it neither votes nor campaigns until it holds everything again (S11). The host
   * remembers it durably: until `status().isRecovering` is false each further life begins so too, even
   * where the log reaches the hint again, for more than that may have been acknowledged.
   */
  readonly recovering: boolean;
  /** Conformance runs only: build MsgApp at each proposal, not once per ready(), and as etcd does. */
  readonly eagerAppend: boolean;
  /**
   * What a configuration change has to pass before it is proposed. 'etcd' lets it in before an entry of
   * the leader's own term is committed, 'none' always; both are for conformance runs only.
   */
  readonly confChangeChecks: 'all' | 'etcd' | 'none';
  /** Conformance runs only if false: a removed leader just steps down, as etcd's does. */
  readonly handOverOnRemoval: boolean;
  readonly logger: RaftLogger | null;
  /** Told of everything that goes in and of every step of the protocol; see {@link TraceEvent}. */
  readonly trace: ((event: TraceEvent) => void) | null;
}

export interface LeaseConfig {
  /** Milliseconds of the least election timeout: electionTick ticks. */
  readonly electionTimeoutMs: number;
  /** Milliseconds of one tick. */
  readonly tickMs: number;
}

export interface RaftLogger {
  info(event: string, fields: Readonly<Record<string, string | number | boolean>>): void;
}

export const defaultConfig = Object.freeze({
  applied: 0,
  restartSilence: true,
  electionTick: 16,
  heartbeatTick: 5,
  preVote: true,
  checkQuorum: true,
  maxSizePerMsg: 1 << 20,
  maxInflightMsgs: 16,
  maxInflightBytes: 4 << 20,
  maxUncommittedBytes: 64 << 20,
  maxApplyingBytes: 16 << 20,
  maxPendingReads: 4096,
  snapshotTimeoutTick: 6000,
  appendTimeoutTick: 500,
  stepDownOnRemoval: true,
  lease: null,
  tickMs: 0,
  repair: false,
  recovering: false,
  eagerAppend: false,
  confChangeChecks: 'all',
  handOverOnRemoval: true,
  logger: null,
  trace: null,
}) satisfies Omit<Config, 'id' | 'storage' | 'random'>;
