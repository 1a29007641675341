import type { Clock } from '@dougdb/ports';
import { encodeInternal, limits } from '@dougdb/rpc-proto';
import { type Db, SstErrorCode } from '@dougdb/sstable';
import type { AnswerSink } from '../contract.js';
import { codeOf } from '../error-code.js';
import type { LogClock } from '../state/log-clock.js';
import type { ReplicaState } from '../state/replica-state.js';
import type { ReplicaTelemetry } from '../telemetry.js';
import { nowhere } from '../write/nowhere.js';
import type { Expiring, ExpiryQueue } from './expiry-queue.js';
import { ExpiryRefill } from './expiry-refill.js';
import type { RefillTurn } from './refill-turn.js';

export interface ExpirerOptions {
  readonly state: ReplicaState;
  readonly queue: ExpiryQueue;
  readonly db: Db;
  readonly clock: Clock;
  readonly logClock: LogClock;
  readonly telemetry: ReplicaTelemetry;
  /** Shared by all replicas of the process. */
  readonly refillTurn: RefillTurn;
  /** Proposes a command of the leader's own; the answer goes to the sink, now or later. */
  readonly propose: (command: Uint8Array, sink: AnswerSink) => void;
}

/** Reading keys from the database may take so long of a tick. */
const REFILL_SLICE_MS = 1;
/** After a failure. */
const PAUSE_MS = 100;
/** An entry of expiries stays well below the size at which entries are closed. */
const KEY_BYTES_AN_ENTRY = limits.entryBytes / 2;

/**
 * Proposes the expiry of keys whose time is over, on the leader. A proposal changes nothing by itself: the entry
 * is judged at its place in the log, by its own log time, on every replica alike (plan/plan-expire.ts). At most one
 * is under way; the keys stay in the queue until applying has taken them out, so a lost proposal is made again.
 *
 * The queue is filled by applying. What it cannot know of (keys of before this process, and those behind its
 * horizon) is read from the database when this replica leads and needs it; others do without.
 */
export class Expirer {
  readonly #options: ExpirerOptions;
  /** Whether every key with a time went through the queue, or was read into it, since it was empty. */
  #isComplete: boolean;
  #refill: ExpiryRefill | null = null;
  #underWay: readonly Expiring[] | null = null;
  /** Monotonic: after a failure. */
  #pausedUntilMs = 0;

  constructor(options: ExpirerOptions) {
    this.#options = options;
    this.#isComplete = options.state.firstTtlRevision === 0;
  }

  /** Now and then, on a leader that serves. @throws SstError if the database turns out to be damaged */
  tick(): void {
    const { queue, logClock, clock } = this.#options;
    if (clock.monotonicMs() < this.#pausedUntilMs) return;
    this.#readOn();
    if (this.#underWay !== null || queue.soonest > logClock.read()) return;
    this.#propose(logClock.read());
  }

  /** This replica does not lead, or ends: nothing is read any more. */
  rest(): void {
    this.#refill?.close();
    this.#refill = null;
    this.#options.refillTurn.give(this);
  }

  #readOn(): void {
    const { db, queue, state, refillTurn } = this.#options;
    if (this.#refill === null) {
      if (this.#isComplete && !queue.isThin) return;
      if (!refillTurn.take(this)) return;
      this.#isComplete = false;
      queue.openHorizon();
      this.#refill = new ExpiryRefill(db, state.firstTtlRevision, queue);
    }
    if (!this.#readSlice(this.#refill)) return;
    this.rest();
    this.#isComplete = true;
  }

  /** True when all is read. A read that failed says nothing of the table (S13): it begins again later. */
  #readSlice(refill: ExpiryRefill): boolean {
    const { clock } = this.#options;
    try {
      return refill.slice(clock, REFILL_SLICE_MS);
    } catch (error) {
      this.rest();
      if (codeOf(error) !== SstErrorCode.Io) throw error;
      this.#pausedUntilMs = clock.monotonicMs() + PAUSE_MS;
      return false;
    }
  }

  #propose(logTime: number): void {
    const { queue, propose } = this.#options;
    const keys = queue.due(logTime, limits.commandKeys, KEY_BYTES_AN_ENTRY);
    const value = { keys: keys.map(({ key, revision }) => ({ key, revision })) };
    this.#underWay = keys;
    propose(encodeInternal({ $case: 'expire', value }), this.#sink);
  }

  /**
   * Whoever is still in the queue as it was proposed had changed before: what was read was old. But a key whose time
   * was not over by the entry is still there: log time may have been read a little ahead of it, and it is proposed again.
   */
  readonly #applied = (): void => {
    const keys = this.#underWay ?? [];
    const { state, queue, telemetry } = this.#options;
    this.#underWay = null;
    const over = keys.filter(({ expiresAt }) => expiresAt <= state.logTime);
    const kept = over.filter(({ key, revision }) => queue.forgetVersion(key, revision));
    telemetry.keysExpired.add(over.length - kept.length);
  };

  readonly #failed = (): void => {
    this.#underWay = null;
    this.#pausedUntilMs = this.#options.clock.monotonicMs() + PAUSE_MS;
  };

  readonly #sink: AnswerSink = {
    ...nowhere,
    written: this.#applied,
    looked: this.#applied,
    failed: this.#failed,
  };
}
