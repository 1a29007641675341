import type { LogIndex, ReplicaId, Term } from './ids.js';
import type { StateType } from './ready.js';
import type { ConfState } from './storage.js';

/** A snapshot of one replica's state, for diagnostics and tests. */
export interface Status {
  readonly id: ReplicaId;
  readonly term: Term;
  readonly vote: ReplicaId;
  /** NONE while unknown. */
  readonly leader: ReplicaId;
  readonly role: StateType;
  readonly commit: LogIndex;
  readonly applied: LogIndex;
  /** Highest index whose entry is durable here and will not be overwritten by an open ticket. */
  readonly durable: LogIndex;
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  /** Target of a leadership transfer in progress, or NONE. */
  readonly leadTransferee: ReplicaId;
  /** Bytes proposed or received above the commit index. */
  readonly uncommittedBytes: number;
  /** Reads accepted here and not answered yet, in tickets. */
  readonly pendingReads: number;
  readonly confState: ConfState;
  /** As leader: a configuration change that is not applied yet stands at or below here; 0: none. */
  readonly pendingConfIndex: LogIndex;
  /** As leader: why it is giving the leadership away, or null. */
  readonly steppingDown: string | null;
  /** A snapshot is being installed. */
  readonly isInstalling: boolean;
  /** The end of this log was lost and is not back yet (S11). */
  readonly isRecovering: boolean;
  /** Damaged entries that are known and not mended yet, ascending. */
  readonly damaged: readonly LogIndex[];
}
