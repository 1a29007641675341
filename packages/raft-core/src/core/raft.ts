import type { Config } from '../config.js';
import { type LogIndex, NONE, type ReplicaId, type Term } from '../ids.js';
import { RaftConfigError, RaftInvariantError } from '../invariant.js';
import { OpenTickets, withoutAcksFrom } from '../log/open-tickets.js';
import { RaftLog } from '../log/raft-log.js';
import type { Message } from '../message.js';
import { ForwardedReads } from '../reads/forwarded-reads.js';
import { ReadRounds } from '../reads/read-rounds.js';
import { type Drop, DropReason, type ReadState, type ReadTicket, StateType } from '../ready.js';
import { Tracker } from '../tracker/tracker.js';

const NO_PROMISE = Object.freeze({ to: NONE, term: 0, index: 0 });

/**
 * The state of one replica, shared by the modules of this folder and by nobody else. Each module is
 * one concern (election, replication, reads ...) and works on it with plain functions; rules that
 * belong to a part alone live in that part (log, tracker, reads).
 */
export class Raft {
  readonly id: ReplicaId;
  readonly config: Config;
  readonly log: RaftLog;
  readonly tracker: Tracker;
  readonly tickets = new OpenTickets();
  readonly reads: ReadRounds;
  readonly forwarded: ForwardedReads;

  term: Term;
  vote: ReplicaId;
  leader: ReplicaId = NONE;
  role: StateType = StateType.StateFollower;

  /** Messages that may leave with the next ready(). */
  outbox: Message[] = [];
  /** Acknowledgements and granted votes: they leave once what they promise is durable. */
  answers: Message[] = [];
  /** The farthest acknowledgement that was made to wait for the disk, unless it was taken back. */
  promised: { readonly to: ReplicaId; readonly term: Term; readonly index: LogIndex } = NO_PROMISE;
  readStates: ReadState[] = [];
  drops: Drop[] = [];

  /** Ticks since the start. */
  ticks = 0;
  /** Ticks since a leader was heard or an election began; at a leader, since the quorum was checked. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  randomizedElectionTimeout = 0;
  /** Ticks left of the restart silence (S9). */
  silenceLeft: number;
  /** Everything committed at the start has to be applied before this replica may campaign (S2). */
  readonly startCommit: LogIndex;

  leadTransferee: ReplicaId = NONE;
  transferElapsed = 0;
  /** As leader: index of the empty entry that opened this term. */
  termStart: LogIndex = 0;
  /** Term in which this replica voted for itself with a hard state not yet handed out; else 0. */
  selfVoteTerm: Term = 0;
  /** As leader: some follower's appendDue is set. */
  appendsDue = false;

  #nextReadTicket: ReadTicket = 1;

  constructor(config: Config) {
    checkConfig(config);
    const { hardState, confState } = config.storage.initialState();
    this.id = config.id;
    this.config = config;
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.log = new RaftLog(
      config.storage,
      hardState.commit,
      config.applied,
      config.maxApplyingBytes,
    );
    // INVARIANT(term-before-entries): a term is durable before any entry of it, so a log that is
    // ahead of the hard state means that the hard state was lost (S1).
    if (this.log.lastTerm > this.term) {
      throw new RaftInvariantError(
        'term-before-entries',
        `the log ends in term ${this.log.lastTerm}, the hard state says ${this.term}`,
      );
    }
    this.startCommit = this.log.committed;
    this.tracker = new Tracker(confState, config);
    const silent = config.restartSilence && !this.tracker.isOnlyVoter(this.id);
    this.silenceLeft = silent ? config.electionTick : 0;
    // Tokens of an earlier life of this replica must not match (S15): begin anywhere.
    const firstToken = 1 + Math.floor(config.random() * 2 ** 48);
    this.reads = new ReadRounds();
    this.forwarded = new ForwardedReads(firstToken);
    this.resetElectionTimeout();
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
    this.outbox.push(m);
  }

  /** The message leaves when everything it promises is durable. */
  sendWhenDurable(m: Message): void {
    m.from = this.id;
    this.answers.push(m);
  }

  /** Forgets the entries from `index` on, and every promise made of them. */
  truncateFrom(index: LogIndex): void {
    this.log.truncateFrom(index);
    this.tickets.truncateFrom(index);
    this.answers = withoutAcksFrom(this.answers, index);
    this.promised = NO_PROMISE;
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
}

function checkConfig(config: Config): void {
  const { id, electionTick, heartbeatTick, applied } = config;
  const whole = (n: number, min: number): boolean => Number.isSafeInteger(n) && n >= min;
  const refuse = (what: string): never => {
    throw new RaftConfigError(`replica ${id}: ${what}`);
  };
  if (!whole(id, 1)) refuse('id must be a whole number from 1');
  if (!whole(applied, 0)) refuse('applied must be a whole number');
  if (!whole(heartbeatTick, 1)) refuse('heartbeatTick must be at least 1');
  if (!whole(electionTick, heartbeatTick + 1)) refuse('electionTick must exceed heartbeatTick');
  if (!whole(config.maxInflightMsgs, 1)) refuse('maxInflightMsgs must be at least 1');
  for (const name of [
    'maxSizePerMsg',
    'maxInflightBytes',
    'maxUncommittedBytes',
    'maxApplyingBytes',
  ] as const) {
    if (!(config[name] > 0)) refuse(`${name} must be positive`);
  }
}
