import {
  type Config,
  type ConfState,
  EntryType,
  type LogIndex,
  type Message,
  MessageType,
  type RawNode,
  type ReplicaId,
  StateType,
  type Status,
  StepStatus,
  type Term,
} from '@dougdb/raft-core';
import { isQuorum, Violation } from '@dougdb/raft-core/testing';
import { DamageRule } from './damage-rule.js';
import type { LogMirror } from './log-mirror.js';

/** Ticks of grace: a rule that begins to hold with a tick shows in the next one. */
const GRACE_TICKS = 2;

/** What the rules of one life depend on. */
export interface RuleStart {
  readonly id: ReplicaId;
  readonly config: Pick<
    Config,
    | 'electionTick'
    | 'restartSilence'
    | 'lease'
    | 'appendTimeoutTick'
    | 'stepDownOnRemoval'
    | 'checkQuorum'
  >;
  readonly commit: LogIndex;
  readonly conf: ConfState;
}

/**
 * Rules that one replica has to keep whatever the others do. Breaking one is an error even where chance
 * does not make a stale read or a second leader of it within the run; what comes of it is the oracle's
 * business.
 */
export class Rules {
  readonly damage: DamageRule;
  readonly #start: RuleStart;
  readonly #isSilent: boolean;
  #ticks = 0;
  /** Tick at which a message of a leader was taken in last. */
  #leaderHeardAt = Number.NEGATIVE_INFINITY;
  #term: Term = 0;
  #vote: ReplicaId = 0;
  #commit: LogIndex;
  #role: StateType = StateType.StateFollower;
  #conf: ConfState;
  #commitWhenElected: LogIndex = 0;
  /** The newest term in which another one was told to campaign. */
  #calledIn: Term = 0;
  /** As leader: when each other replica was heard last. */
  readonly #heardAt = new Map<ReplicaId, number>();
  /** Tick of its election, or of the last change of the configuration. */
  #settledAt = 0;
  /** Ticks for which it has led without being a voter, or with a disk that hangs. */
  #ticksRemoved = 0;
  #ticksStalled = 0;

  constructor(start: RuleStart) {
    this.#start = start;
    this.damage = new DamageRule(start.id);
    this.#commit = start.commit;
    this.#conf = start.conf;
    // Where nobody else votes nobody can have been promised anything.
    this.#isSilent = start.config.restartSilence && !isOnlyVoter(start.conf, start.id);
  }

