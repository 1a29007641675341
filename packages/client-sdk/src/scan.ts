import {
  backoffMs,
  compareEnds,
  compareKeys,
  isBelowEnd,
  prefixEnd,
  type Route,
  reactTo,
} from '@dougdb/facade';
import {
  Consistency,
  DougError,
  type KeyValue,
  ScanRequest,
  ScanResponse,
} from '@dougdb/rpc-proto';
import { encodeKey, type Key } from './codec.js';
import type { Abortable } from './engine/abort-watch.js';
import { boundedWait } from './engine/bounded-wait.js';
import type { Engine } from './engine/engine.js';
import { pause } from './engine/pause.js';
import type { ReadOptions } from './options.js';

/** What to scan. `prefix`, or any of `start` and `end`; nothing: everything. */
export interface ScanOptions extends ReadOptions {
  /** Keys that begin with this. */
  readonly prefix?: Key | undefined;
  /** First key, inclusive. */
  readonly start?: Key | undefined;
  /** Last key, exclusive. */
  readonly end?: Key | undefined;
  /** Most entries to yield. Default: all. */
  readonly limit?: number | undefined;
  /** From the last key to the first. */
  readonly reverse?: boolean | undefined;
  /** Values are not fetched. */
  readonly keysOnly?: boolean | undefined;
}

/** A scan with everything decided. Empty start and end: from the first, to the last key. */
export interface ScanPlan {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly limit: number;
  readonly reverse: boolean;
  readonly keysOnly: boolean;
  readonly eventual: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The range of scan options. @throws DougError INVALID_ARGUMENT */
export function scanRange(options: ScanOptions): { start: Uint8Array; end: Uint8Array } {
  const { prefix, start, end } = options;
  if (prefix !== undefined) {
    if (start !== undefined || end !== undefined) {
      throw new DougError('INVALID_ARGUMENT', 'a scan takes a prefix or start and end, not both');
    }
    const from = encodeKey(prefix);
    return { start: from, end: prefixEnd(from) };
  }
  return { start: encodeKey(start ?? ''), end: encodeKey(end ?? '') };
}

/** Shortest time that is given to one attempt at a chunk; each failure doubles it. */
const attemptMs = 1_000;

/**
 * The entries of a range, in chunks, partition by partition. Every chunk is consistent in itself; what
 * is written meanwhile may or may not be in later ones. After a failure it goes on where the last
 * chunk ended, so that no entry comes twice. Chunks are valid until the next one is asked for.
 */
export async function* scanChunks(engine: Engine, plan: ScanPlan): AsyncGenerator<KeyValue[]> {
  const scan = new RangeScan(engine, plan);
  try {
    for (;;) {
      const chunk = await scan.next();
      if (chunk === null) return;
      yield chunk;
    }
  } finally {
    scan.close();
  }
}

/** A call for the part of a range that lies in one partition. */
interface OpenCall {
  readonly chunks: AsyncIterator<Uint8Array>;
  readonly abort: AbortController;
  readonly route: Route;
}

class RangeScan implements Abortable {
  readonly #engine: Engine;
  readonly #plan: ScanPlan;
  readonly #stop = new AbortController();
  // What is left of the range.
  #start: Uint8Array;
  #end: Uint8Array;
  #left: number;
  #done = false;
  #call: OpenCall | null = null;
  #failures = 0;
  #lastNodeId = 0;

  constructor(engine: Engine, plan: ScanPlan) {
    this.#engine = engine;
    this.#plan = plan;
    this.#start = plan.start;
    this.#end = plan.end;
    this.#left = plan.limit;
    if (plan.signal?.aborted || engine.isClosed) {
      this.aborted();
      return;
    }
    engine.dependents.add(this);
    if (plan.signal !== undefined) engine.signals.add(plan.signal, this);
  }

  /** The signal has fired, or the client is closed. */
  aborted(): void {
    this.#stop.abort(this.#plan.signal?.reason);
  }

  /** @returns null at the end of the range */
  async next(): Promise<KeyValue[] | null> {
    const { clock } = this.#engine;
    const { timeoutMs } = this.#plan;
    const untilMs = clock.monotonicMs() + timeoutMs;
    let last: DougError | null = null;
    while (!this.#isFinished()) {
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0) throw this.#timedOut(last);
      try {
        const chunk = await this.#attempt(Math.min(leftMs, attemptMs * 2 ** this.#failures));
        this.#failures = 0;
        if (chunk.length > 0) return chunk;
      } catch (error) {
        this.#hangUp();
        last = this.#check(error);
        await this.#recover(last, untilMs);
      }
    }
    return null;
  }

  close(): void {
    this.#done = true;
    this.#hangUp();
    this.#engine.dependents.delete(this);
    if (this.#plan.signal !== undefined) this.#engine.signals.remove(this.#plan.signal, this);
  }

  #isFinished(): boolean {
    const isEmpty = this.#end.length > 0 && compareKeys(this.#start, this.#end) >= 0;
    return this.#done || this.#left <= 0 || isEmpty;
  }

  async #attempt(timeoutMs: number): Promise<KeyValue[]> {
    const call = this.#call ?? this.#open();
    if (call === null) throw new DougError('NO_LEADER', 'no node is known for the next key');
    const { clock } = this.#engine;
    const step = await boundedWait(call.chunks.next(), clock, timeoutMs, this.#stop.signal);
    if (step.done) throw new DougError('NO_LEADER', 'a node ended a scan before its last chunk');
    return this.#take(decodeChunk(step.value), call.route);
  }

