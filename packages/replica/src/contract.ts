import type { Clock, Logger, Metrics, Random } from '@dougdb/ports';
import type { ConfState } from '@dougdb/raft-core';
import type {
  Consistency,
  DougError,
  LookedWrite,
  PartitionDescriptor,
  ReadLevel,
} from '@dougdb/rpc-proto';
import type { Db, DbIterator } from '@dougdb/sstable';
import type { Wal } from '@dougdb/wal';
import type { HardStateStore } from './hard-state-store.js';
import type { InitialRow } from './state/initial-rows.js';
import type { Transport } from './transport.js';
import type { RefillTurn } from './ttl/refill-turn.js';
import { defaultWatchSettings, type WatchSettings } from './watch/contract.js';
import type { WindowBudget } from './watch/window-budget.js';

/** What a read was served as. */
export interface ReadMark {
  /** Weaker than what was asked for never; stronger where a lease read needed a round after all. */
  readonly served: Consistency;
  /**
   * Of a bounded read: the state showed everything that was acknowledged so many milliseconds before, or
   * earlier. 0 for the other levels (an eventual read is as old as the replica's header estimates).
   */
  readonly ageMs: number;
}

/**
 * Takes the answers of a stream of operations. Ids are the caller's numbers; each id gets exactly one
 * call. Called from within the turn that knows the answer; an implementation gathers them and sends
 * one message at the end of the turn. It must not throw: that would stop the replica.
 */
export interface AnswerSink {
  /** A blind write was applied (now or before, under the same op id). */
  written(id: number, revision: number): void;
  /**
   * A write that looked first, or a command of several keys, came to its place in the log (now or before,
   * under the same op id): applied, or its condition was not met. The answer with its bytes belongs to the sink.
   */
  looked(id: number, write: LookedWrite): void;
  /**
   * A read found the key. `value` belongs to the sink.
   * @param expiresAt - log time at which the key goes; 0: never
   */
  found(id: number, value: Uint8Array, revision: number, expiresAt: number, mark: ReadMark): void;
  absent(id: number, mark: ReadMark): void;
  failed(id: number, error: DougError): void;
}

export interface ReplicaOptions {
  readonly clusterId: Uint8Array;
  /** The node that this replica lives on. */
  readonly nodeId: number;
  readonly replicaId: number;
  /** The partition as of genesis; a durable ReplicaState carries a newer one. */
  readonly descriptor: PartitionDescriptor;
  /** Log time at genesis. */
  readonly genesisLogTime: number;
  /** What the partition holds from genesis on, the same on every replica. Default: nothing. */
  readonly initialRows?: readonly InitialRow[];
  readonly db: Db;
  readonly wal: Wal;
  readonly hardState: HardStateStore;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  /** True only in the start in which genesis made this replica (S9). */
  readonly justMade: boolean;
  readonly settings: ReplicaSettings;
  /**
   * Which of these nodes had better lead next, when this replica hands over by itself: those with a
   * voter that is caught up. 0, or left out: whoever lacks least.
   */
  readonly chooseSuccessor?: (nodeIds: readonly number[]) => number;
  /** Memory for windows over older versions, for the watches of all replicas of a process. Default: one of its own. */
  readonly watchBudget?: WindowBudget;
  /** Shared by all replicas of a process: one of them after the other reads which of its keys have a time. */
  readonly refillTurn?: RefillTurn;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** For simulations. */
  readonly observer?: ApplyObserver;
  /** Something that ends the process (a failed WAL, hard state or manifest; a broken invariant stops only the replica). */
  readonly onFatal: (error: unknown) => void;
}

/** Hears what a replica applies. It must not throw. */
export interface ApplyObserver {
  /**
   * A committed entry is about to be applied: each in order, after a start also those that are applied again. Whoever
   * waits for a command of it may be answered before the whole of it is applied.
   */
  begins(entry: CommittedEntry): void;
  /** It was applied whole. */
  applied(state: AppliedState): void;
}

export interface CommittedEntry {
  readonly partitionId: number;
  readonly index: number;
  readonly term: number;
  /** Empty: the entry with which a term begins. Not to be changed. */
  readonly data: Uint8Array;
}

