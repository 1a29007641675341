import type { Clock, Logger } from '@dougdb/ports';
import type { Append } from '@dougdb/raft-core';
import { type Wal, type WalError, WalErrorCode } from '@dougdb/wal';
import { codeOf } from '../error-code.js';
import type { ReplicaTelemetry } from '../telemetry.js';
import type { HardStateKeeper } from './hard-state-keeper.js';

export interface AppendQueueOptions {
  readonly wal: Wal;
  readonly replicaId: number;
  readonly keeper: HardStateKeeper;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly telemetry: ReplicaTelemetry;
  /** Everything up to this ticket is durable. */
  readonly onDurable: (ticket: number) => void;
  /** The log failed: the process must end. */
  readonly onFatal: (error: unknown) => void;
}

interface OpenTicket {
  readonly ticket: number;
  readonly sinceMs: number;
  isDurable: boolean;
}

/**
 * Hands the entries of Readies to the WAL in order and reports their tickets as they become durable,
 * in order too. Without space in the WAL, or while that has as much waiting for the disk as it takes, it holds
 * them back and tries again (S13): nothing is acknowledged meanwhile, and nothing is lost.
 */
export class AppendQueue {
  readonly #options: AppendQueueOptions;
  #open: OpenTicket[] = [];
  /** What the WAL had no space or room for, with all that came later. */
  #held: Append[] = [];
  #isClosed = false;

  constructor(options: AppendQueueOptions) {
    this.#options = options;
  }

  /** True while the WAL has no space, or no room in its queue. */
  get isOutOfSpace(): boolean {
    return this.#held.length > 0;
  }

  /** Monotonic milliseconds since the oldest open ticket was taken; null if none is open. */
  get oldestSinceMs(): number | null {
    return this.#open[0]?.sinceMs ?? null;
  }

  add(append: Append): void {
    const ticket = { ticket: append.ticket, sinceMs: this.#now(), isDurable: false };
    this.#open.push(ticket);
    if (append.entries.length === 0) this.#durable(ticket);
    else if (this.isOutOfSpace) this.#held.push(append);
    else this.#write(append, ticket);
  }

  /** Tries again what there was no space for. */
  retry(): void {
    const held = this.#held;
    this.#held = [];
    while (held.length > 0 && !this.isOutOfSpace) {
      const append = held.shift() as Append;
      const ticket = this.#open.find((open) => open.ticket === append.ticket);
      if (ticket !== undefined) this.#write(append, ticket);
    }
    this.#held.push(...held);
  }

  /** Nothing is reported any more. */
  close(): void {
    this.#isClosed = true;
    this.#held = [];
  }

  #write(append: Append, ticket: OpenTicket): void {
    const { wal, replicaId, keeper } = this.#options;
    keeper.checkEntries(append.entries);
    try {
      // INVARIANT(conf-durably-committed): entries never go to the log without the commit index that
      // was known with them (S2).
      wal.append(replicaId, append.entries, append.commit);
      wal.sync((error) => this.#synced(ticket, error));
    } catch (error) {
      const code = codeOf(error);
      if (code !== WalErrorCode.NoSpace && code !== WalErrorCode.Busy) throw error;
      this.#options.logger.warn('raft.log.no_space', { ticket: append.ticket, code });
      this.#held.push(append);
    }
  }

  #synced(ticket: OpenTicket, error: WalError | null): void {
    if (this.#isClosed) return;
    if (error !== null) {
      this.#options.onFatal(error);
      return;
    }
    this.#options.telemetry.appendSeconds.observe((this.#now() - ticket.sinceMs) / 1000);
    this.#durable(ticket);
  }

  /** Tickets are reported in order: one that is done waits for those before it. */
  #durable(ticket: OpenTicket): void {
    ticket.isDurable = true;
    let last = 0;
    while (this.#open[0]?.isDurable) last = this.#open.shift()?.ticket ?? last;
    if (last > 0) this.#options.onDurable(last);
  }

  #now(): number {
    return this.#options.clock.monotonicMs();
  }
}
