import type { Entry } from '../entry.js';
import type { ReplicaId, Term } from '../ids.js';
import { type Message, MessageType } from '../message.js';
import type { Append, AppendTicket, Drop, ReadState, Ready, StateType } from '../ready.js';
import { buildAppends } from './append-sender.js';
import { handleSelfVoteDurable } from './election.js';
import type { Raft } from './raft.js';
import { hasReadWork, startReads } from './reads.js';
import { handleSelfDurable } from './replication.js';

const NO_MESSAGES: readonly Message[] = Object.freeze([]) as readonly Message[];
const NO_READS: readonly ReadState[] = Object.freeze([]) as readonly ReadState[];
const NO_DROPS: readonly Drop[] = Object.freeze([]) as readonly Drop[];

/** Turns the state into Ready records and takes back completions: the host's side of a replica. */
export class ReadyBuilder {
  readonly #raft: Raft;
  #term: Term;
  #vote: ReplicaId;
  #leader: ReplicaId;
  #role: StateType;

  constructor(raft: Raft) {
    this.#raft = raft;
    this.#term = raft.term;
    this.#vote = raft.vote;
    this.#leader = raft.leader;
    this.#role = raft.role;
  }

  get hasReady(): boolean {
    const r = this.#raft;
    return (
      r.outbox.length > 0 ||
      r.answers.length > 0 ||
      r.appendsDue ||
      r.log.hasUnhanded ||
      r.log.hasNextCommitted ||
      r.readStates.length > 0 ||
      r.drops.length > 0 ||
      hasReadWork(r) ||
      this.#hardStateChanged ||
      this.#softStateChanged
    );
  }

  build(): Ready {
    const r = this.#raft;
    startReads(r);
    buildAppends(r);
    const softState = this.#softStateChanged ? { leader: r.leader, role: r.role } : null;
    const hardState = this.#hardStateChanged ? { term: r.term, vote: r.vote } : null;
    const waiting = this.#releaseDurableAnswers();
    const append = this.#openTicket(r.log.takeUnhanded(), waiting, hardState !== null);
    const committed = r.log.takeNextCommitted();
    const ready: Ready = {
      softState,
      hardState,
      append,
      messages: r.outbox.length > 0 ? r.outbox : NO_MESSAGES,
      committed,
      reads: r.readStates.length > 0 ? r.readStates : NO_READS,
      drops: r.drops.length > 0 ? r.drops : NO_DROPS,
    };
    if (r.outbox.length > 0) r.outbox = [];
    if (r.readStates.length > 0) r.readStates = [];
    if (r.drops.length > 0) r.drops = [];
    this.#term = r.term;
    this.#vote = r.vote;
    this.#leader = r.leader;
    this.#role = r.role;
    return ready;
  }

  /** The host made a ticket, and all before it, durable. */
  appended(ticket: AppendTicket): void {
    const r = this.#raft;
    for (let done = r.tickets.completeNext(ticket); done !== null; ) {
      r.log.durableTo(done.last);
      for (const answer of done.answers) if (this.#isReleased(answer)) r.outbox.push(answer);
      if (r.isLeader) handleSelfDurable(r);
      if (done.selfVoteTerm !== 0) handleSelfVoteDurable(r, done.selfVoteTerm);
      done = r.tickets.completeNext(ticket);
    }
  }

  get #hardStateChanged(): boolean {
    return this.#raft.term !== this.#term || this.#raft.vote !== this.#vote;
  }

  get #softStateChanged(): boolean {
    return this.#raft.leader !== this.#leader || this.#raft.role !== this.#role;
  }

  /** Acknowledgements of what is durable already leave now; the rest waits for the next ticket. */
  #releaseDurableAnswers(): Message[] {
    const r = this.#raft;
    if (r.answers.length === 0) return [];
    const waiting: Message[] = [];
    for (const answer of r.answers) {
      if (answer.type === MessageType.MsgAppResp && this.#isReleased(answer)) r.outbox.push(answer);
      else waiting.push(answer);
    }
    r.answers = [];
    return waiting;
  }

  /** INVARIANT(ack-durable): an acknowledgement names only what is durable and still in the log. */
  #isReleased(answer: Message): boolean {
    return answer.type !== MessageType.MsgAppResp || answer.index <= this.#raft.log.durable;
  }

  #openTicket(entries: readonly Entry[], waiting: Message[], hardState: boolean): Append | null {
    if (entries.length === 0 && waiting.length === 0 && !hardState) return null;
    const r = this.#raft;
    const last = entries[entries.length - 1]?.index ?? 0;
    const ticket = r.tickets.open(last, waiting, r.selfVoteTerm);
    r.selfVoteTerm = 0;
    return { ticket, entries, commit: r.log.committed, snapshot: null };
  }
}
