import type { Timer } from '@dougdb/ports';
import {
  type CodeName,
  codes,
  DougError,
  fromWire,
  type WatchCreate,
  type WatchResponse,
} from '@dougdb/rpc-proto';
import { backoffMs } from '../backoff.js';
import { compareEnds } from '../key-range.js';
import type { Route } from '../routing/partition-map.js';
import type { Sent } from '../routing/router.js';
import { checkNews } from './watch-check.js';
import { clipped } from './watch-pieces.js';
import type { WatchNews, WatchPlan, WatchPorts } from './watch-plan.js';
import type { WatchPiece } from './watch-position.js';
import type { OpenWatch } from './watch-stream.js';
import { decodeWatchToken, encodeWatchToken } from './watch-token.js';

/** Nothing is heard for so long, although marks come every 5 s: it is opened elsewhere. */
const SILENCE_MS = 10_000;
/** Failures in a row after which an error that another node may not share ends the watch. */
const PATIENCE = 8;

/** Errors that say nothing of the watch, whatever the table of codes says of a call. */
const passing: ReadonlySet<CodeName> = new Set(['DEADLINE', 'ABORTED', 'CLOSED']);
/** Errors that may be the fault of one node: of a replica that is behind, or of whoever lives there now. */
const dubious: ReadonlySet<CodeName> = new Set(['INTERNAL', 'FUTURE_REVISION', 'CLUSTER_MISMATCH']);

/** Whom a strand tells. */
export interface StrandOwner {
  /** A server has taken it on for the first time; where it begins is known. */
  created(strand: WatchStrand): void;
  told(news: WatchNews): void;
  /** It is to be opened (again). */
  due(strand: WatchStrand): void;
  /** It is over for good. */
  failed(error: DougError): void;
}

/**
 * A part of the range of a watch, served by one node (or through a facade) at a time. When that fails it is
 * opened again from what was told, elsewhere if it can be. It only ever becomes smaller: where partitions
 * have split it is cut in two.
 */
export class WatchStrand {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly #plan: WatchPlan;
  readonly #ports: WatchPorts;
  readonly #owner: StrandOwner;
  /** What was told; null: it has not begun. */
  #pieces: readonly WatchPiece[] | null;
  #watch: OpenWatch | null = null;
  #address = '';
  readonly #way = { eventual: true, nodeId: 0, via: '' };
  #asked: Sent | null = null;
  /** Of the pause before the next attempt, or of the silence of this one. */
  #timer: Timer | null = null;
  #heardMs = 0;
  #failures = 0;
  /** Told and not taken. */
  #heldBytes = 0;
  /** Taken, and not given back as credit. */
  #owedBytes = 0;
  /** What may still be sent. */
  #leftBytes = 0;
  #isParked = false;
  #isClosed = false;

  /** @param pieces - what was told of [start, end) */
  constructor(
    start: Uint8Array,
    end: Uint8Array,
    pieces: readonly WatchPiece[] | null,
    plan: WatchPlan,
    ports: WatchPorts,
    owner: StrandOwner,
  ) {
    this.start = start;
    this.end = end;
    this.#pieces = pieces;
    this.#plan = plan;
    this.#ports = ports;
    this.#owner = owner;
  }

  get pieces(): readonly WatchPiece[] | null {
    return this.#pieces;
  }

