import type { ReadTicket } from '../ready.js';

interface Forward {
  readonly token: number;
  readonly tickets: readonly ReadTicket[];
  readonly deadline: number;
}

const NO_TICKETS: readonly ReadTicket[] = Object.freeze([]) as readonly ReadTicket[];

/**
 * Reads of a replica that does not lead: one MsgReadIndex to the leader for all that were asked since
 * the last ready(). Each try has a token of its own and one election timeout to come back (S15).
 */
export class ForwardedReads {
  #unsent: ReadTicket[] = [];
  #unsentDeadline = 0;
  #sent: Forward[] = [];
  #nextToken: number;

  constructor(firstToken: number) {
    this.#nextToken = firstToken;
  }

  get size(): number {
    return this.#sent.reduce((sum, f) => sum + f.tickets.length, this.#unsent.length);
  }

  get hasUnsent(): boolean {
    return this.#unsent.length > 0;
  }

  add(ticket: ReadTicket, deadline: number): void {
    if (this.#unsent.length === 0) this.#unsentDeadline = deadline;
    this.#unsent.push(ticket);
  }

  /** Token for the message that now leaves for all unsent reads. */
  send(): number {
    const token = this.#nextToken++;
    this.#sent.push({ token, tickets: this.#unsent, deadline: this.#unsentDeadline });
    this.#unsent = [];
    return token;
  }

  /** The tickets that an answer with `token` confirms; none if it is late or not ours. */
  confirm(token: number): readonly ReadTicket[] {
    const at = this.#sent.findIndex((f) => f.token === token);
    if (at < 0) return NO_TICKETS;
    const [found] = this.#sent.splice(at, 1);
    return found?.tickets ?? NO_TICKETS;
  }

  /** Whether the oldest read's deadline has come. */
  hasExpired(now: number): boolean {
    const sent = this.#sent[0];
    if (sent !== undefined) return sent.deadline <= now;
    return this.#unsent.length > 0 && this.#unsentDeadline <= now;
  }

  /** Removes and returns the reads whose deadline has come. */
  expire(now: number): readonly ReadTicket[] {
    let late: readonly ReadTicket[] = NO_TICKETS;
    while (this.#sent.length > 0 && this.#sent[0]!.deadline <= now) {
      late = [...late, ...(this.#sent.shift()?.tickets ?? NO_TICKETS)];
    }
    if (this.#unsent.length > 0 && this.#unsentDeadline <= now) {
      late = [...late, ...this.#unsent];
      this.#unsent = [];
    }
    return late;
  }

  takeAll(): readonly ReadTicket[] {
    if (this.size === 0) return NO_TICKETS;
    const all = [...this.#sent.flatMap((f) => f.tickets), ...this.#unsent];
    this.#sent = [];
    this.#unsent = [];
    return all;
  }
}
