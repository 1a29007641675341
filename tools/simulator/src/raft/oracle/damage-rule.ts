import {
  type AppendTicket,
  type LogIndex,
  type Message,
  MessageType,
  type ReplicaId,
} from '@dougdb/raft-core';
import { Violation } from '@dougdb/raft-core/testing';

/** How far the acknowledgements are that were made before the damage was found. */
const Old = {
  /** They wait for a ticket. */
  Waiting: 0,
  /** That ticket is complete: the next Ready takes them along. */
  Released: 1,
  /** They are in the Ready that was built last. */
  Leaving: 2,
  Gone: 3,
} as const;
type Old = (typeof Old)[keyof typeof Old];

/**
 * An acknowledgement speaks of everything up to its index, so none that is made after a damaged entry was
 * found may reach it (S11). Those that were made before may still be on their way to the disk.
 */
export class DamageRule {
  readonly #id: ReplicaId;
  #first: LogIndex = 0;
  #old: Old = Old.Gone;
  #opened: AppendTicket = 0;
  /** With this ticket the last of the older acknowledgements is released. */
  #lastOld: AppendTicket = 0;

  constructor(id: ReplicaId) {
    this.#id = id;
  }

  /** What is known to be damaged, ascending. */
  observed(damaged: readonly LogIndex[]): void {
    const first = damaged[0] ?? 0;
    if (first === this.#first) return;
    this.#first = first;
    this.#old = Old.Waiting;
    this.#lastOld = this.#opened + 1;
  }

  /** A Ready was made; 0: without a ticket. */
  readyBuilt(ticket: AppendTicket): void {
    if (ticket !== 0) this.#opened = ticket;
    if (this.#old === Old.Released) this.#old = Old.Leaving;
    else if (this.#old === Old.Leaving) this.#old = Old.Gone;
  }

  completed(ticket: AppendTicket): void {
    if (this.#old === Old.Waiting && ticket >= this.#lastOld) this.#old = Old.Released;
  }

  sends({ type, reject, repairIndex, index }: Message): void {
    if (type !== MessageType.MsgAppResp || reject || repairIndex !== 0) return;
    if (this.#first === 0 || index < this.#first || this.#old !== Old.Gone) return;
    throw new Violation(
      'ack-whole',
      `${this.#id} acknowledges ${index}, ${this.#first} is damaged`,
    );
  }
}