  /** One step of this replica's clock; `ticketAge`: ticks since the oldest open ticket was handed out. */
  ticked(ticketAge: number): void {
    this.#ticks++;
    if (this.#role !== StateType.StateLeader) return;
    const { electionTick, stepDownOnRemoval, appendTimeoutTick } = this.#start.config;
    const { id } = this.#start;
    const isRemoved = stepDownOnRemoval && !isVoter(this.#conf, id);
    this.#ticksRemoved = isRemoved ? this.#ticksRemoved + 1 : 0;
    this.#demand(this.#ticksRemoved <= electionTick + GRACE_TICKS, 'removed-leader-steps-down');
    const isStalled = ticketAge >= appendTimeoutTick && !isOnlyVoter(this.#conf, id);
    this.#ticksStalled = isStalled ? this.#ticksStalled + 1 : 0;
    this.#demand(this.#ticksStalled <= electionTick + GRACE_TICKS, 'stalled-leader-steps-down');
    this.#demand(this.#isHeard, 'unheard-leader-steps-down');
  }

  /** A message was taken in, or refused. */
  received(m: Message, status: StepStatus, node: RawNode): void {
    switch (m.type) {
      case MessageType.MsgApp:
        this.#appended(m, node.commitIndex);
        if (status === StepStatus.Ok) this.#leaderHeardAt = this.#ticks;
        return;
      case MessageType.MsgHeartbeat:
      case MessageType.MsgSnap:
        if (status === StepStatus.Ok) this.#leaderHeardAt = this.#ticks;
        return;
      case MessageType.MsgPreVote:
        this.#demand(this.#isAsBefore(node), 'pre-vote-changes-nothing');
        return;
      case MessageType.MsgVote:
        this.#demand(m.force || !this.#isBound || this.#isAsBefore(node), 'lease-refusal');
        return;
      case MessageType.MsgAppResp:
      case MessageType.MsgHeartbeatResp:
      case MessageType.MsgSnapReq:
        this.#heardAt.set(m.from, this.#ticks);
        return;
      default:
        return;
    }
  }

  /** A message leaves. */
  sends(m: Message): void {
    const { type, reject, term } = m;
    this.damage.sends(m);
    if (type === MessageType.MsgTimeoutNow) this.#calledIn = term;
    const isCampaign = type === MessageType.MsgVote || type === MessageType.MsgPreVote;
    const isVote = type === MessageType.MsgVoteResp || type === MessageType.MsgPreVoteResp;
    if (!isCampaign && (!isVote || reject)) return;
    const isOver = !this.#isSilent || this.#ticks >= this.#start.config.electionTick;
    this.#demand(isOver, 'restart-silence');
  }

  /**
   * After each event. `log` is what was handed out; up to `settled` this replica knows it to be committed, up to
   * `decided` somebody does.
   */
  observed(
    now: Status,
    log: LogMirror,
    { settled, decided }: { readonly settled: LogIndex; readonly decided: LogIndex },
  ): void {
    const { role, commit, leadTransferee, confState } = now;
    if (role !== this.#role) this.#changedRole(now, log, settled);
    this.damage.observed(now.damaged);
    if (role === StateType.StateLeader && commit > Math.max(decided, this.#commitWhenElected)) {
      // Raft 5.4.2, unless others told of it; what stands above the mirror's end is not known yet.
      const term = log.termAt(commit);
      this.#demand(commit > log.last || term === now.term, 'commit-own-term');
    }
    this.#demand(leadTransferee === 0 || isVoter(confState, leadTransferee), 'transfer-to-voter');
    this.#role = role;
    this.#term = now.term;
    this.#vote = now.vote;
    this.#commit = commit;
    if (confState !== this.#conf) this.#settledAt = this.#ticks;
    this.#conf = confState;
  }

  /** A change of the configuration was accepted by this leader, whose state was `before`. */
  changeProposed(before: Status, log: LogMirror): void {
    const { commit, term, applied } = before;
    const isCommitted = commit > log.last || log.termAt(commit) === term;
    this.#demand(isCommitted, 'own-commit-first');
    this.#demand(!hasChange(log, applied, log.last), 'one-conf-change');
  }

  /** A read was let through by the lease. */
  leaseUsed(): void {
    this.#demand(this.#calledIn !== this.#term, 'lease-before-transfer');
  }

  #changedRole(now: Status, log: LogMirror, settled: LogIndex): void {
    const { role, commit, applied } = now;
    if (role === StateType.StateLeader) {
      this.#commitWhenElected = commit;
      this.#ticksRemoved = 0;
      this.#ticksStalled = 0;
      this.#settledAt = this.#ticks;
    }
    const isCampaign = role === StateType.StatePreCandidate || role === StateType.StateCandidate;
    if (!isCampaign || this.#role !== StateType.StateFollower) return;
    this.#demand(applied >= this.#start.commit, 'campaign-applied-start');
    this.#demand(!hasChange(log, applied, settled), 'campaign-applied-conf');
    const isAsked = role === StateType.StatePreCandidate;
    this.#demand(!isAsked || !this.#isBound, 'lease-refusal');
  }

  #appended({ commit, index, entries }: Message, now: LogIndex): void {
    const verified = Math.min(commit, index + entries.length);
    this.#demand(now <= Math.max(this.#commit, verified), 'commit-verified');
  }

  /** With check-quorum a leader looks once an election timeout who was heard since it looked before. */
  get #isHeard(): boolean {
    const { id, config } = this.#start;
    const since = this.#ticks - 3 * config.electionTick - GRACE_TICKS;
    if (!config.checkQuorum || this.#settledAt > since) return true;
    const heard = new Set<ReplicaId>([id]);
    for (const [other, at] of this.#heardAt) if (at > since) heard.add(other);
    return isQuorum(this.#conf, heard);
  }

  /** A promise not to elect anybody runs (S10). */
  get #isBound(): boolean {
    const { lease, electionTick } = this.#start.config;
    return lease !== null && this.#ticks - this.#leaderHeardAt < electionTick;
  }

  #isAsBefore(node: RawNode): boolean {
    const { term, vote } = node.status();
    return term === this.#term && vote === this.#vote;
  }

  #demand(isMet: boolean, rule: string): void {
    if (!isMet) throw new Violation(rule, `replica ${this.#start.id} in term ${this.#term}`);
  }
}

function isVoter({ voters, votersOutgoing }: ConfState, id: ReplicaId): boolean {
  return voters.includes(id) || votersOutgoing.includes(id);
}

/** Whether no other replica votes, in either half. */
function isOnlyVoter({ voters, votersOutgoing }: ConfState, id: ReplicaId): boolean {
  return voters.length > 0 && [...voters, ...votersOutgoing].every((voter) => voter === id);
}

/** Whether (from, to] holds a change of the configuration. */
function hasChange(log: LogMirror, from: LogIndex, to: LogIndex): boolean {
  for (let index = from + 1; index <= to; index++) {
    const entry = log.at(index);
    if (entry !== undefined && entry.type !== EntryType.EntryNormal) return true;
  }
  return false;
}
