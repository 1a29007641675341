import { limits } from '@dougdb/rpc-proto';

/** A partition gets a new session after this time (S16). */
export const SESSION_LIFE_MS = 120_000;

const maxOpenSeqs = limits.sessionOpenSeqs;

/**
 * One session of this client with one partition: the identity that makes a write take effect at most
 * once, however often it is sent (S16). Seqs count from 1; the partition remembers each applied one
 * until `firstIncomplete` has passed it.
 */
export class Session {
  /** The partition that it is with. After a split the other half accepts it too. */
  readonly partitionId: number;
  /** 16 random bytes. */
  readonly id: Uint8Array;
  /** Log time of the partition when the session began, as the partition said it. */
  readonly startedAt: number;
  /** Monotonic time here when the session began. */
  readonly bornMs: number;
  #next = 1;
  #firstIncomplete = 1;
  /** Which of the open seqs are finished, by seq modulo the size: a ring. */
  readonly #finished = new Uint8Array(maxOpenSeqs);

  constructor(partitionId: number, id: Uint8Array, startedAt: number, bornMs: number) {
    this.partitionId = partitionId;
    this.id = id;
    this.startedAt = startedAt;
    this.bornMs = bornMs;
  }

  /** Every seq below it is finished for this client. */
  get firstIncomplete(): number {
    return this.#firstIncomplete;
  }

  /** How many seqs can be taken now: a partition keeps only so many open ones a session. */
  get room(): number {
    return maxOpenSeqs - (this.#next - this.#firstIncomplete);
  }

  /** The next seq. Call only while there is room. */
  take(): number {
    return this.#next++;
  }

  /** Nobody waits for the op with this seq any more, and it will not be sent again. */
  finish(seq: number): void {
    const finished = this.#finished;
    finished[seq % maxOpenSeqs] = 1;
    while (
      this.#firstIncomplete < this.#next &&
      finished[this.#firstIncomplete % maxOpenSeqs] === 1
    ) {
      finished[this.#firstIncomplete % maxOpenSeqs] = 0;
      this.#firstIncomplete++;
    }
  }
}
