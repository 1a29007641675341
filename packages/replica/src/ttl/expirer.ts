import type { Clock } from '@dougdb/ports';
import { encodeInternal, limits } from '@dougdb/rpc-proto';
import type { Db } from '@dougdb/sstable';
import type { AnswerSink } from '../contract.js';
import type { LogClock } from '../state/log-clock.js';
import type { ReplicaState } from '../state/replica-state.js';
import type { ReplicaTelemetry } from '../telemetry.js';
import type { Expiring, ExpiryQueue } from './expiry-queue.js';
import { ExpiryRefill } from './expiry-refill.js';

export interface ExpirerOptions {
  readonly state: ReplicaState;
  readonly queue: ExpiryQueue;
  readonly db: Db;
  readonly clock: Clock;
  readonly logClock: LogClock;
  readonly telemetry: ReplicaTelemetry;
  /** Proposes a command of the leader's own; the answer goes to the sink. True if it was taken. */
  readonly propose: (command: Uint8Array, sink: AnswerSink) => boolean;
}

/** Reading keys from the database may take so long of a tick. */
const REFILL_SLICE_MS = 1;
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

  constructor(options: ExpirerOptions) {
    this.#options = options;
    this.#isComplete = options.state.firstTtlRevision === 0;
  }

  /** Whether a proposal has no answer yet. */
  get isWaiting(): boolean {
    return this.#underWay !== null;
  }

  /** Now and then, on a leader that serves. @throws SstError if reading the database fails */
  tick(): void {
    this.#readOn();
    const { queue, logClock } = this.#options;
    if (this.#underWay !== null || queue.soonest > logClock.read()) return;
    this.#propose(logClock.read());
  }

  /** This replica does not lead, or ends: nothing is read any more. */
  rest(): void {
    this.#refill?.close();
    this.#refill = null;
  }

  #readOn(): void {
    const { db, queue, clock, logClock } = this.#options;
    const isHorizonReached = queue.horizon <= logClock.read();
    if (this.#refill === null) {
      if (this.#isComplete && !queue.isThin && !isHorizonReached) return;
      queue.openHorizon();
      this.#refill = new ExpiryRefill(db, queue);
    }
    if (!this.#refill.slice(clock, REFILL_SLICE_MS)) return;
    this.rest();
    this.#isComplete = true;
  }

  #propose(logTime: number): void {
    const { queue, propose } = this.#options;
    const keys = queue.due(logTime, limits.commandKeys, KEY_BYTES_AN_ENTRY);
    const value = { keys: keys.map(({ key, revision }) => ({ key, revision })) };
    this.#underWay = keys;
    propose(encodeInternal({ $case: 'expire', value }), this.#sink);
  }

  /** Whoever is still in the queue as it was proposed had changed before: what was read was old. */
  #ended(wasApplied: boolean): void {
    const keys = this.#underWay ?? [];
    this.#underWay = null;
    if (!wasApplied) return;
    for (const { key, revision } of keys) this.#options.queue.forgetVersion(key, revision);
  }

  readonly #sink: AnswerSink = {
    written: () => this.#ended(true),
    looked: () => this.#ended(true),
    found: () => undefined,
    absent: () => undefined,
    failed: () => this.#ended(false),
  };
}
