import type { Entry } from './entry.js';
import type { LogIndex, ReplicaId, Term } from './ids.js';
import type { SnapshotMetadata } from './storage.js';

/** etcd's names and numbers (raftpb.MessageType) for what crosses the wire. */
export const MessageType = {
  MsgApp: 3,
  MsgAppResp: 4,
  MsgVote: 5,
  MsgVoteResp: 6,
  MsgSnap: 7,
  MsgHeartbeat: 8,
  MsgHeartbeatResp: 9,
  MsgTimeoutNow: 14,
  MsgReadIndex: 15,
  MsgReadIndexResp: 16,
  MsgPreVote: 17,
  MsgPreVoteResp: 18,
  /** Ours: asks another replica for the bytes of an entry, or for its word that it has no such entry. */
  MsgEntryReq: 32,
  MsgEntryResp: 33,
  /** Ours: a follower whose state machine is damaged asks its leader for a snapshot. */
  MsgSnapReq: 34,
} as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/**
 * A message between two replicas of a group. One hidden class for all types (dispatch on a small
 * integer is six times faster than on twelve shapes); {@link makeMessage} is the only constructor.
 * Fields that a type does not use are 0, false, null or empty.
 */
export interface Message {
  type: MessageType;
  to: ReplicaId;
  from: ReplicaId;
  term: Term;
  /** MsgApp, MsgVote, MsgPreVote: term of the entry at `index`. MsgAppResp rejections: term of the hint. */
  logTerm: Term;
  /**
   * MsgApp: index before the first entry. Votes: last index. Acks: acknowledged or rejected index.
   * MsgHeartbeat: the leader's commit index, for the follower's host to know how old its state is; the
   * core does not commit by it.
   */
  index: LogIndex;
  entries: readonly Entry[];
  /** MsgApp, MsgHeartbeat: how far to commit. MsgAppResp and votes: what the sender knows to be committed. */
  commit: LogIndex;
  reject: boolean;
  /**
   * MsgAppResp rejection: where the follower's log may agree (etcd raft.go, findConflictByTerm).
   * MsgVote, MsgPreVote: term of the entry at `commit`.
   */
  rejectHint: LogIndex;
  /** MsgVote: the election was ordered by the leader (transfer) and passes leader stickiness. */
  force: boolean;
  /**
   * MsgHeartbeat(Resp): the library's own read token, new for each round (etcd#20418).
   * MsgReadIndex(Resp), MsgEntryReq(Resp): the asker's token, echoed.
   * MsgAppResp of a replica that lost entries, and MsgApp to it: names that life of it.
   */
  readToken: number;
  /**
   * MsgAppResp: first entry that is damaged or lost here; the leader sends from there on (S11). 0: none.
   * MsgApp, as an answer to that: the leader's last index when it heard of it.
   */
  repairIndex: LogIndex;
  /**
   * MsgEntryReq(Resp), which carry no term: the term in which words that an entry is not there are
   * collected; 0 in a mere request for bytes.
   */
  denyTerm: Term;
  /** MsgSnap only: what is being sent; the bytes travel by the host's own stream. */
  snapshot: SnapshotMetadata | null;
}

export function makeMessage(type: MessageType, to: ReplicaId, term: Term): Message {
  return {
    type,
    to,
    from: 0,
    term,
    logTerm: 0,
    index: 0,
    entries: NO_ENTRIES,
    commit: 0,
    reject: false,
    rejectHint: 0,
    force: false,
    readToken: 0,
    repairIndex: 0,
    denyTerm: 0,
    snapshot: null,
  };
}

const NO_ENTRIES: readonly Entry[] = Object.freeze([]) as readonly Entry[];
