import type { Clock, Random } from '@dougdb/ports';
import {
  Consistency,
  DougError,
  type KeyValue,
  type ResponseHeader,
  ScanRequest,
  ScanResponse,
} from '@dougdb/rpc-proto';
import { type BackoffOptions, backoffMs } from '../backoff.js';
import { boundedWait } from '../bounded-wait.js';
import { compareEnds, compareKeys, isBelowEnd, keyBelow } from '../key-range.js';
import { pause } from '../pause.js';
import type { Route } from '../routing/partition-map.js';
import { reactTo } from '../routing/route-errors.js';
import type { Router, Sent, Way } from '../routing/router.js';
import type { NodeTransport } from '../transport.js';

const SCAN = '/dougdb.v1.Doug/Scan';

/** A scan with everything decided. Empty start and end: from the first, to the last key. */
export interface ScanPlan {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  /** Infinity: no limit. */
  readonly limit: number;
  readonly reverse: boolean;
  readonly keysOnly: boolean;
  readonly eventual: boolean;
  /** Longest time for one chunk, with all attempts. */
  readonly timeoutMs: number;
}

/** What a scan is run with. */
export interface ScanPorts {
  readonly transport: NodeTransport;
  readonly router: Router;
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff: BackoffOptions;
}

/** Entries of one partition, consistent in themselves. Valid until the next chunk is asked for. */
export interface ScanChunk {
  /** Of the partition that answered. */
  readonly header: ResponseHeader | undefined;
  readonly kvs: readonly KeyValue[];
}

/** Shortest time that is given to one attempt at a chunk; each failure doubles it. */
const attemptMs = 1_000;

/** A call for the part of a range that lies in one partition. */
interface OpenCall {
  readonly chunks: AsyncIterator<Uint8Array>;
  readonly abort: AbortController;
  readonly route: Route;
}

/**
 * The entries of a range, in chunks, partition by partition. Every chunk is consistent in itself; what
 * is written meanwhile may or may not be in later ones. After a failure it goes on where the last
 * chunk ended, so that no entry comes twice.
 */
export class RangeScan {
  readonly #ports: ScanPorts;
  readonly #plan: ScanPlan;
  readonly #stop: AbortSignal;
  // What is left of the range.
  #start: Uint8Array;
  #end: Uint8Array;
  #left: number;
  #done = false;
  #call: OpenCall | null = null;
  #failures = 0;
  readonly #way: Way;
  /** The call that was opened last, as the router knows it. */
  #asked: Sent | null = null;

  /** @param stop - ends the scan at any moment: `next` then rejects with ABORTED */
  constructor(ports: ScanPorts, plan: ScanPlan, stop: AbortSignal) {
    this.#ports = ports;
    this.#plan = plan;
    this.#stop = stop;
    this.#start = plan.start;
    this.#end = plan.end;
    this.#left = plan.limit;
    this.#way = { eventual: plan.eventual, nodeId: 0, via: '' };
  }

  /**
   * The next chunk that has entries. One call at a time.
   * @returns null at the end of the range
   * @throws DougError, always NOT_APPLIED
   */
  async next(): Promise<ScanChunk | null> {
    const { clock } = this.#ports;
    const { timeoutMs } = this.#plan;
    const untilMs = clock.monotonicMs() + timeoutMs;
    let last: DougError | null = null;
    while (!this.#isFinished()) {
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0) throw this.#timedOut(last);
      try {
        const chunk = await this.#attempt(Math.min(leftMs, attemptMs * 2 ** this.#failures));
        this.#failures = 0;
        if (chunk.kvs.length > 0) return chunk;
      } catch (error) {
        this.#hangUp();
        last = this.#check(error);
        await this.#recover(last, untilMs);
      }
    }
    return null;
  }

  /**
   * Where the next chunk begins: an inclusive start, or an exclusive end when reversed; undefined: there
   * is none.
   */
  get resumeKey(): Uint8Array | undefined {
    if (this.#isFinished()) return undefined;
    return this.#plan.reverse ? this.#end : this.#start;
  }

  /** Ends the call that is open. Nothing comes after it. */
  close(): void {
    this.#done = true;
    this.#hangUp();
  }

  #isFinished(): boolean {
    const isEmpty = this.#end.length > 0 && compareKeys(this.#start, this.#end) >= 0;
    return this.#done || this.#left <= 0 || isEmpty;
  }

  async #attempt(timeoutMs: number): Promise<ScanChunk> {
    const call = this.#call ?? this.#open();
    if (call === null) throw new DougError('NO_LEADER', 'no node is known for the next key');
    const step = await boundedWait(call.chunks.next(), this.#ports.clock, timeoutMs, this.#stop);
    if (step.done) throw new DougError('NO_LEADER', 'a node ended a scan before its last chunk');
    return this.#take(decodeChunk(step.value), call.route);
  }

  #open(): OpenCall | null {
    const { router, transport } = this.#ports;
    const { map } = router;
    const { reverse, eventual } = this.#plan;
    this.#asked = null;
    const route = reverse ? map.lookupBelow(this.#end) : map.lookup(this.#start);
    if (route === null) return null;
    const address = router.addressFor(this.#way, route);
    if (address === undefined) return null;
    const { partitionId, epochVersion } = route;
    const key = this.#nextKey();
    this.#asked = { key, eventual, partitionId, epochVersion, nodeId: this.#way.nodeId };
    const abort = new AbortController();
    const chunks = transport.stream(address, SCAN, this.#request(route), abort.signal);
    this.#call = { chunks: chunks[Symbol.asyncIterator](), abort, route };
    return this.#call;
  }

  #request(route: Route): Uint8Array {
    const { reverse, keysOnly, eventual } = this.#plan;
    return ScanRequest.encode({
      context: {
        clusterId: this.#ports.router.finder.clusterId,
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
      revision: 0,
      maxAgeMs: 0,
      countOnly: false,
      token: new Uint8Array(0),
    }).finish();
  }

  #take(chunk: ScanResponse, route: Route): ScanChunk {
    const { reverse } = this.#plan;
    const { header, resumeKey } = chunk;
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
    return { header, kvs };
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
    if (this.#stop.aborted) throw error;
    const attempt = { isRead: true, hasOpId: false, maybeApplied: false };
    // A node may end a call after a time of its own; whether ours is up is for us to say.
    if (error.reason !== 'DEADLINE' && reactTo(error, attempt) === 'give-up') throw asRead(error);
    if (this.#asked !== null) this.#ports.router.correct(this.#asked, error);
    this.#asked = null;
    if (!isHint(error)) this.#ports.router.suspect(this.#way);
    return error;
  }

  /** A key of the next chunk. */
  #nextKey(): Uint8Array {
    return this.#plan.reverse ? keyBelow(this.#end) : this.#start;
  }

  async #recover(error: DougError, untilMs: number): Promise<void> {
    const { clock, backoff, random, router } = this.#ports;
    this.#failures++;
    if (isHint(error) && this.#failures === 1) return;
    router.seek(this.#nextKey());
    const pauseMs = backoffMs(this.#failures, random, backoff, error.retryAfterMs);
    const leftMs = untilMs - clock.monotonicMs();
    await pause(clock, Math.max(0, Math.min(pauseMs, leftMs)), this.#stop);
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

/** Whether it says who can serve. */
function isHint({ reason }: DougError): boolean {
  return reason === 'NOT_LEADER' || reason === 'EPOCH_MISMATCH';
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
