import type { Config } from '../config.js';
import { type LogIndex, NONE, type ReplicaId, type Term } from '../ids.js';
import { RaftInvariantError } from '../invariant.js';
import { RaftLog } from '../log/raft-log.js';
import type { Message } from '../message.js';
import type { JointConfig } from '../quorum/joint.js';
import { ForwardedReads } from '../reads/forwarded-reads.js';
import { Lease } from '../reads/lease.js';
import { ReadRounds } from '../reads/read-rounds.js';
import { type Drop, DropReason, type ReadState, type ReadTicket, StateType } from '../ready.js';
import { Repairs } from '../repair/repairs.js';
import type { ConfState } from '../storage.js';
import type { TraceInput, TraceName } from '../trace.js';
import { Tracker } from '../tracker/tracker.js';
import { checkConfig } from './check-config.js';
import type { Outbox } from './outbox.js';
import { found } from './repair.js';
import { traceMessageName } from './trace-names.js';

/**
 * The state of one replica, shared by the modules of this folder and by nobody else. Each module is
 * one concern (election, replication, reads ...) and works on it with plain functions; rules that
 * belong to a part alone live in that part (log, tracker, reads, repair).
 */
export class Raft {
  readonly id: ReplicaId;
  readonly config: Config;
  readonly log: RaftLog;
  readonly out: Outbox;
  readonly reads: ReadRounds;
  readonly forwarded: ForwardedReads;
  readonly lease: Lease | null;
  readonly repairs: Repairs;
  /** Replaced when the configuration changes. */
  tracker: Tracker;

  term: Term;
  vote: ReplicaId;
  leader: ReplicaId = NONE;
  role: StateType = StateType.StateFollower;

  readStates: ReadState[] = [];
  drops: Drop[] = [];

  /** Ticks since the start. */
  ticks = 0;
  /** Newest monotonic time that the host told, in milliseconds; 0 if it never did. */
  nowMs = 0;
  /** Ticks since a leader was heard or an election began; at a leader, since the quorum was checked. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  randomizedElectionTimeout = 0;
  /** Ticks left of the restart silence (S9). */
  silenceLeft: number;
  /** Tick at which a message of any leader was accepted last; below 0: never. */
  leaderHeardAt = Number.NEGATIVE_INFINITY;
  /** Everything committed at the start has to be applied before this replica may campaign (S2). */
  readonly startCommit: LogIndex;
  /** The oldest durability ticket has been open for too long: see Config.appendTimeoutTick. */
  isDiskStalled = false;
  /** The state machine is damaged: a snapshot at or above the applied index is wanted. */
  wantsSnapshot = false;
  /** Tick at which that became so, or at which this replica last led all the same. */
  snapshotWantedAt = 0;
  /** The state machine holds everything up to here durably. */
  frontier: LogIndex;

  leadTransferee: ReplicaId = NONE;
  transferElapsed = 0;
  /** As leader: why it is about to give the leadership away, or null. */
  steppingDown: string | null = null;
  steppingDownElapsed = 0;
  /** As leader: index of the empty entry that opened this term. */
  termStart: LogIndex = 0;
  /** This life has led at some time. */
  hasLed = false;
  /** As leader: no configuration change is proposed before this index is applied. */
  pendingConfIndex: LogIndex = 0;
  /** The configuration change applied last; each has to be before its index is reported as applied. */
  lastConfApplied: LogIndex = 0;
  /** Leaves when the snapshot is installed that no ticket has carried yet. */
  installAnswer: Message | null = null;
  /** The host's configuration while a snapshot is installed, whose own is in force here already. */
  confBeforeInstall: ConfState | null = null;
  /** As leader: some follower's appendDue is set. */
  appendsDue = false;
  /** Members that left: their ids are never used again (S6). */
  readonly retired = new Set<ReplicaId>();
  /** What was before the configuration change that was applied last; null: that was in an earlier life. */
  confBefore: { readonly quorum: JointConfig; readonly lastIndex: LogIndex } | null = null;
  /** Highest commit index that any leader spoke of, verified here or not. */
  commitHeard: LogIndex = 0;

  #nextReadTicket: ReadTicket = 1;

