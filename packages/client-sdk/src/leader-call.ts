import { backoffMs, mayHaveApplied, pause, reactTo } from '@dougdb/facade';
import { DougError } from '@dougdb/rpc-proto';
import { adminTargets } from './admin-targets.js';
import type { Abortable } from './engine/abort-watch.js';
import type { Engine } from './engine/engine.js';
import { type CallOptions, checkTimeout } from './options.js';

/** What is asked of the leader of a partition. */
export interface LeaderRequest<T> {
  readonly partitionId: number;
  /** Full gRPC path. */
  readonly path: string;
  readonly request: Uint8Array;
  /** @throws DougError for what is no answer */
  readonly decode: (answer: Uint8Array) => T;
  /** Asked twice is asked once: it may be sent again when an answer was lost. */
  readonly isRepeatable: boolean;
  /** What was not seen to happen when the time is up. */
  readonly what: string;
  /** What an attempt without an answer may have done. */
  readonly mayHave: string;
}

/** Hints that are followed in a row without a pause. */
const maxHops = 3;
/** A repeatable attempt that takes longer is given up for another; a leader tries for less than that. */
const attemptMs = 3_000;

/**
 * Asks the leader of a partition, found by hints, for something that only it can do, until it has answered or the
 * time is up. What the leader itself says is final, also that its time was up.
 */
export class LeaderCall<T> implements Abortable {
  readonly #engine: Engine;
  readonly #asked: LeaderRequest<T>;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #stop = new AbortController();
  /** Who is said to lead. */
  #hinted: string | undefined;
  #hops = 0;
  #turn = 0;
  #pauses = 0;
  #last: DougError | null = null;
  /** An attempt that failed may have taken effect all the same. */
  #maybeDone = false;

  constructor(engine: Engine, asked: LeaderRequest<T>, { timeoutMs, signal }: CallOptions) {
    const { router, settings } = engine;
    this.#engine = engine;
    this.#asked = asked;
    this.#timeoutMs = checkTimeout(timeoutMs ?? settings.timeoutMs);
    this.#signal = signal;
    const route = router.map.byId(asked.partitionId);
    this.#hinted = route === null ? undefined : router.leaderAddress(route);
  }

  /** The signal has fired, or the client is closed. */
  aborted(): void {
    this.#stop.abort();
  }

  /** Call it once. @throws DougError */
  async run(): Promise<T> {
    const engine = this.#engine;
    const signal = this.#signal;
    if (engine.isClosed || signal?.aborted) throw this.#ended();
    engine.dependents.add(this);
    if (signal !== undefined) engine.signals.add(signal, this);
    try {
      return await this.#untilAnswered();
    } finally {
      engine.dependents.delete(this);
      if (signal !== undefined) engine.signals.remove(signal, this);
    }
  }

  async #untilAnswered(): Promise<T> {
    const { clock } = this.#engine;
    const untilMs = clock.monotonicMs() + this.#timeoutMs;
    for (;;) {
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0) throw this.#timedOut();
      const address = this.#nextAddress();
      const longestMs = this.#asked.isRepeatable ? Math.min(leftMs, attemptMs) : leftMs;
      const endMs = clock.monotonicMs() + longestMs;
      try {
        return await this.#ask(address, longestMs);
      } catch (error) {
        const isAnswer = clock.monotonicMs() < endMs;
        const waitMs = this.#afterFailure(ofAttempt(error, isAnswer), address);
        await pause(clock, Math.min(waitMs, untilMs - clock.monotonicMs()), this.#stop.signal);
        if (this.#stop.signal.aborted) throw this.#ended();
      }
    }
  }

  #nextAddress(): string {
    const targets = adminTargets(this.#engine);
    const address = this.#hinted ?? targets[this.#turn++ % targets.length] ?? '';
    this.#hinted = undefined;
    return address;
  }

  async #ask(address: string, timeoutMs: number): Promise<T> {
    const { transport } = this.#engine;
    const stop = this.#stop.signal;
    const { path, request, decode } = this.#asked;
    return decode(await transport.unary(address, path, request, timeoutMs, stop));
  }

  /** @returns the pause before the next attempt @throws DougError if there is to be none */
  #afterFailure(error: DougError, address: string): number {
    const attempt = {
      isRead: false,
      hasOpId: this.#asked.isRepeatable,
      maybeApplied: this.#maybeDone,
    };
    const reaction = reactTo(error, attempt);
    this.#maybeDone = mayHaveApplied(error, attempt);
    this.#last = error;
    if (this.#stop.signal.aborted) throw this.#ended();
    if (reaction === 'give-up') throw this.#refused(error);
    const leader = this.#leaderIn(error);
    if (leader !== undefined && leader !== address && this.#hops++ < maxHops) {
      this.#hinted = leader;
      return 0;
    }
    this.#hops = 0;
    const { random, settings } = this.#engine;
    return backoffMs(++this.#pauses, random, settings.backoff, error.retryAfterMs);
  }

  /** The address that a refusal names; behind a facade none: it follows hints itself. */
  #leaderIn({ route }: DougError): string | undefined {
    const { map, finder } = this.#engine.router;
    if (route === undefined || route.leaderNodeId === 0 || finder.facades.length > 0) {
      return undefined;
    }
    const node = route.nodes.find(({ nodeId }) => nodeId === route.leaderNodeId);
    return node?.address ?? map.addressOf(route.leaderNodeId);
  }

  #refused(error: DougError): DougError {
    if (!this.#maybeDone || error.outcome === 'UNKNOWN') return error;
    return new DougError(
      'IN_DOUBT',
      `an earlier attempt may have ${this.#asked.mayHave}; the last one was refused: ${error.code}: ${error.message}`,
      { outcome: 'UNKNOWN', cause: error },
    );
  }

  #timedOut(): DougError {
    const last = this.#last;
    const told = last === null ? '' : `; the last answer was ${last.code}: ${last.message}`;
    return new DougError(
      this.#maybeDone ? 'IN_DOUBT' : 'DEADLINE',
      `${this.#asked.what} within ${this.#timeoutMs} ms${told}`,
      { outcome: this.#maybeDone ? 'UNKNOWN' : 'NOT_APPLIED', cause: last ?? undefined },
    );
  }

  #ended(): DougError {
    const outcome = this.#maybeDone ? 'UNKNOWN' : 'NOT_APPLIED';
    return this.#engine.isClosed
      ? new DougError('CLOSED', 'the client is closed', { outcome })
      : new DougError('ABORTED', 'aborted by the signal', {
          outcome,
          cause: this.#signal?.reason,
        });
  }
}

/**
 * The transport takes every unary call for a read, which a lost answer does not change.
 * @param isAnswer - it failed before its time was up: a DEADLINE is then the word of the leader, that
 * nobody took over
 */
function ofAttempt(thrown: unknown, isAnswer: boolean): DougError {
  const error = DougError.from(thrown, 'UNKNOWN');
  const { reason, message } = error;
  if (reason === 'DEADLINE') {
    if (isAnswer) return error;
    return new DougError('IN_DOUBT', message, { outcome: 'UNKNOWN', cause: error });
  }
  if (reason !== 'IN_DOUBT' && reason !== 'ABORTED' && reason !== 'INTERNAL') return error;
  return new DougError(reason, message, { outcome: 'UNKNOWN', cause: error });
}
