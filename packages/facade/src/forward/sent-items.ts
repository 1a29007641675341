import {
  limits,
  type PipeResponseVisitor,
  type ResponseHeader,
  readPipeResponse,
  type Error as WireError,
} from '@dougdb/rpc-proto';
import { ANY_REPLICA, GET, GHOST } from './item-flags.js';
import { expired, garbledRead, garbledWrite, inDoubt, type Loss } from './link-errors.js';
import type { Origin } from './origin.js';
import { SentRing } from './sent-ring.js';

/** Bytes of operations that a node takes from one pipe before it is busy. */
const windowBytes = limits.admittedBytes / 4;
/** So much longer the node's own answer to an item is waited for: it is better than ours. */
const GRACE_MS = 250;
/** A node that owes an answer so long after its deadline will never give it. */
const GHOST_LIMIT_MS = 10_000;

/** Who is told what a node's answers say beside the answers. */
export interface AnswerListener {
  headers(headers: readonly ResponseHeader[]): void;
  /** An item was refused. @returns what its origin is told */
  refused(
    partitionId: number,
    epochVersion: number,
    eventual: boolean,
    error: WireError,
  ): WireError;
}

/**
 * What one node has of ours: brings its answers to the origins, and says so much of it as we do not
 * know when no answer comes. The items and bytes that the node holds are counted as the node counts
 * them, so that it need not refuse any.
 */
export class SentItems implements PipeResponseVisitor {
  readonly #listener: AnswerListener;
  readonly #ring: SentRing;
  /** Of the items that the node has; given back in even shares. */
  #sizeBytes = 0;

  // Of what is being read.
  #bytes: Uint8Array = nothing;
  #headers: readonly ResponseHeader[] = [];
  #origin: Origin | null = null;
  #originId = 0;
  #isRead = false;

  /** @param firstId - what the first item is called */
  constructor(listener: AnswerListener, firstId: number) {
    this.#listener = listener;
    this.#ring = new SentRing(firstId);
  }

  /** Items that the node has not answered. */
  get size(): number {
    return this.#ring.size;
  }

  /** The id that the next item gets. */
  get nextId(): number {
    return this.#ring.nextId;
  }

