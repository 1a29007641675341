import type { Clock, Random } from '@dougdb/ports';
import {
  Consistency,
  DougError,
  type KeyValue,
  type ReadLevel,
  type ResponseHeader,
  ScanRequest,
  ScanResponse,
} from '@dougdb/rpc-proto';
import { type BackoffOptions, backoffMs } from '../backoff.js';
import { boundedWait } from '../bounded-wait.js';
import { compareEnds, compareKeys, isBelowEnd, keyBelow } from '../key-range.js';
import { pause } from '../pause.js';
import type { Route } from '../routing/partition-map.js';
import { mayBeAnyReplica } from '../routing/read-levels.js';
import { reactTo } from '../routing/route-errors.js';
import type { Router, Sent, Way } from '../routing/router.js';
import type { NodeTransport } from '../transport.js';
import { decodeScanRest, encodeScanRest, type ScanRest, type ViewName } from './rest-token.js';
import { encodeScanToken } from './scan-token.js';

const SCAN = '/dougdb.v1.Doug/Scan';

/** A scan with everything decided. Empty start and end: from the first, to the last key. */
export interface ScanPlan {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  /** Infinity: no limit. */
  readonly limit: number;
  readonly reverse: boolean;
  readonly keysOnly: boolean;
  /** No entries: chunks with numbers of them. */
  readonly countOnly: boolean;
  readonly level: ReadLevel;
  /** Goes on behind the chunk that left it: start and end give way to it. Empty: none. */
  readonly token: Uint8Array;
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
  /** Of a scan that only counts. */
  readonly count: number;
  /**
   * The part of the range that it speaks for: between what the chunks before it spoke for and `start` there was nothing.
   * If the limit ended it, it speaks for nothing behind its last entry.
   */
  readonly start: Uint8Array;
  readonly end: Uint8Array;
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
 * The entries of a range, in chunks, partition by partition. The chunks of one partition are of one view, which is
 * found again after a failure by its revision while history lasts (COMPACTED after that). It goes on
 * where the last chunk ended, so that no entry comes twice. Between partitions there is no common moment.
 */
export class RangeScan {
  readonly #ports: ScanPorts;
  readonly #plan: ScanPlan;
  readonly #stop: AbortSignal;
  // What is left of the range.
  #start: Uint8Array;
  #end: Uint8Array;
  #left: number;
  /** Of the partition in which the rest begins; null: it has none yet. */
  #view: ViewName | null;
  /** Of the last chunk. */
  #chunkView: ViewName | null = null;
  /** The rest before the last chunk. */
  #startBefore: Uint8Array = nothing;
  #endBefore: Uint8Array = nothing;
  #done = false;
  #call: OpenCall | null = null;
  #failures = 0;
  readonly #way: Way;
  /** The call that was opened last, as the router knows it. */
  #asked: Sent | null = null;