/** What a partition is after an entry. The same on every replica. */
export interface AppliedState {
  readonly partitionId: number;
  readonly index: number;
  readonly revision: number;
  readonly hash: number;
  readonly sessions: number;
}

/** See {@link defaultReplicaSettings}. */
export interface ReplicaSettings {
  readonly heartbeatTicks: number;
  readonly electionTicks: number;
  /** A freeze is made when this much log stands behind the frontier, even with an empty memtable (S5). */
  readonly freezeLogBytes: number;
  readonly freezeLogEntries: number;
  /** Log kept behind the frontier for members that lag: of the last so many bytes of the WAL. */
  readonly retainLogBytes: number;
  /** Bytes of commands accepted and not yet answered; beyond it BUSY. */
  readonly maxQueuedBytes: number;
  /** Reads accepted and not yet answered; beyond it BUSY. */
  readonly maxQueuedReads: number;
  /** Applying is cut into slices of this length. */
  readonly applySliceMs: number;
  /** A ticket of the log or a look at a table open for longer makes a leader hand over (slow disk). */
  readonly maxAppendMs: number;
  /**
   * Milliseconds of one tick, where leases are on (S10): the same on all members, as the election times
   * are. 0: they are off, and lease reads are refused.
   */
  readonly leaseTickMs: number;
  /**
   * Log time for which versions are kept: the leader lets go of older ones. 0: nothing is kept but the newest
   * versions. Members may differ in it: the leader's counts, as long as it leads.
   */
  readonly historyMs: number;
  /** What is kept for watches, and for how long. */
  readonly watch: WatchSettings;
}

export const defaultReplicaSettings: ReplicaSettings = Object.freeze({
  heartbeatTicks: 5,
  electionTicks: 16,
  freezeLogBytes: 16 << 20,
  freezeLogEntries: 10_000,
  retainLogBytes: 256 << 20,
  maxQueuedBytes: 32 << 20,
  maxQueuedReads: 65_536,
  applySliceMs: 2,
  maxAppendMs: 5_000,
  leaseTickMs: 0,
  historyMs: 10 * 60_000,
  watch: defaultWatchSettings,
});

/** Facts for a response header, all of the same instant. */
export interface ReplicaHeader {
  readonly partitionId: number;
  readonly revision: number;
  readonly term: number;
  readonly appliedIndex: number;
  readonly logTime: number;
  /** Time since the last leader message whose commit index was already applied here; 0 on a leader. */
  readonly ageMs: number;
}

export type ReplicaServiceState = 'starting' | 'serving' | 'draining' | 'corrupt' | 'stopped';

export interface ReplicaStatus {
  readonly partitionId: number;
  readonly replicaId: number;
  readonly state: ReplicaServiceState;
  readonly role: 'leader' | 'follower' | 'candidate' | 'pre-candidate';
  /** 0: unknown. */
  readonly leaderReplicaId: number;
  readonly leaderNodeId: number;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly revision: number;
  /** The oldest revision that may still be read. */
  readonly historyFloor: number;
  readonly sessions: number;
  /** {@link import('./replica.js').Replica.stateHash} at appliedIndex; null while an entry is applied in part. */
  readonly hash: number | null;
  readonly confState: ConfState;
}

export interface ScanOptions {
  /** Inclusive; empty: from the first key of the partition. */
  readonly start: Uint8Array;
  /** Exclusive; empty: to the last key of the partition. */
  readonly end: Uint8Array;
  readonly reverse: boolean;
  readonly keysOnly: boolean;
  readonly level: ReadLevel;
  /** Monotonic milliseconds at which a waiting read gives up. */
  readonly deadlineMs: number;
}

/** Walks over keys and values as their writers know them. Its methods throw DougError. */
export interface ScanIterator extends Omit<DbIterator, 'marked'> {
  /** Log time at which the key here goes; 0: never, or not told, as the values (keysOnly). */
  expiresAt(): number;
}

/** What a scan reads from: one state of the partition, whatever is written or compacted meanwhile. */
export interface ScanView {
  /** To be closed by the caller. */
  readonly iterator: ScanIterator;
  /** Of the state that it shows: a scan at this revision, on any replica, shows the same. */
  readonly revision: number;
  readonly mark: ReadMark;
}
