import { backoffMs, mayHaveApplied, pause, reactTo } from '@dougdb/facade';
import { DougError, TransferLeaderRequest, TransferLeaderResponse } from '@dougdb/rpc-proto';
import { decodeAnswer } from './admin-reports.js';
import { adminTargets } from './admin-targets.js';
import type { Abortable } from './engine/abort-watch.js';
import type { Engine } from './engine/engine.js';
import { type CallOptions, checkTimeout } from './options.js';

export interface TransferOptions extends CallOptions {
  /** The node that is to lead. Left out: the follower that is furthest. */
  readonly toNodeId?: number | undefined;
}

/** Who leads a partition after a transfer. */
export interface LeaderChange {
  readonly leaderNodeId: number;
  readonly term: number;
}

const TRANSFER_LEADER = '/dougdb.admin.v1.Admin/TransferLeader';
/** Hints that are followed in a row without a pause. */
const maxHops = 3;
/** A repeatable attempt that takes longer is given up for another; a leader tries for less than that. */
const attemptMs = 3_000;

/**
 * Asks the leader of a partition, found by hints, to hand it over, until it has answered or the time is up.
 *
 * A transfer to a named node may be asked for again when an answer was lost: done twice is done once.
 * One to whoever is furthest may not: the second would move leadership on. What the leader says of a node
 * that did not take over is final: each try stops the partition for an election timeout.
 */
export class LeaderTransfer implements Abortable {
  readonly #engine: Engine;
  readonly #partitionId: number;
  readonly #timeoutMs: number;
  readonly #request: Uint8Array;
  readonly #isRepeatable: boolean;
  readonly #signal: AbortSignal | undefined;
  readonly #stop = new AbortController();
  /** Who is said to lead. */
  #hinted: string | undefined;
  #hops = 0;
  #turn = 0;
  #pauses = 0;
  #last: DougError | null = null;
  /** An attempt that failed may have moved leadership all the same. */
  #maybeMoved = false;

  constructor(engine: Engine, partitionId: number, options: TransferOptions) {
    const { toNodeId = 0, timeoutMs, signal } = options;
    const { router, settings } = engine;
    this.#engine = engine;
    this.#partitionId = partitionId;
    this.#timeoutMs = checkTimeout(timeoutMs ?? settings.timeoutMs);
    this.#isRepeatable = toNodeId !== 0;
    this.#signal = signal;
    const clusterId = router.finder.clusterId;
    this.#request = TransferLeaderRequest.encode({ clusterId, partitionId, toNodeId }).finish();
    const route = router.map.byId(partitionId);
    this.#hinted = route === null ? undefined : router.leaderAddress(route);
  }

  /** The signal has fired, or the client is closed. */
  aborted(): void {
    this.#stop.abort();
  }

  /** Call it once. @throws DougError */
  async run(): Promise<LeaderChange> {
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

  async #untilAnswered(): Promise<LeaderChange> {
    const { clock } = this.#engine;
    const untilMs = clock.monotonicMs() + this.#timeoutMs;
    for (;;) {
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0) throw this.#timedOut();
      const address = this.#nextAddress();
      const longestMs = this.#isRepeatable ? Math.min(leftMs, attemptMs) : leftMs;
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

  async #ask(address: string, timeoutMs: number): Promise<LeaderChange> {
    const { transport } = this.#engine;
    const stop = this.#stop.signal;
    const answer = await transport.unary(address, TRANSFER_LEADER, this.#request, timeoutMs, stop);
    const { leaderNodeId, term } = decodeAnswer(TransferLeaderResponse, answer);
    return { leaderNodeId, term };
  }

  /** @returns the pause before the next attempt @throws DougError if there is to be none */
  #afterFailure(error: DougError, address: string): number {
    const attempt = {
      isRead: false,
      hasOpId: this.#isRepeatable,
      maybeApplied: this.#maybeMoved,
    };
    const reaction = reactTo(error, attempt);
    this.#maybeMoved = mayHaveApplied(error, attempt);
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
    if (!this.#maybeMoved || error.outcome === 'UNKNOWN') return error;
    return new DougError(
      'IN_DOUBT',
      `an earlier attempt may have moved leadership; the last one was refused: ${error.code}: ${error.message}`,
      { outcome: 'UNKNOWN', cause: error },
    );
  }

  #timedOut(): DougError {
    const last = this.#last;
    const told = last === null ? '' : `; the last answer was ${last.code}: ${last.message}`;
    return new DougError(
      this.#maybeMoved ? 'IN_DOUBT' : 'DEADLINE',
      `leadership of partition ${this.#partitionId} was not seen to move within ${this.#timeoutMs} ms${told}`,
      { outcome: this.#maybeMoved ? 'UNKNOWN' : 'NOT_APPLIED', cause: last ?? undefined },
    );
  }

  #ended(): DougError {
    const outcome = this.#maybeMoved ? 'UNKNOWN' : 'NOT_APPLIED';
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