  /**
   * @param stop - ends the scan at any moment: `next` then rejects with ABORTED
   * @throws DougError INVALID_ARGUMENT: the token cannot be used
   */
  constructor(ports: ScanPorts, plan: ScanPlan, stop: AbortSignal) {
    const { start, end, view } = restOf(plan);
    this.#ports = ports;
    this.#plan = plan;
    this.#stop = stop;
    this.#start = start;
    this.#end = end;
    this.#view = view;
    this.#left = plan.limit;
    this.#way = { eventual: mayBeAnyReplica(plan.level.consistency), nodeId: 0, via: '' };
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
        // Counting takes as long as it takes, and says nothing meanwhile.
        const longestMs = this.#plan.countOnly ? leftMs : attemptMs * 2 ** this.#failures;
        const chunk = await this.#attempt(Math.min(leftMs, longestMs));
        this.#failures = 0;
        if (chunk.kvs.length > 0 || chunk.count > 0) return chunk;
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

  /**
   * What is left behind the last chunk, as a token; empty: nothing is.
   * @param behind - a key of the last chunk: what is left behind that
   */
  token(behind?: Uint8Array): Uint8Array {
    const { reverse } = this.#plan;
    if (behind === undefined) {
      if (this.#isFinished()) return nothing;
      return encodeScanRest({ start: this.#start, end: this.#end, reverse, view: this.#view });
    }
    return encodeScanRest({
      start: reverse ? this.#startBefore : successorOf(behind),
      end: reverse ? behind : this.#endBefore,
      reverse,
      view: this.#chunkView,
    });
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
    const { reverse } = this.#plan;
    const { eventual } = this.#way;
    this.#asked = null;
    const route = reverse ? map.lookupBelow(this.#end) : map.lookup(this.#start);
    if (route === null) return null;
    const address = router.addressFor(this.#way, route);
    if (address === undefined) return null;
    // What was split off has no moment in common with the rest of it.
    if (this.#view?.partitionId !== route.partitionId) this.#view = null;
    this.#checkRevision(route);
    const { partitionId, epochVersion } = route;
    const key = this.#nextKey();
    this.#asked = { key, eventual, partitionId, epochVersion, nodeId: this.#way.nodeId };
    const abort = new AbortController();
    const chunks = transport.stream(address, SCAN, this.#request(route, address), abort.signal);
    this.#call = { chunks: chunks[Symbol.asyncIterator](), abort, route };
    return this.#call;
  }

  /** @throws DougError INVALID_ARGUMENT */
  #checkRevision(route: Route): void {
    const isAt = this.#plan.level.consistency === Consistency.CONSISTENCY_AT_REVISION;
    if (!isAt || this.#view !== null) return;
    const isWithin =
      compareKeys(route.start, this.#start) <= 0 && compareEnds(this.#end, route.end) <= 0;
    if (isWithin) return;
    throw new DougError(
      'INVALID_ARGUMENT',
      'a revision means something in one partition only, and this range lies in several',
    );
  }

  #request(route: Route, address: string): Uint8Array {
    const { reverse, keysOnly, countOnly, level } = this.#plan;
    const { consistency, argument } = level;
    const start = compareKeys(this.#start, route.start) < 0 ? route.start : this.#start;
    const end = compareEnds(this.#end, route.end) > 0 ? route.end : this.#end;
    return ScanRequest.encode({
      context: {
        clusterId: this.#ports.router.finder.clusterId,
        partitionId: route.partitionId,
        epochVersion: route.epochVersion,
      },
      start,
      end,
      limit: Number.isFinite(this.#left) ? this.#left : 0,
      reverse,
      keysOnly,
      consistency,
      revision: consistency === Consistency.CONSISTENCY_AT_REVISION ? argument : 0,
      maxAgeMs: consistency === Consistency.CONSISTENCY_BOUNDED ? argument : 0,
      countOnly,
      token: this.#viewToken(start, end, address),
    }).finish();
  }

  /** By which the view of this partition is found again; empty: it has none yet. */
  #viewToken(start: Uint8Array, end: Uint8Array, address: string): Uint8Array {
    const { reverse } = this.#plan;
    const { router } = this.#ports;
    const view = this.#view;
    if (view === null) return nothing;
    // A facade may find the rest in other partitions than we do.
    if (router.isProxy(address)) return encodeScanRest({ start, end, reverse, view });
    return encodeScanToken({ ...view, start, end, reverse }, router.finder.clusterId);
  }

  #take(chunk: ScanResponse, route: Route): ScanChunk {
    const { reverse } = this.#plan;
    const { header, resumeKey } = chunk;
    this.#startBefore = this.#start;
    this.#endBefore = this.#end;
    const first = chunk.kvs[0]?.key;
    const isAhead =
      first === undefined ||
      (reverse ? isBelowEnd(first, this.#end) : compareKeys(first, this.#start) >= 0);
    if (!isAhead) throw noProgress();
    this.#chunkView = header === undefined ? null : viewOf(header, route);
    this.#view = this.#chunkView;
    if (resumeKey === undefined) this.#partitionDone(route);
    else if (reverse) this.#continueBelow(resumeKey, chunk.kvs);
    else this.#continueFrom(resumeKey, chunk.kvs);
    const kvs = chunk.kvs.length > this.#left ? chunk.kvs.slice(0, this.#left) : chunk.kvs;
    const count = Math.min(chunk.count, this.#left);
    this.#left -= kvs.length + count;
    const isLast = resumeKey === undefined;
    const start = reverse
      ? laterOf(isLast ? route.start : this.#end, this.#startBefore)
      : this.#startBefore;
    const end = reverse
      ? this.#endBefore
      : earlierEnd(isLast ? route.end : this.#start, this.#endBefore);
    return { header, kvs, count, start, end };
  }

  /** The last chunk of a partition: the rest of the range lies beside it. */
  #partitionDone(route: Route): void {
    this.#hangUp();
    this.#view = null;
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
    // It was not asked for chunks for a while: nobody is to blame, and the token says where to go on.
    if (error.reason === 'LAGGING') return error;
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
    if ((isHint(error) || error.reason === 'LAGGING') && this.#failures === 1) return;
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

const nothing = new Uint8Array(0);

/** What a scan begins with. @throws DougError INVALID_ARGUMENT */
function restOf({ token, start, end, reverse }: ScanPlan): ScanRest {
  if (token.length === 0) return { start, end, reverse, view: null };
  const rest = decodeScanRest(token);
  if (rest.reverse === reverse) return rest;
  throw new DougError('INVALID_ARGUMENT', 'the token is of a scan in the other direction');
}

/** The moment that a chunk is of: of a scan the header tells the revision of the view. */
function viewOf({ partitionId, revision }: ResponseHeader, { epochVersion }: Route): ViewName {
  return { partitionId, epochVersion, revision };
}

function laterOf(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareKeys(a, b) < 0 ? b : a;
}

function earlierEnd(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareEnds(a, b) > 0 ? b : a;
}

/** The first key behind a key. */
function successorOf(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
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
