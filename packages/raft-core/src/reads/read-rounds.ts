import { type LogIndex, NONE, type ReplicaId } from '../ids.js';
import type { ReadTicket } from '../ready.js';

/** A read that a leader has to confirm: its own (`from` NONE) or another replica's. */
export interface PendingRead {
  readonly from: ReplicaId;
  /** The read ticket of this replica, or the asker's token. */
  readonly token: number;
  /** Tick at which it is given up. */
  readonly deadline: number;
}

/** One confirmation of leadership: heartbeats with `token` were sent after all of `reads` arrived. */
interface Round {
  readonly token: number;
  /** Commit index when the round began. */
  readonly index: LogIndex;
  reads: readonly PendingRead[];
}

export interface ConfirmedReads {
  readonly index: LogIndex;
  readonly reads: readonly PendingRead[];
}

const NO_READS: readonly PendingRead[] = Object.freeze([]) as readonly PendingRead[];

/**
 * The leader's queue of reads (dissertation 6.4). At most one round is in flight; whatever arrives
 * meanwhile shares the next one. Tokens are made here, one for each round, never by callers: with
 * callers' tokens a late answer to an old heartbeat can confirm a new read (etcd#20418).
 */
export class ReadRounds {
  #waiting: PendingRead[] = [];
  #round: Round | null = null;
  #lastToken = 0;

  get size(): number {
    return this.#waiting.length + (this.#round?.reads.length ?? 0);
  }

  /** Token for heartbeats: of the round in flight, or 0. */
  get token(): number {
    return this.#round?.token ?? 0;
  }

  /** The newest token that was made. */
  get lastToken(): number {
    return this.#lastToken;
  }

  /** A token for heartbeats that are sent after everything so far. */
  nextToken(): number {
    return ++this.#lastToken;
  }

  get wantsRound(): boolean {
    return this.#round === null && this.#waiting.length > 0;
  }

  add(read: PendingRead): void {
    this.#waiting.push(read);
  }

  /** Begins a round for everything that waits; its heartbeats must be sent after this. */
  begin(index: LogIndex): number {
    this.#round = { token: ++this.#lastToken, index, reads: this.#waiting };
    this.#waiting = [];
    return this.#lastToken;
  }

  /** The round in flight is confirmed by a quorum. */
  finish(): ConfirmedReads {
    const { index, reads } = this.#round ?? { index: 0, reads: NO_READS };
    this.#round = null;
    return { index, reads };
  }

  /** Whether the oldest read's deadline has come. */
  hasExpired(now: number): boolean {
    const oldest = this.#round?.reads[0] ?? this.#waiting[0];
    return oldest !== undefined && oldest.deadline <= now;
  }

  /** Removes and returns the reads whose deadline has come. */
  expire(now: number): readonly PendingRead[] {
    const all = [...(this.#round?.reads ?? NO_READS), ...this.#waiting];
    const isLate = (read: PendingRead): boolean => read.deadline <= now;
    this.#waiting = this.#waiting.filter((read) => !isLate(read));
    if (this.#round !== null) {
      this.#round.reads = this.#round.reads.filter((read) => !isLate(read));
      if (this.#round.reads.length === 0) this.#round = null;
    }
    return all.filter(isLate);
  }

  /** Leadership ended: everything is given up. Returns the tickets of this replica's own reads. */
  takeOwn(): readonly ReadTicket[] {
    const own = [...(this.#round?.reads ?? NO_READS), ...this.#waiting].filter(
      (read) => read.from === NONE,
    );
    this.#round = null;
    this.#waiting = [];
    return own.map((read) => read.token);
  }
}
