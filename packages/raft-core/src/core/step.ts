import { NONE } from '../ids.js';
import { type Message, MessageType, makeMessage } from '../message.js';
import { StepStatus } from '../ready.js';
import { isValidMessage } from './check-message.js';
import {
  handleTimeoutNow,
  handleVoteRequest,
  handleVoteResponse,
  isVoteWithheld,
  learnCommit,
} from './election.js';
import { handleAppend, handleHeartbeat } from './follower.js';
import { handleHeartbeatResponse } from './heartbeat.js';
import type { Raft } from './raft.js';
import { handleReadIndex, handleReadIndexResponse } from './reads.js';
import { checkRecovered, handleEntryRequest, handleEntryResponse } from './repair.js';
import { handleAppendResponse } from './replication.js';
import { becomeFollower } from './roles.js';
import { handleSnapshot, handleSnapshotRequest } from './snapshot.js';

/** A message from outside. It never throws, and what is refused changes nothing. */
export function step(r: Raft, m: Message): StepStatus {
  if (!isValidMessage(m, r.id)) return StepStatus.Invalid;
  if (!isFromPeer(r, m)) {
    const isNews = isVoteRequest(m) && learnCommit(r, m);
    return isNews ? StepStatus.Ok : StepStatus.UnknownPeer;
  }
  r.traceMessage('Receive', m);
  return stepFromPeer(r, m);
}

/** As {@link step}, of a message whose form and sender were checked. */
export function stepFromPeer(r: Raft, m: Message): StepStatus {
  if (m.type === MessageType.MsgEntryReq) return handleEntryRequest(r, m);
  if (m.type === MessageType.MsgEntryResp) return handleEntryResponse(r, m);
  if (isVoteRequest(m)) {
    learnCommit(r, m);
    if (isVoteWithheld(r, m)) return StepStatus.Ok;
  } else if (claimsTooMuch(r, m)) {
    return StepStatus.Invalid;
  }
  if (m.term < r.term) return answerOldTerm(r, m);
  if (m.term > r.term && adoptsTerm(m)) becomeFollower(r, m.term, NONE);
  const status = dispatch(r, m);
  checkRecovered(r);
  return status;
}

function dispatch(r: Raft, m: Message): StepStatus {
  switch (m.type) {
    case MessageType.MsgApp:
      return handleAppend(r, m);
    case MessageType.MsgHeartbeat:
      return handleHeartbeat(r, m);
    case MessageType.MsgSnap:
      return handleSnapshot(r, m);
    case MessageType.MsgVote:
    case MessageType.MsgPreVote:
      return handleVoteRequest(r, m);
    case MessageType.MsgVoteResp:
    case MessageType.MsgPreVoteResp:
      return handleVoteResponse(r, m);
    case MessageType.MsgTimeoutNow:
      return handleTimeoutNow(r, m);
    case MessageType.MsgReadIndex:
      return handleReadIndex(r, m);
    case MessageType.MsgReadIndexResp:
      return handleReadIndexResponse(r, m);
    case MessageType.MsgAppResp:
    case MessageType.MsgHeartbeatResp:
    case MessageType.MsgSnapReq:
      return handleFollowerMessage(r, m);
    case MessageType.MsgEntryReq:
    case MessageType.MsgEntryResp:
      return StepStatus.Invalid;
  }
}

function handleFollowerMessage(r: Raft, m: Message): StepStatus {
  const p = r.tracker.get(m.from);
  if (!r.isLeader || p === undefined) return StepStatus.Stale;
  if (m.type === MessageType.MsgAppResp) return handleAppendResponse(r, p, m);
  if (m.type === MessageType.MsgSnapReq) return handleSnapshotRequest(r, p, m);
  return handleHeartbeatResponse(r, p, m);
}

const isVoteRequest = (m: Message): boolean =>
  m.type === MessageType.MsgVote || m.type === MessageType.MsgPreVote;

const isFromLeader = (m: Message): boolean =>
  m.type === MessageType.MsgApp ||
  m.type === MessageType.MsgHeartbeat ||
  m.type === MessageType.MsgSnap;

/**
 * Messages of replicas outside the configuration are refused, requests for votes too: one that was
 * removed goes on campaigning in ever higher terms (hashicorp/raft#524). Members that may not vote (a
 * demoted voter) are heard, or a group could never catch up with their term.
 *
 * Two kinds of strangers are heard (dissertation 4.1), for it may be this replica's configuration that is
 * behind: a leader, whom a quorum elected, and a candidate whose log has all that this one has. The
 * change that made it a voter may be what is missing here, or not known to be committed; the group may
 * need this vote, and nobody else may be left who could tell. One that was removed has mostly less; if it
 * has as much, it wins only where the quorum of its old configuration has no leader, learns from its own
 * first commit that it was removed, and hands over.
 */
function isFromPeer(r: Raft, m: Message): boolean {
  if (r.tracker.get(m.from) !== undefined || r.tracker.members.length === 0) return true;
  if (isFromLeader(m) || isOfOwnLeader(r, m)) return true;
  return isVoteRequest(m) && r.log.isUpToDate(m.index, m.logTerm);
}

/** A leader that was removed leads on until it has handed over, also where its removal is applied. */
function isOfOwnLeader(r: Raft, m: Message): boolean {
  const { type } = m;
  const isOrder = type === MessageType.MsgTimeoutNow || type === MessageType.MsgReadIndexResp;
  return isOrder && m.from === r.leader;
}

/** An acknowledgement of entries that this leader never had. */
function claimsTooMuch(r: Raft, m: Message): boolean {
  return (
    m.type === MessageType.MsgAppResp &&
    !m.reject &&
    r.isLeader &&
    m.term === r.term &&
    m.index > r.log.lastIndex
  );
}

/**
 * Whether a higher term is adopted before the message is looked at. A pre-vote is only a question
 * about a term, and its grant an answer in that term; leaders' messages adopt it themselves, after
 * their checks.
 */
function adoptsTerm(m: Message): boolean {
  if (isFromLeader(m) || m.type === MessageType.MsgPreVote) return false;
  return m.type !== MessageType.MsgPreVoteResp || m.reject;
}

/**
 * A message of a term that is over. Some senders have to hear of the newer term, or a replica that
 * reached it alone could neither follow nor be followed:
 *
 * 1. a leader in the older term gets an empty answer in the newer one and steps down;
 * 2. a pre-candidate with a longer log but an older term gets a refusal, adopts the term and can be
 *    elected in the next one (etcd#8501).
 */
function answerOldTerm(r: Raft, m: Message): StepStatus {
  const isLeaders = m.type === MessageType.MsgApp || m.type === MessageType.MsgHeartbeat;
  const { checkQuorum, preVote, eagerAppend } = r.config;
  // etcd answers only with one of the two; without them a leader whose followers are ahead in term and
  // cannot campaign (newcomers) would never hear of it.
  if (isLeaders && (checkQuorum || preVote || !eagerAppend)) {
    r.send(makeMessage(MessageType.MsgAppResp, m.from, r.term));
  } else if (m.type === MessageType.MsgPreVote) {
    const refusal = makeMessage(MessageType.MsgPreVoteResp, m.from, r.term);
    refusal.reject = true;
    r.send(refusal);
  }
  return StepStatus.Stale;
}