  constructor(config: Config, outboxFor: (raft: Raft) => Outbox) {
    checkConfig(config);
    const { hardState, confState } = config.storage.initialState();
    this.id = config.id;
    this.config = config;
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.log = new RaftLog(config.storage, {
      commit: hardState.commit,
      applied: config.applied,
      maxApplyingBytes: config.maxApplyingBytes,
      isTailLost: config.recovering,
    });
    // INVARIANT(term-before-entries): a term is durable before any entry of it, so a log that is
    // ahead of the hard state means that the hard state was lost (S1).
    if (this.log.lastTerm > this.term) {
      throw new RaftInvariantError(
        'term-before-entries',
        `the log ends in term ${this.log.lastTerm}, the hard state says ${this.term}`,
      );
    }
    this.out = outboxFor(this);
    this.startCommit = this.log.committed;
    this.tracker = new Tracker(confState, config);
    this.frontier = config.applied;
    // An only voter owes nobody anything, unless a change that is not applied yet gave it company.
    const isAlone = this.tracker.isOnlyVoter(this.id) && !this.log.mayHoldConfChange;
    this.silenceLeft = config.restartSilence && !isAlone ? config.electionTick : 0;
    // Tokens of an earlier life of this replica must not match (S15): begin anywhere.
    const firstToken = 1 + Math.floor(config.random() * 2 ** 48);
    this.reads = new ReadRounds();
    this.forwarded = new ForwardedReads(firstToken);
    this.lease = config.lease === null ? null : new Lease(config.lease);
    this.repairs = new Repairs(firstToken, { isRecovering: config.recovering });
    if (config.repair) found(this, this.log.damagedAtStart);
    this.resetElectionTimeout();
    this.trace('InitState');
  }

  get isLeader(): boolean {
    return this.role === StateType.StateLeader;
  }

  /** Leader completeness lets a leader count its log as committed only from its own term on. */
  get committedInTerm(): boolean {
    return this.log.committed >= this.termStart;
  }

  resetElectionTimeout(): void {
    const { electionTick, random } = this.config;
    this.randomizedElectionTimeout = electionTick + Math.floor(random() * electionTick);
  }

  /** The message leaves with the next ready(), after the hard state that this Ready may carry. */
  send(m: Message): void {
    m.from = this.id;
    this.traceMessage('Send', m);
    this.out.send(m);
  }

  /** The message leaves when everything it promises is durable. */
  sendWhenDurable(m: Message): void {
    m.from = this.id;
    this.traceMessage('Send', m);
    this.out.sendWhenDurable(m);
  }

  /** Forgets the entries from `index` on, and every promise made of them. */
  truncateFrom(index: LogIndex): void {
    this.log.truncateFrom(index);
    this.out.truncateFrom(index);
    this.repairs.truncateFrom(index);
  }

  nextReadTicket(): ReadTicket {
    return this.#nextReadTicket++;
  }

  /** Reads that were sent to a leader are void when it is the leader no more. */
  setLeader(leader: ReplicaId): void {
    if (leader === this.leader) return;
    this.leader = leader;
    this.dropReads(this.forwarded.takeAll(), DropReason.LeaderChanged);
  }

  dropReads(tickets: readonly ReadTicket[], reason: DropReason): void {
    for (const ticket of tickets) this.drops.push({ kind: 'read', ticket, reason });
  }

  info(event: string, fields: Readonly<Record<string, string | number | boolean>>): void {
    this.config.logger?.info(event, { id: this.id, term: this.term, ...fields });
  }

  trace(name: TraceName, more?: { readonly msg?: Message; readonly input?: TraceInput }): void {
    const { trace } = this.config;
    if (trace === null) return;
    const { voters, votersOutgoing } = this.tracker.confState;
    trace({
      name,
      nid: this.id,
      state: { term: this.term, vote: this.vote, commit: this.log.committed },
      role: this.role,
      log: this.log.lastIndex,
      conf: [voters, votersOutgoing],
      ...more,
    });
  }

  traceMessage(direction: 'Send' | 'Receive', m: Message): void {
    if (this.config.trace === null) return;
    const name = traceMessageName(direction, m);
    if (name !== null) this.trace(name, { msg: m });
  }
}
