import { type LogIndex, NONE, type ReplicaId, type Term } from '../ids.js';
import { type OpenTickets, withoutAcksFrom } from '../log/open-tickets.js';
import { type Message, MessageType } from '../message.js';

/**
 * The only ways out of a replica, so that what has to be durable before a message leaves is decided in
 * one place. {@link TicketOutbox} is the real one; conformance runs put etcd's behind the same protocol
 * code.
 */
export interface Outbox {
  /** The message leaves with the next ready(), after the hard state that this Ready may carry. */
  send(m: Message): void;
  /** The message leaves when everything it promises is durable. */
  sendWhenDurable(m: Message): void;
  /** This replica votes for itself. True if the vote counts at once. */
  voteForSelf(type: MessageType, term: Term): boolean;
  /** As leader this replica appended entries up to `last`. */
  appended(last: LogIndex): void;
  /** A new term began: a vote for itself in the old one is void. */
  termChanged(): void;
  /** Entries from `index` on are gone, and every promise made of them. */
  truncateFrom(index: LogIndex): void;
}

const NO_PROMISE = Object.freeze({ to: NONE, term: 0, index: 0 });

/** Messages in the order of leaving, and those that wait for a durability ticket. */
export class TicketOutbox implements Outbox {
  /** Messages that may leave with the next ready(). */
  messages: Message[] = [];
  /** Acknowledgements and granted votes of the next ticket. */
  answers: Message[] = [];
  /** Term in which this replica voted for itself with a hard state not yet handed out; else 0. */
  selfVoteTerm: Term = 0;
  readonly #tickets: OpenTickets;
  readonly #durable: () => LogIndex;
  /** The farthest acknowledgement that was made to wait for the disk, unless it was taken back. */
  #promised: { readonly to: ReplicaId; readonly term: Term; readonly index: LogIndex } = NO_PROMISE;

  constructor(tickets: OpenTickets, durable: () => LogIndex) {
    this.#tickets = tickets;
    this.#durable = durable;
  }

  send(m: Message): void {
    // An array made for one is smaller than what push() makes room for, and mostly it is one.
    if (this.messages.length === 0) this.messages = [m];
    else this.messages.push(m);
  }

  sendWhenDurable(m: Message): void {
    if (m.type === MessageType.MsgAppResp && this.#isPromised(m)) return;
    if (this.answers.length === 0) this.answers = [m];
    else this.answers.push(m);
  }

  /** Nothing of a pre-vote has to be durable; a vote counts once it is. */
  voteForSelf(type: MessageType, term: Term): boolean {
    if (type === MessageType.MsgPreVote) return true;
    this.selfVoteTerm = term;
    return false;
  }

  /** Its own entries count for a leader once their tickets are complete; there is nothing to send. */
  appended(_last: LogIndex): void {}

  termChanged(): void {
    this.selfVoteTerm = 0;
  }

  truncateFrom(index: LogIndex): void {
    this.#tickets.truncateFrom(index);
    this.answers = withoutAcksFrom(this.answers, index);
    this.#promised = NO_PROMISE;
  }

  /**
   * Whether an acknowledgement to this leader that says as much waits for the disk already. Without
   * this check the leader's repeated probes would pile up answers for as long as a disk hangs or is full.
   */
  #isPromised(m: Message): boolean {
    if (m.index <= this.#durable() || m.repairIndex !== 0) return false;
    const { to, term, index } = this.#promised;
    if (to === m.to && term === m.term && index >= m.index) return true;
    this.#promised = { to: m.to, term: m.term, index: m.index };
    return false;
  }
}
