import { backoffMs } from '@dougdb/facade';
import type { Timer } from '@dougdb/ports';
import { DougError } from '@dougdb/rpc-proto';
import type { DougClient } from '../client.js';
import { encodeUtf8, type Key } from '../codec.js';
import type { Engine } from '../engine/engine.js';
import { openPause } from '../open-pause.js';
import type { CallOptions } from '../options.js';
import type { Compare } from '../txn/steps.js';

/** What a lock takes. */
export interface LockOptions extends CallOptions {
  /** The lock goes by itself when so much time has passed since it was taken or extended last. At least 100. */
  readonly ttlMs: number;
  /** How long to wait while somebody else holds it. Default 0: not at all. */
  readonly waitMs?: number | undefined;
}

/** The shortest time to live: below it clocks and round trips are all there is. */
const shortestTtlMs = 100;
/** How often somebody who waits looks, at the most and at the least. */
const looking = { baseMs: 20, maxMs: 500 };
/** So much may log time run ahead of the clocks of its leaders. */
const leadMs = 1_000;
const ownerBytes = 16;

/**
 * A lock that is held, as far as this client can know; see docs/locks.md for what that means. What must not happen
 * twice is fenced: by `guard` in the transaction that does it, or by `token` where it is done.
 */
export class Lock implements AsyncDisposable {
  readonly name: Key;
  /**
   * Grows with each holder of this lock: whoever does the work refuses a token that is lower than one that it has
   * seen. It is the revision at which the lock was taken.
   */
  readonly token: number;
  /** Holds while this client holds the lock: a compare for transactions in the partition of the lock. */
  readonly guard: Compare<never>;
  readonly #engine: Engine;
  readonly #db: DougClient<Uint8Array, Uint8Array>;
  readonly #owner: Uint8Array;
  readonly #ttlMs: number;
  readonly #lost = new AbortController();
  #timer: Timer | null = null;
  /** Beyond it the lock must be taken for lost. */
  #untilMs = 0;
  #isReleased = false;

  private constructor(
    engine: Engine,
    db: DougClient<Uint8Array, Uint8Array>,
    name: Key,
    owner: Uint8Array,
    ttlMs: number,
    token: number,
  ) {
    this.#engine = engine;
    this.#db = db;
    this.name = name;
    this.#owner = owner;
    this.#ttlMs = ttlMs;
    this.token = token;
    this.guard = { key: name, valueBytes: owner };
    engine.dependents.add(this);
  }

  /** @internal */
  static async take(
    engine: Engine,
    db: DougClient<Uint8Array, Uint8Array>,
    name: Key,
    options: LockOptions,
  ): Promise<Lock> {
    const { ttlMs, waitMs = 0, signal } = options;
    checkMs('ttlMs', ttlMs, shortestTtlMs);
    checkMs('waitMs', waitMs, 0);
    const { clock, random } = engine;
    // Text, so that anybody can look at it.
    const owner = encodeUtf8(Buffer.from(random.bytes(ownerBytes)).toString('hex'));
    const untilMs = clock.monotonicMs() + waitMs;
    for (let attempt = 1; ; attempt++) {
      const sentMs = clock.monotonicMs();
      const { succeeded, revision } = await db.txn(
        {
          if: [{ key: name, exists: false }],
          then: [{ put: name, value: owner, ttlMs: Math.ceil(ttlMs) }],
        },
        options,
      );
      if (succeeded) {
        const lock = new Lock(engine, db, name, owner, ttlMs, revision);
        lock.#holdUntil(sentMs);
        return lock;
      }
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0) throw isHeld(waitMs);
      await openPause(engine, Math.min(leftMs, backoffMs(attempt, random, looking)), signal);
      if (signal?.aborted) throw abortedWaiting(signal);
    }
  }

  /**
   * Fires when the lock must be taken for lost: before its time can be over, by the clock of this process that counts
   * no jumps, or when it was found to be another's, or when the client was closed. Not when it is released.
   */
  get lost(): AbortSignal {
    // Timers of a process that stood still are late: who looks is told at once.
    if (this.#timer !== null && this.#engine.clock.monotonicMs() >= this.#untilMs)
      this.#timeIsOver();
    return this.#lost.signal;
  }

  /**
   * Makes the lock last `ttlMs` from now on.
   * @throws DougError COMPARE_FAILED: it is lost, also when its time was over before the answer came. After any other
   * error it lasts as long as it did.
   */
  async extend(options: CallOptions = {}): Promise<void> {
    this.#checkHeld();
    const sentMs = this.#engine.clock.monotonicMs();
    const { succeeded } = await this.#db.txn(
      {
        if: [this.guard],
        then: [{ put: this.name, value: this.#owner, ttlMs: Math.ceil(this.#ttlMs) }],
      },
      options,
    );
    if (!succeeded) {
      this.#lose('it has another owner, or none');
      throw isLost();
    }
    if (this.#isReleased) return;
    // It may be there for a while yet, but whoever listens was told to stop.
    if (!this.lost.aborted) this.#holdUntil(sentMs);
    if (this.lost.aborted) throw isLost();
  }

  /**
   * Lets others have it at once. Of a lock that is lost: nothing.
   * @returns whether it was held until now
   * @throws DougError; the lock goes by itself when its time is over
   */
  async release(options: CallOptions = {}): Promise<boolean> {
    if (this.#isReleased) return false;
    this.#isReleased = true;
    this.#stop();
    const { succeeded } = await this.#db.txn(
      { if: [this.guard], then: [{ delete: this.name }] },
      options,
    );
    return succeeded;
  }

  /** {@link release}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  /** @internal the client is closed */
  aborted(): void {
    this.#lose('the client is closed');
  }

  /** @param sentMs - before the time to live can have begun */
  #holdUntil(sentMs: number): void {
    const { clock } = this.#engine;
    const marginMs = Math.max(this.#ttlMs / 10, Math.min(leadMs, this.#ttlMs / 2));
    this.#untilMs = sentMs + this.#ttlMs - marginMs;
    const leftMs = this.#untilMs - clock.monotonicMs();
    this.#timer?.cancel();
    this.#timer = clock.setTimer(Math.max(0, leftMs), () => this.#timeIsOver());
  }

  #timeIsOver(): void {
    this.#lose('its time is over');
  }

  #lose(why: string): void {
    this.#stop();
    if (!this.#isReleased) this.#lost.abort(new DougError('ABORTED', `the lock is lost: ${why}`));
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#engine.dependents.delete(this);
  }

  #checkHeld(): void {
    if (this.#isReleased || this.lost.aborted) throw isLost();
  }
}

function checkMs(name: string, ms: number, least: number): void {
  if (typeof ms === 'number' && ms >= least && ms < 2 ** 31) return;
  throw new DougError('INVALID_ARGUMENT', `${name} must be at least ${least}, not ${String(ms)}`);
}

function isHeld(waitMs: number): DougError {
  return new DougError('DEADLINE', `somebody else held the lock for ${waitMs} ms`, {
    outcome: 'NOT_APPLIED',
  });
}

function isLost(): DougError {
  return new DougError('COMPARE_FAILED', 'the lock is not held any more');
}

function abortedWaiting(signal: AbortSignal): DougError {
  return new DougError('ABORTED', 'aborted by the signal while it waited for the lock', {
    outcome: 'NOT_APPLIED',
    cause: signal.reason,
  });
}
