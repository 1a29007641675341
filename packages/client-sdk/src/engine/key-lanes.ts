import { compareKeys } from '@dougdb/facade';
import { limits } from '@dougdb/rpc-proto';
import { type Operation, Place } from './operation.js';
import type { Session } from './session.js';
import type { Waiter } from './waiter.js';

/** The operations of this client on one key that are not finished. The fields belong to KeyLanes. */
export interface Lane {
  key: Uint8Array;
  hash: number;
  /** The next lane in the same bucket. */
  chained: Lane | null;
  /** Whether the run that is on its way reads or writes. */
  reads: boolean;
  /** Operations of the run that are on their way: everywhere but in `first..last`. */
  active: number;
  /** Nothing may join the run any more. */
  sealed: boolean;
  /** Where the writes of the run go; empty: nowhere yet. */
  address: string;
  /** The message that carries the writes of the run, and their session; 0: none was sent. */
  message: number;
  session: Session | null;
  /** Those that wait for the run to end, in the order of the calls. */
  first: Operation | null;
  last: Operation | null;
  /** Who waits for the lane to be empty; of {@link CallOrder}. */
  dependents: Set<Waiter> | null;
}

/**
 * Keeps the calls on one key in order (INVARIANT(call-order)). On its way at any time is one run: reads
 * in any number, or writes that leave in ONE message, which a node takes or refuses as they come. What
 * follows waits for the last answer of the run. So a write never overtakes one that was refused and has
 * to be sent again:
 *
 * 1. puts A and B on one key leave in two messages;
 * 2. the node refuses A, it does not lead yet; then it wins the election and accepts B;
 * 3. A is sent again and overwrites B.
 *
 * A busy key thus costs one round trip for each batch of calls, and calls on different keys nothing.
 */
export class KeyLanes {
  readonly #dispatch: (op: Operation) => void;
  readonly #emptied: (lane: Lane) => void;
  #buckets: (Lane | null)[] = new Array<Lane | null>(256).fill(null);
  #count = 0;
  /** Lanes are used again: none is made while as many calls end as begin. */
  #spare: Lane | null = null;

  /**
   * @param dispatch - sends an operation on its way
   * @param emptied - nothing is left in a lane that somebody waits for
   */
  constructor(dispatch: (op: Operation) => void, emptied: (lane: Lane) => void = ignore) {
    this.#dispatch = dispatch;
    this.#emptied = emptied;
  }

  /** Keys with unfinished operations. */
  get size(): number {
    return this.#count;
  }

  /** The lane of a key; null: nothing on it is unfinished. */
  find(key: Uint8Array): Lane | null {
    return this.#find(key, hashOf(key));
  }

  /** Calls back for every lane. They must not change meanwhile. */
  each(visit: (lane: Lane) => void): void {
    for (const head of this.#buckets) {
      for (let lane = head; lane !== null; lane = lane.chained) visit(lane);
    }
  }

  /** A new call. @returns false: it waits, and is dispatched later */
  enter(op: Operation): boolean {
    const hash = hashOf(op.key);
    const lane = this.#find(op.key, hash) ?? this.#add(op.key, hash, op.isRead);
    op.lane = lane;
    const isFull = !op.isRead && lane.active >= limits.pipeBatchItems;
    if (lane.first === null && !lane.sealed && lane.reads === op.isRead && !isFull) {
      lane.active++;
      return true;
    }
    this.#append(lane, op);
    return false;
  }

  /**
   * An operation is about to join what goes to an address. The writes of a run go one way: while the first
   * ones wait for a connection, another node may come to lead, and a later write would be there before
   * them. @returns false: it was put back, and is dispatched later
   */
  mayGo(op: Operation, address: string): boolean {
    const { lane } = op;
    if (lane === null || lane.reads) return true;
    if (lane.address === '') lane.address = address;
    if (lane.address === address && !this.isBehind(op)) return true;
    this.retry(op);
    return false;
  }

  /** Whether an earlier call on the key was put back: nothing may pass it. */
  isBehind(op: Operation): boolean {
    const first = op.lane?.first ?? null;
    return first !== null && first.serial < op.serial;
  }

  /**
   * An operation is about to leave in a message. Writes of one key that would leave in two messages are
   * parted here. @returns false: it was put back, and is dispatched later
   */
  maySend(op: Operation, message: number): boolean {
    const { lane } = op;
    if (lane === null || lane.reads) return true;
    if (lane.message === 0) {
      lane.message = message;
      lane.session = op.session;
      lane.sealed = true;
      return true;
    }
    // Of two sessions one may be refused and the other not: that is no better than two messages.
    if (lane.message === message && lane.session === op.session) return true;
    this.retry(op);
    return false;
  }

  /** An operation that is on its way is held up: later calls must not pass it. */
  seal(op: Operation): void {
    if (op.lane !== null) op.lane.sealed = true;
  }

  /** An attempt failed, or was not made: the operation is dispatched again when the rest of its run is answered. */
  retry(op: Operation): void {
    const { lane } = op;
    if (lane === null) {
      this.#dispatch(op);
      return;
    }
    lane.active--;
    lane.sealed = true;
    this.#insert(lane, op);
    if (lane.active === 0) this.#release(lane);
  }

  /**
   * An operation cannot leave for a reason that has nothing to do with its key.
   * @returns whether `resume` has to be called for it when it can; else the end of its run is enough
   */
  hold(op: Operation): boolean {
    const { lane } = op;
    if (lane === null) {
      op.place = Place.lane;
      return true;
    }
    lane.active--;
    lane.sealed = true;
    this.#insert(lane, op);
    return lane.active === 0;
  }