  /**
   * Begins to watch, or sees to it that it will.
   * @returns null; or where it must be cut in two first, because partitions or positions meet in it
   */
  open(): Uint8Array | null {
    if (this.#isClosed) return null;
    this.#stopTimer();
    // Whoever does not take what is there gets nothing more, however often it is opened.
    this.#isParked = this.#heldBytes >= this.#plan.creditBytes;
    if (this.#isParked) return null;
    const proxy = this.#ports.router.chooseProxy();
    if (proxy === null) return this.#openDirect();
    this.#way.via = proxy ?? '';
    this.#way.nodeId = 0;
    this.#asked = null;
    if (proxy === undefined) this.#pause(noFacade);
    else this.#begin(proxy, { partitionId: 0, epochVersion: 0 });
    return null;
  }

  /** The consumer has taken events of so many bytes. */
  taken(bytes: number): void {
    this.#heldBytes -= bytes;
    this.#owedBytes += bytes;
    const { creditBytes } = this.#plan;
    if (this.#isParked) {
      if (this.#heldBytes * 2 <= creditBytes) this.#owner.due(this);
      return;
    }
    // Not for each event: a quarter is soon enough that nobody waits for it.
    if (this.#watch === null || this.#owedBytes * 4 < creditBytes) return;
    this.#watch.credit(this.#owedBytes);
    this.#leftBytes += this.#owedBytes;
    this.#owedBytes = 0;
  }

  /** Two strands in the place of this one, which is over. @param at - what `open` answered */
  cut(at: Uint8Array): readonly [WatchStrand, WatchStrand] {
    const pieces = this.#pieces;
    this.close();
    return [this.#part(this.start, at, pieces), this.#part(at, this.end, pieces)];
  }

  close(): void {
    this.#isClosed = true;
    this.#hangUp();
  }

  #part(start: Uint8Array, end: Uint8Array, pieces: readonly WatchPiece[] | null): WatchStrand {
    const own = pieces === null ? null : clipped(pieces, start, end);
    return new WatchStrand(start, end, own, this.#plan, this.#ports, this.#owner);
  }

  #openDirect(): Uint8Array | null {
    const { router } = this.#ports;
    this.#way.via = '';
    const route = router.map.lookup(this.start);
    if (route === null) {
      this.#pause(noPartition);
      return null;
    }
    const cut = this.#cutBy(route);
    if (cut !== null) {
      if (this.#pieces !== null || this.#plan.fromRevision === 0) return cut;
      this.#owner.failed(twoPartitions);
      return null;
    }
    this.#way.nodeId = this.#choose(route);
    const address = router.map.addressOf(this.#way.nodeId);
    const { partitionId, epochVersion } = route;
    this.#asked = { key: this.start, ...this.#way, partitionId, epochVersion };
    if (address === undefined) this.#pause(noReplica);
    else this.#begin(address, route);
    return null;
  }

  /** The end of the first partition, or of the first position, that does not reach to the end. */
  #cutBy(route: Route): Uint8Array | null {
    if (compareEnds(route.end, this.end) < 0) {
      const first = this.#pieces?.[0]?.end;
      return first !== undefined && compareEnds(first, route.end) < 0 ? first : route.end;
    }
    const { length } = this.#pieces ?? [];
    return length > 1 ? (this.#pieces?.[0]?.end ?? null) : null;
  }

  /**
   * Any replica serves, and which one is left to chance, so that watches spread over them; the one that failed last
   * only if there is no other. A replica that is behind begins a watch when it has caught up with what was acknowledged.
   */
  #choose(route: Route): number {
    const { router, streams, random } = this.#ports;
    const able = route.replicas
      .map(({ nodeId }) => nodeId)
      .filter((nodeId) => {
        const address = router.map.addressOf(nodeId);
        if (address === undefined) return false;
        return !router.isShunned(address) && !streams.isShunned(address);
      });
    const others = able.filter((nodeId) => nodeId !== this.#way.nodeId);
    const choice = others.length > 0 ? others : able;
    return choice[Math.floor(random.next() * choice.length)] ?? 0;
  }

  #begin(address: string, at: Pick<Route, 'partitionId' | 'epochVersion'>): void {
    const { streams, clock } = this.#ports;
    this.#address = address;
    this.#leftBytes = this.#plan.creditBytes - this.#heldBytes;
    this.#owedBytes = 0;
    const watch = streams.open(address, this.#request(at), {
      answered: (response) => {
        if (this.#watch === watch) this.#answered(response);
      },
      ended: (error) => {
        if (this.#watch !== watch) return;
        this.#watch = null;
        this.#lost(error);
      },
    });
    this.#watch = watch;
    this.#heardMs = clock.monotonicMs();
    this.#watchSilence(SILENCE_MS);
  }

  #request(at: Pick<Route, 'partitionId' | 'epochVersion'>): Omit<WatchCreate, 'watchId'> {
    const { previous, noPuts, noDeletes, fromRevision } = this.#plan;
    const { clusterId } = this.#ports.router.finder;
    const pieces = this.#pieces;
    return {
      context: { clusterId, partitionId: at.partitionId, epochVersion: at.epochVersion },
      start: this.start,
      end: this.end,
      token: pieces === null ? nothing : encodeWatchToken({ clusterId, pieces }),
      fromRevision: pieces === null ? fromRevision : 0,
      previous,
      noPuts,
      noDeletes,
      creditBytes: this.#leftBytes,
    };
  }

  #answered(response: WatchResponse): void {
    const { clock, streams, router } = this.#ports;
    this.#heardMs = clock.monotonicMs();
    if (response.error !== undefined) {
      this.#watch = null;
      this.#lost(fromWire(response.error));
      return;
    }
    streams.heard(this.#address);
    if (this.#way.via !== '') router.heard(this.#address);
    try {
      this.#take(response);
    } catch (error) {
      this.#lost(DougError.from(error, 'NOT_APPLIED'));
    }
  }

  /** @throws DougError when the answer cannot be true */
  #take(response: WatchResponse): void {
    const { header, events, token, created, costBytes } = response;
    const { clusterId } = this.#ports.router.finder;
    const after = clipped(decodeWatchToken(token, clusterId).pieces, this.start, this.end);
    const before = this.#pieces;
    if (created && events.length === 0) {
      // Where it goes on, nobody knows better.
      this.#pieces ??= after;
      this.#owner.created(this);
      return;
    }
    if (before === null) {
      throw new DougError('INTERNAL', 'a watch told something before it was created');
    }
    checkNews(header?.partitionId, events, before, after);
    this.#failures = 0;
    this.#pieces = after;
    this.#heldBytes += costBytes;
    this.#leftBytes -= costBytes;
    this.#owner.told({ strand: this, header, events, pieces: after, costBytes });
  }

  /** Goes on elsewhere, unless the error is one that goes along. */
  #lost(error: DougError): void {
    const { router, streams } = this.#ports;
    this.#hangUp();
    if (this.#isClosed) return;
    if (isFinal(error, this.#failures)) {
      this.#owner.failed(error);
      return;
    }
    const isHint = codes[error.reason].retry === 'at-once';
    if (this.#asked !== null) router.correct(this.#asked, error);
    // Who lags behind is to blame for it, not who says so.
    const isAtFault = !isHint && error.reason !== 'LAGGING';
    if (isAtFault && this.#way.via !== '') router.suspect(this.#way);
    else if (isAtFault) streams.shun(this.#address);
    if (isHint && this.#failures === 0) {
      this.#failures++;
      this.#owner.due(this);
    } else {
      this.#pause(error);
    }
  }

  #pause({ retryAfterMs }: DougError): void {
    const { clock, random, backoff, router } = this.#ports;
    this.#failures++;
    if (this.#way.via === '') router.seek(this.start);
    const pauseMs = backoffMs(this.#failures, random, backoff, retryAfterMs);
    this.#stopTimer();
    this.#timer = clock.setTimer(pauseMs, () => this.#owner.due(this));
  }

  #watchSilence(delayMs: number): void {
    const { clock } = this.#ports;
    this.#timer = clock.setTimer(delayMs, () => {
      const nowMs = clock.monotonicMs();
      // Who may send nothing has nothing to say.
      if (this.#leftBytes <= 0) this.#heardMs = nowMs;
      const leftMs = this.#heardMs + SILENCE_MS - nowMs;
      if (leftMs > 0) this.#watchSilence(leftMs);
      else this.#lost(new DougError('NO_LEADER', `${this.#address} is silent`));
    });
  }

  #hangUp(): void {
    this.#stopTimer();
    const watch = this.#watch;
    this.#watch = null;
    watch?.cancel();
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}

function isFinal({ reason }: DougError, failures: number): boolean {
  if (passing.has(reason)) return false;
  if (dubious.has(reason)) return failures >= PATIENCE;
  return codes[reason].retry === 'no';
}

const nothing = new Uint8Array(0);
const noFacade = new DougError('NO_LEADER', 'no facade can be reached');
const noPartition = new DougError('NO_LEADER', 'no partition is known for a key of the watch');
const noReplica = new DougError('NO_LEADER', 'no node with a replica can be reached');
const twoPartitions = new DougError(
  'INVALID_ARGUMENT',
  'from a revision only a range that lies in one partition can be watched: use a token',
);