  #open(): OpenCall | null {
    const { router, transport } = this.#engine;
    const { map } = router;
    const { reverse, eventual } = this.#plan;
    const route = reverse ? map.lookupBelow(this.#end) : map.lookup(this.#start);
    if (route === null) return null;
    this.#lastNodeId = eventual
      ? this.#engine.router.anyReplicaNode(route, this.#lastNodeId)
      : route.leaderNodeId;
    const address = eventual
      ? map.addressOf(this.#lastNodeId)
      : this.#engine.router.leaderAddress(route);
    if (address === undefined) return null;
    const abort = new AbortController();
    const chunks = transport.scan(address, this.#request(route), abort.signal);
    this.#call = { chunks: chunks[Symbol.asyncIterator](), abort, route };
    return this.#call;
  }

  #request(route: Route): Uint8Array {
    const { reverse, keysOnly, eventual } = this.#plan;
    return ScanRequest.encode({
      context: {
        clusterId: this.#engine.router.finder.clusterId,
        partitionId: route.partitionId,
        epochVersion: route.epochVersion,
      },
      start: compareKeys(this.#start, route.start) < 0 ? route.start : this.#start,
      end: compareEnds(this.#end, route.end) > 0 ? route.end : this.#end,
      limit: Number.isFinite(this.#left) ? this.#left : 0,
      reverse,
      keysOnly,
      consistency: eventual
        ? Consistency.CONSISTENCY_EVENTUAL
        : Consistency.CONSISTENCY_LINEARIZABLE,
    }).finish();
  }

  #take(chunk: ScanResponse, route: Route): KeyValue[] {
    const { reverse } = this.#plan;
    const { resumeKey } = chunk;
    const first = chunk.kvs[0]?.key;
    const isAhead =
      first === undefined ||
      (reverse ? isBelowEnd(first, this.#end) : compareKeys(first, this.#start) >= 0);
    if (!isAhead) throw noProgress();
    if (resumeKey === undefined) this.#partitionDone(route);
    else if (reverse) this.#continueBelow(resumeKey, chunk.kvs);
    else this.#continueFrom(resumeKey, chunk.kvs);
    const kvs = chunk.kvs.length > this.#left ? chunk.kvs.slice(0, this.#left) : chunk.kvs;
    this.#left -= kvs.length;
    return kvs;
  }

  /** The last chunk of a partition: the rest of the range lies beside it. */
  #partitionDone(route: Route): void {
    this.#hangUp();
    if (this.#plan.reverse) {
      if (route.start.length === 0) this.#done = true;
      else this.#end = route.start;
    } else if (route.end.length === 0) {
      this.#done = true;
    } else {
      this.#start = route.end;
    }
  }

  #continueFrom(resumeKey: Uint8Array, kvs: readonly KeyValue[]): void {
    const floor = kvs.at(-1)?.key ?? this.#start;
    if (compareKeys(resumeKey, floor) <= 0) throw noProgress();
    // A copy: it outlives the chunk.
    this.#start = new Uint8Array(resumeKey);
  }

  #continueBelow(resumeKey: Uint8Array, kvs: readonly KeyValue[]): void {
    // The resume key is an exclusive end: it may be the last key itself.
    const last = kvs.at(-1)?.key;
    const isBelow =
      last === undefined ? isBelowEnd(resumeKey, this.#end) : compareKeys(resumeKey, last) <= 0;
    if (resumeKey.length === 0 || !isBelow) throw noProgress();
    this.#end = new Uint8Array(resumeKey);
  }

  /** The error of an attempt, if there is to be another one. @throws the final error */
  #check(thrown: unknown): DougError {
    const error = DougError.from(thrown, 'NOT_APPLIED');
    if (this.#engine.isClosed) {
      throw new DougError('CLOSED', 'the client is closed', { outcome: 'NOT_APPLIED' });
    }
    if (this.#plan.signal?.aborted) throw error;
    if (error.route !== undefined) this.#engine.router.learn(error.route);
    // A node may end a call after a time of its own; whether ours is up is for us to say.
    if (error.reason === 'DEADLINE') return error;
    const attempt = { isRead: true, hasOpId: false, maybeApplied: false };
    if (reactTo(error, attempt) === 'give-up') throw asRead(error);
    return error;
  }

  async #recover(error: DougError, untilMs: number): Promise<void> {
    const { clock, settings, random } = this.#engine;
    this.#failures++;
    const isHint = error.reason === 'NOT_LEADER' || error.reason === 'EPOCH_MISMATCH';
    if (isHint && this.#failures === 1) return;
    this.#engine.router.finder.refresh();
    const pauseMs = backoffMs(this.#failures, random, settings.backoff, error.retryAfterMs);
    const leftMs = untilMs - clock.monotonicMs();
    await pause(clock, Math.max(0, Math.min(pauseMs, leftMs)), this.#stop.signal);
  }

  #timedOut(last: DougError | null): DougError {
    const told = last === null ? '' : `; the last answer was ${last.code}: ${last.message}`;
    return new DougError('DEADLINE', `no chunk within ${this.#plan.timeoutMs} ms${told}`, {
      outcome: 'NOT_APPLIED',
      cause: last ?? undefined,
    });
  }

  #hangUp(): void {
    this.#call?.abort.abort();
    this.#call = null;
  }
}

function asRead(error: DougError): DougError {
  if (error.outcome === 'NOT_APPLIED') return error;
  return new DougError(error.reason, error.message, { outcome: 'NOT_APPLIED', cause: error });
}

function noProgress(): DougError {
  return new DougError('INTERNAL', 'a node answered a scan with a chunk that leads nowhere');
}

function decodeChunk(bytes: Uint8Array): ScanResponse {
  try {
    return ScanResponse.decode(bytes);
  } catch (cause) {
    throw new DougError('INTERNAL', 'a node answered a scan with garbage', { cause });
  }
}