  /** The reason for which an operation was held is gone. */
  resume(op: Operation): void {
    const { lane, place } = op;
    if (place !== Place.lane) return;
    if (lane === null) {
      op.place = Place.queue;
      this.#dispatch(op);
    } else if (lane.active === 0) {
      this.#release(lane);
    }
  }

  /** An operation is finished, wherever it was. */
  leave(op: Operation): void {
    const { lane } = op;
    if (lane === null) return;
    op.lane = null;
    if (op.place === Place.lane) this.#unlink(lane, op);
    else lane.active--;
    if (lane.active > 0) return;
    if (lane.first !== null) this.#release(lane);
    else this.#drop(lane);
  }

  /** Sends the next run: what stands first and what follows of its kind, writes as many as fit a message. */
  #release(lane: Lane): void {
    const run: Operation[] = [];
    const reads = lane.first?.isRead === true;
    let sizeBytes = 0;
    while (lane.first !== null && lane.first.isRead === reads) {
      const op = lane.first;
      if (!reads && (run.length >= limits.pipeBatchItems || sizeBytes >= limits.pipeBatchBytes)) {
        break;
      }
      sizeBytes += op.sizeBytes;
      lane.first = op.laneNext;
      op.laneNext = null;
      // Not in the list any more, and not sent: on its way.
      op.place = Place.queue;
      run.push(op);
    }
    if (lane.first === null) lane.last = null;
    lane.reads = reads;
    lane.active = run.length;
    lane.sealed = false;
    lane.address = '';
    lane.message = 0;
    lane.session = null;
    for (const op of run) {
      // Dispatching one may end another (the client may be closing).
      if (op.place !== Place.done) this.#dispatch(op);
    }
  }

  #append(lane: Lane, op: Operation): void {
    op.place = Place.lane;
    op.laneNext = null;
    if (lane.last === null) lane.first = op;
    else lane.last.laneNext = op;
    lane.last = op;
  }

  /** Puts an operation back where its call belongs. */
  #insert(lane: Lane, op: Operation): void {
    if (lane.last === null || lane.last.serial < op.serial) {
      this.#append(lane, op);
      return;
    }
    op.place = Place.lane;
    let before: Operation | null = null;
    let after = lane.first;
    while (after !== null && after.serial < op.serial) {
      before = after;
      after = after.laneNext;
    }
    op.laneNext = after;
    if (before === null) lane.first = op;
    else before.laneNext = op;
    if (after === null) lane.last = op;
  }

  #unlink(lane: Lane, op: Operation): void {
    let before: Operation | null = null;
    let at = lane.first;
    while (at !== null && at !== op) {
      before = at;
      at = at.laneNext;
    }
    if (at === null) return;
    if (before === null) lane.first = op.laneNext;
    else before.laneNext = op.laneNext;
    if (lane.last === op) lane.last = before;
    op.laneNext = null;
  }

  #find(key: Uint8Array, hash: number): Lane | null {
    let lane = this.#buckets[hash & (this.#buckets.length - 1)] ?? null;
    while (lane !== null && !(lane.hash === hash && compareKeys(lane.key, key) === 0)) {
      lane = lane.chained;
    }
    return lane;
  }

  #add(key: Uint8Array, hash: number, reads: boolean): Lane {
    if (this.#count >= this.#buckets.length) this.#grow();
    const lane = this.#spare ?? emptyLane();
    this.#spare = lane.chained;
    lane.key = key;
    lane.hash = hash;
    lane.reads = reads;
    lane.active = 0;
    lane.sealed = false;
    lane.address = '';
    lane.message = 0;
    lane.session = null;
    const bucket = hash & (this.#buckets.length - 1);
    lane.chained = this.#buckets[bucket] ?? null;
    this.#buckets[bucket] = lane;
    this.#count++;
    return lane;
  }

  #drop(lane: Lane): void {
    const bucket = lane.hash & (this.#buckets.length - 1);
    let before: Lane | null = null;
    let at = this.#buckets[bucket] ?? null;
    while (at !== null && at !== lane) {
      before = at;
      at = at.chained;
    }
    if (before === null) this.#buckets[bucket] = lane.chained;
    else before.chained = lane.chained;
    lane.key = noKey;
    lane.session = null;
    lane.chained = this.#spare;
    this.#spare = lane;
    this.#count--;
    if (lane.dependents !== null) this.#emptied(lane);
  }

  #grow(): void {
    const lanes: Lane[] = [];
    for (const head of this.#buckets) {
      for (let lane = head; lane !== null; lane = lane.chained) lanes.push(lane);
    }
    this.#buckets = new Array<Lane | null>(this.#buckets.length * 2).fill(null);
    for (const lane of lanes) {
      const bucket = lane.hash & (this.#buckets.length - 1);
      lane.chained = this.#buckets[bucket] ?? null;
      this.#buckets[bucket] = lane;
    }
  }
}

const noKey = new Uint8Array(0);

function emptyLane(): Lane {
  return {
    key: noKey,
    hash: 0,
    chained: null,
    reads: false,
    active: 0,
    sealed: false,
    address: '',
    message: 0,
    session: null,
    first: null,
    last: null,
    dependents: null,
  };
}

function ignore(): void {}

/** FNV-1a over at most 64 bytes of each end: long keys mostly differ there. */
function hashOf(key: Uint8Array): number {
  let hash = 0x811c9dc5 ^ key.length;
  const head = Math.min(key.length, 64);
  for (let i = 0; i < head; i++) hash = Math.imul(hash ^ key[i]!, 0x01000193);
  for (let i = Math.max(head, key.length - 64); i < key.length; i++) {
    hash = Math.imul(hash ^ key[i]!, 0x01000193);
  }
  return hash ^ (hash >>> 15);
}
