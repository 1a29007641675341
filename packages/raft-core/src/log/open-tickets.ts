import type { Entry } from '../entry.js';
import type { LogIndex, Term } from '../ids.js';
import { RaftInvariantError } from '../invariant.js';
import { type Message, MessageType } from '../message.js';
import type { AppendTicket } from '../ready.js';

/** What a durability ticket carries and what its completion releases. */
export interface OpenTicket {
  readonly ticket: AppendTicket;
  /** Highest index of its entries that no later append overwrites; 0 if there is none. */
  last: LogIndex;
  /** Acknowledgements and votes that wait for it. */
  answers: readonly Message[];
  /** Term in which this replica voted for itself, or 0. */
  readonly selfVoteTerm: Term;
  /** Index of the snapshot it installs, or 0. */
  readonly snapshotIndex: LogIndex;
  /** Damaged entries that it mends. */
  readonly repairs: readonly Entry[];
  /** Tick of the logical clock at which it was handed out. */
  readonly openedAt: number;
}

/** Room for this many tickets is kept when none is open. */
const KEPT_ROOM = 64;

const isAckAtOrAbove = (answer: Message, index: LogIndex): boolean =>
  answer.type === MessageType.MsgAppResp && answer.index >= index;

/** Removes the acknowledgements of entries that were overwritten from `index` on. */
export function withoutAcksFrom<T extends readonly Message[]>(
  answers: T,
  index: LogIndex,
): T | Message[] {
  return answers.some((a) => isAckAtOrAbove(a, index))
    ? answers.filter((a) => !isAckAtOrAbove(a, index))
    : answers;
}

/**
 * The tickets handed to the host and not completed, in order.
 *
 * Why entries are tied to their ticket and not to (index, term): a follower may (1) hand out 5@2 in
 * ticket 1, (2) overwrite it with 5@3 in ticket 2, and (3) get 5@2 again, from the old leader in a
 * new term, in ticket 3. When ticket 1 completes, 5@2 is what the log says and what the disk says,
 * and yet ticket 2 is about to remove it: an acknowledgement now could be for an entry that a crash
 * after ticket 2 loses (the ABA race of etcd rawnode.go, newStorageAppendRespMsg). So a truncation
 * clips every open ticket, and only what is left of a ticket counts when it completes.
 */
export class OpenTickets {
  /** Those from #head up to #end are open, oldest first. The room is used again when all are complete. */
  #tickets: (OpenTicket | undefined)[] = [];
  #head = 0;
  #end = 0;
  #issued: AppendTicket = 0;

  /** The ticket that is handed out next. */
  get next(): AppendTicket {
    return this.#issued + 1;
  }

  /** Hands out `work.ticket`, which is {@link next}. */
  open(work: OpenTicket): AppendTicket {
    this.#issued = work.ticket;
    this.#tickets[this.#end++] = work;
    return work.ticket;
  }

  /** Ticks for which the oldest open ticket has been open at `now`; 0 if none is. */
  oldestAge(now: number): number {
    if (this.#head === this.#end) return 0;
    return now - (this.#tickets[this.#head]?.openedAt ?? now);
  }

  /** Entries from `index` on are being overwritten. */
  truncateFrom(index: LogIndex): void {
    for (let i = this.#head; i < this.#end; i++) {
      const open = this.#tickets[i];
      if (open === undefined) continue;
      open.last = Math.min(open.last, index - 1);
      open.answers = withoutAcksFrom(open.answers, index);
    }
  }

  /** The oldest open ticket if it is at or below `ticket`; it is open no more. */
  completeNext(ticket: AppendTicket): OpenTicket | null {
    // INVARIANT(tickets-in-order): a ticket that was never handed out cannot be durable.
    if (!(ticket <= this.#issued)) {
      throw new RaftInvariantError(
        'tickets-in-order',
        `appended(${ticket}) but only ${this.#issued} tickets were handed out`,
      );
    }
    const first = this.#head === this.#end ? undefined : this.#tickets[this.#head];
    if (first === undefined || first.ticket > ticket) return null;
    this.#tickets[this.#head++] = undefined;
    if (this.#head === this.#end) {
      if (this.#end > KEPT_ROOM) this.#tickets = [];
      this.#head = 0;
      this.#end = 0;
    } else if (this.#head > KEPT_ROOM && this.#head * 2 > this.#end) {
      this.#tickets = this.#tickets.slice(this.#head, this.#end);
      this.#end -= this.#head;
      this.#head = 0;
    }
    return first;
  }
}
