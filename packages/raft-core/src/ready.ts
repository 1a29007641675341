import type { Entry } from './entry.js';
import type { LogIndex, ReplicaId, Term } from './ids.js';
import type { Message } from './message.js';
import type { SnapshotMetadata } from './storage.js';

export const StateType = {
  StateFollower: 0,
  StatePreCandidate: 1,
  StateCandidate: 2,
  StateLeader: 3,
} as const;
export type StateType = (typeof StateType)[keyof typeof StateType];

/** Names the durability work of one ready(). Grows by one each time; completions come in order. */
export type AppendTicket = number;
/** Names one batch of reads of this replica. */
export type ReadTicket = number;

/**
 * What the host has to do now. The host's contract, in this order:
 *
 * 1. `hardState` (if not null) is made durable before anything else of this Ready or a later one:
 *    before its entries are handed to the log and before any message leaves.
 * 2. `append` is handed to the log; `messages` leave at the same time, without waiting for it
 *    (dissertation 10.2.1).
 * 3. When entries (and hard state) of a ticket are durable, `appended(ticket)` is called, tickets in
 *    order; it releases the acknowledgements that waited, which appear in the next ready().
 * 4. A `snapshot` of an append replaces log and state machine; its bytes were streamed before the host
 *    stepped the MsgSnap. What was handed out for application before it is void.
 * 5. `committed` entries are applied in order and reported by `applied(index)`; they may be applied
 *    while later tickets are open, they are durable here already.
 *    A configuration change among them is decoded and given to `applyConfChange()` before its index
 *    is reported.
 *
 * ready() may be called again at once. Arrays are the host's to keep; entries are immutable.
 */
export interface Ready {
  /** Not null when leader or role changed. */
  readonly softState: SoftState | null;
  /** Not null when term or vote changed. */
  readonly hardState: { readonly term: Term; readonly vote: ReplicaId } | null;
  readonly append: Append | null;
  readonly messages: readonly Message[];
  readonly committed: readonly Entry[];
  /**
   * Damaged entries whose bytes another replica had: the host writes them again in their places, which
   * truncates nothing, and completes them with the ticket of `append`, which is not null then.
   */
  readonly repairs: readonly Entry[];
  readonly reads: readonly ReadState[];
  readonly drops: readonly Drop[];
}

export interface SoftState {
  readonly leader: ReplicaId;
  readonly role: StateType;
}

/**
 * What `appended(ticket)` waits for. Present also with no entries when a hard state or answer has to
 * wait for durability. An entry at index i replaces everything at and above i in the log.
 */
export interface Append {
  readonly ticket: AppendTicket;
  readonly entries: readonly Entry[];
  /** Commit hint to store with these entries (S2): known committed and verified up to here. */
  readonly commit: LogIndex;
  /** Install this snapshot (already streamed by the host) before the entries. */
  readonly snapshot: SnapshotMetadata | null;
  /** Everything at and above this index is removed first. Only with `Config.repair`. */
  readonly truncateFrom?: LogIndex;
}

/** Reads of `ticket` are linearizable once the state machine has applied `index`. */
export interface ReadState {
  readonly ticket: ReadTicket;
  readonly index: LogIndex;
}

/** Why a proposal or read did not enter, or left without an outcome. */
export const DropReason = {
  NotLeader: 'not-leader',
  NoLeader: 'no-leader',
  Transferring: 'transferring',
  UncommittedLimit: 'uncommitted-limit',
  /** A configuration change, or the beginning of this term, is not yet committed and applied. */
  ConfChangePending: 'conf-change-pending',
  /** A joint configuration has to be left first. */
  JointConf: 'joint-conf',
  /** There is no joint configuration to leave. */
  NotJointConf: 'not-joint-conf',
  /** The change makes no configuration; the reason is what a changer says. */
  InvalidConfChange: 'invalid-conf-change',
  /** An id that was removed is never used again. */
  RetiredId: 'retired-id',
  LeaderChanged: 'leader-changed',
  ReadTimeout: 'read-timeout',
  /** Too many reads wait for an answer already. */
  ReadLimit: 'read-limit',
  NotVoter: 'not-voter',
  /** The entries became part of a snapshot that was installed here: committed or superseded, not told. */
  Snapshot: 'snapshot',
  /** This leader is about to hand over or to step down. */
  SteppingDown: 'stepping-down',
} as const;
export type DropReason = (typeof DropReason)[keyof typeof DropReason];

/**
 * The end of something that was accepted before. 'read': ask again. 'proposals': entries [first, last]
 * of `term` were appended here as leader and this replica stepped down (or a snapshot covered them
 * before they were handed out): their outcome is decided by
 * what is committed at those indexes, and unknown to a client that waits now.
 */
export type Drop =
  | { readonly kind: 'read'; readonly ticket: ReadTicket; readonly reason: DropReason }
  | {
      readonly kind: 'proposals';
      readonly term: Term;
      readonly first: LogIndex;
      readonly last: LogIndex;
      readonly reason: DropReason;
    };

/** Accepted proposals stand at [first, last] in `term`; whoever else commits there superseded them. */
export type Proposed =
  | { readonly term: Term; readonly first: LogIndex; readonly last: LogIndex }
  | { readonly dropped: DropReason };

/** What step() made of a message. Remote input never throws. */
export const StepStatus = {
  Ok: 'ok',
  /** Another group member's old news; ignored. */
  Stale: 'stale',
  /** Not from or for a member, or not a valid message; nothing changed. */
  Invalid: 'invalid',
  /** From an unknown replica id; nothing changed. */
  UnknownPeer: 'unknown-peer',
  /** The leader claims a commit beyond this log: acknowledged entries were lost here (wiped disk). */
  LostLog: 'lost-log',
} as const;
export type StepStatus = (typeof StepStatus)[keyof typeof StepStatus];