  /** Whether the node takes so many more. One part is always taken: it is smaller than the window. */
  hasRoom(items: number, sizeBytes: number): boolean {
    if (!this.#ring.hasRoom(items)) return false;
    if (this.size === 0) return true;
    const isWithin = this.size + items <= limits.pipeWindowItems;
    return isWithin && this.#sizeBytes + sizeBytes <= windowBytes;
  }

  /** An item leaves. */
  add(
    origin: Origin,
    originId: number,
    partitionId: number,
    epochVersion: number,
    deadlineMs: number,
    flags: number,
    sizeBytes: number,
  ): void {
    this.#ring.add(origin, originId, partitionId, epochVersion, deadlineMs, flags);
    this.#sizeBytes += sizeBytes;
  }

  /** The partitions of the items. */
  partitions(): Set<number> {
    const partitions = new Set<number>();
    this.#each((slot) => partitions.add(this.#ring.partitionId(slot)));
    return partitions;
  }

  /** The ids of these items of an origin. */
  idsOf(origin: Origin, originIds: ReadonlySet<number>): number[] {
    const ids: number[] = [];
    this.#each((slot, id) => {
      const isOwn = this.#ring.origin(slot) === origin;
      if (isOwn && originIds.has(this.#ring.originId(slot))) ids.push(id);
    });
    return ids;
  }

  /** Takes a message of the node. @throws DougError when it is garbage: then anything may be missing */
  read(response: Uint8Array): void {
    this.#bytes = response;
    try {
      readPipeResponse(response, this);
    } finally {
      this.#bytes = nothing;
      this.#headers = [];
      this.#origin = null;
    }
  }

  /**
   * Answers what is due.
   * @returns when to look again; -Infinity: an answer is owed for so long that it will never come
   */
  expire(nowMs: number): number {
    const ring = this.#ring;
    let dueMs = Number.POSITIVE_INFINITY;
    this.#each((slot) => {
      const isGhost = ring.has(slot, GHOST);
      const lastMs = ring.deadlineMs(slot) + GHOST_LIMIT_MS;
      const untilMs = isGhost ? lastMs : ring.deadlineMs(slot) + GRACE_MS;
      if (untilMs > nowMs) {
        dueMs = Math.min(dueMs, untilMs);
      } else if (isGhost) {
        dueMs = Number.NEGATIVE_INFINITY;
      } else {
        dueMs = Math.min(dueMs, lastMs);
        const origin = ring.origin(slot);
        ring.haunt(slot);
        origin?.failed(ring.originId(slot), null, ring.has(slot, GET) ? expired : inDoubt);
      }
    });
    return dueMs;
  }

  /** The stream is over: answers everything. Nothing may be added any more. */
  fail(loss: Loss): void {
    const ring = this.#ring;
    this.#each((slot) => {
      const error = ring.has(slot, GET) ? loss.read : loss.write;
      ring.origin(slot)?.failed(ring.originId(slot), null, error);
    });
  }

  #each(visit: (slot: number, id: number) => void): void {
    const ring = this.#ring;
    for (let id = ring.oldestId; id < ring.nextId; id++) {
      const slot = ring.find(id);
      if (slot !== -1) visit(slot, id);
    }
  }

  // PipeResponseVisitor

  /** @internal */
  begin(headers: readonly ResponseHeader[]): void {
    this.#headers = headers;
    this.#listener.headers(headers);
  }

  /** @internal */
  write(
    id: number,
    header: number,
    revision: number,
    resultNotKept: boolean,
    compareFailed: boolean,
    previousRevision: number,
    valueStart: number,
    valueEnd: number,
    resultStart: number,
    resultEnd: number,
  ): void {
    if (!this.#take(id)) return;
    const served = this.#headers[header];
    if (this.#isRead || served === undefined) {
      this.#garbled();
      return;
    }
    this.#origin?.written(
      this.#originId,
      served,
      revision,
      resultNotKept,
      compareFailed,
      previousRevision,
      this.#bytes,
      valueStart,
      valueEnd,
      resultStart,
      resultEnd,
    );
  }

  /** @internal */
  get(
    id: number,
    header: number,
    found: boolean,
    valueStart: number,
    valueEnd: number,
    revision: number,
    expiresAt: number,
  ): void {
    if (!this.#take(id)) return;
    const served = this.#headers[header];
    if (!this.#isRead || served === undefined) this.#garbled();
    else if (!found) this.#origin?.absent(this.#originId, served);
    else {
      this.#origin?.found(
        this.#originId,
        served,
        this.#bytes,
        valueStart,
        valueEnd,
        revision,
        expiresAt,
      );
    }
  }

  /** @internal */
  error(id: number, header: number, error: WireError): void {
    const slot = this.#ring.find(id);
    if (slot === -1) return;
    const partitionId = this.#ring.partitionId(slot);
    const epochVersion = this.#ring.epochVersion(slot);
    const eventual = this.#ring.has(slot, ANY_REPLICA);
    this.#take(id);
    const told = this.#listener.refused(partitionId, epochVersion, eventual, error);
    this.#origin?.failed(this.#originId, this.#headers[header] ?? null, told);
  }

  /** @internal */
  unknown(id: number): void {
    if (this.#take(id)) this.#garbled();
  }

  #garbled(): void {
    this.#origin?.failed(this.#originId, null, this.#isRead ? garbledRead : garbledWrite);
  }

  /** Takes an answered item out. */
  #take(id: number): boolean {
    const ring = this.#ring;
    const slot = ring.find(id);
    // INVARIANT(one-answer): an id leaves with its answer; another one, or a late one, meets nothing.
    if (slot === -1) return false;
    this.#origin = ring.origin(slot);
    this.#originId = ring.originId(slot);
    this.#isRead = ring.has(slot, GET);
    this.#sizeBytes -= Math.floor(this.#sizeBytes / ring.size);
    ring.release(id);
    return true;
  }
}

const nothing = new Uint8Array(0);
