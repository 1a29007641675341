import { KeyLanes } from './key-lanes.js';
import { type Operation, Place } from './operation.js';
import { type Span, spanHas, spansMeet } from './span.js';
import type { Blocker, Fence, Held, Waiter } from './waiter.js';

/**
 * Keeps the calls of this client in order where they touch the same keys (INVARIANT(call-order)): of one key
 * in its lane (see {@link KeyLanes}), of several keys by fences. An operation of several keys is sent when every
 * earlier call that shares a key with it is finished, and holds back every later one until it is finished itself.
 *
 * Nobody can wait for ever: a call waits for earlier calls alone, so the oldest of all that are not finished
 * waits for nothing, and every call is finished when its time is up at the latest. Later calls never overtake
 * one that waits and shares a key with them, so nobody starves either.
 *
 * A call waits only for the last one before it on each of its keys; that one has waited for the others. When a
 * call that waits is given up, who waited for it waits for what it has waited for.
 */
export class CallOrder {
  readonly #dispatch: (op: Operation) => void;
  readonly #lanes: KeyLanes;
  /** All fences and held calls, and those of each key in the order of the calls. */
  readonly #waiters = new Set<Waiter>();
  readonly #byKey = new Map<string, Waiter[]>();
  /** Fences that touch a range. */
  readonly #ranged = new Set<Fence>();
  readonly #byOp = new Map<Operation, Waiter>();
  /** Waiters that wait for nothing any more; a queue, because each may free thousands that wait behind it. */
  readonly #free: Waiter[] = [];
  #isFreeing = false;

  /** @param dispatch - sends an operation on its way */
  constructor(dispatch: (op: Operation) => void) {
    this.#dispatch = dispatch;
    this.#lanes = new KeyLanes(dispatch, (lane) => this.#over(lane));
  }

  /** Keys with calls in their lanes, fences and held keys that are not finished. */
  get size(): number {
    return this.#lanes.size + this.#waiters.size;
  }

  /** A new call. @returns false: it waits, and is dispatched later */
  enter(op: Operation): boolean {
    const spans = op.reach ?? op.spans;
    if (spans !== null) return this.#enterFence(op, spans);
    if (this.#waiters.size === 0) return this.#lanes.enter(op);
    return this.#enterKey(op);
  }

  /** An operation is finished, wherever it was. */
  leave(op: Operation): void {
    this.#lanes.leave(op);
    const waiter = this.#byOp.size === 0 ? undefined : this.#byOp.get(op);
    if (waiter === undefined) return;
    this.#byOp.delete(op);
    if ('ops' in waiter) waiter.ops.delete(op);
    if (!('ops' in waiter) || waiter.ops.size === 0) this.#remove(waiter);
  }

  /** See {@link KeyLanes.mayGo}. */
  mayGo(op: Operation, address: string): boolean {
    return this.#lanes.mayGo(op, address);
  }

  /** See {@link KeyLanes.isBehind}. */
  isBehind(op: Operation): boolean {
    return this.#lanes.isBehind(op);
  }

  /** See {@link KeyLanes.maySend}. */
  maySend(op: Operation, message: number): boolean {
    return this.#lanes.maySend(op, message);
  }

  /** See {@link KeyLanes.seal}. */
  seal(op: Operation): void {
    this.#lanes.seal(op);
  }

  /** See {@link KeyLanes.retry}. */
  retry(op: Operation): void {
    this.#lanes.retry(op);
  }

  /** See {@link KeyLanes.hold}. */
  hold(op: Operation): boolean {
    return this.#lanes.hold(op);
  }

  /** See {@link KeyLanes.resume}. */
  resume(op: Operation): void {
    this.#lanes.resume(op);
  }

  #enterFence(op: Operation, spans: readonly Span[]): boolean {
    const fence: Fence = {
      op,
      spans,
      serial: op.serial,
      blockedBy: new Set(),
      dependents: null,
    };
    for (const span of spans) {
      if (span.end === null) {
        const lane = this.#lanes.find(span.start);
        if (lane !== null) link(lane, fence);
        this.#waitOnKey(fence, span.start);
      } else {
        this.#lanes.each((lane) => {
          if (spanHas(span, lane.key)) link(lane, fence);
        });
        for (const waiter of this.#waiters) {
          if (waiter.spans.some((other) => spansMeet(span, other))) link(waiter, fence);
        }
      }
    }
    this.#add(fence);
    this.#byOp.set(op, fence);
    if (fence.blockedBy.size === 0) return true;
    op.place = Place.lane;
    return false;
  }

  /** A call on one key while there are fences: it waits if one of them has the key. */
  #enterKey(op: Operation): boolean {
    const { key } = op;
    const last = this.#byKey.get(nameOf(key))?.at(-1);
    if (last !== undefined && 'ops' in last && !this.#isFencedAfter(key, last.serial)) {
      this.#join(last, op);
      return false;
    }
    const held: Held = {
      key,
      spans: [{ start: key, end: null }],
      serial: op.serial,
      blockedBy: new Set(),
      ops: new Set(),
      dependents: null,
    };
    this.#waitOnKey(held, key);
    if (held.blockedBy.size === 0) return this.#lanes.enter(op);
    this.#add(held);
    this.#join(held, op);
    return false;
  }

  #join(held: Held, op: Operation): void {
    held.ops.add(op);
    this.#byOp.set(op, held);
    op.place = Place.lane;
  }

  #isFencedAfter(key: Uint8Array, serial: number): boolean {
    for (const fence of this.#ranged) {
      if (fence.serial > serial && fence.spans.some((span) => spanHas(span, key))) return true;
    }
    return false;
  }

  #waitOnKey(waiter: Waiter, key: Uint8Array): void {
    const last = this.#byKey.get(nameOf(key))?.at(-1);
    if (last !== undefined) link(last, waiter);
    for (const fence of this.#ranged) {
      if (fence.spans.some((span) => spanHas(span, key))) link(fence, waiter);
    }
  }

  #add(waiter: Waiter): void {
    this.#waiters.add(waiter);
    let isRanged = false;
    for (const { start, end } of waiter.spans) {
      if (end !== null) {
        isRanged = true;
        continue;
      }
      const name = nameOf(start);
      const list = this.#byKey.get(name);
      if (list === undefined) this.#byKey.set(name, [waiter]);
      else if (list.at(-1) !== waiter) list.push(waiter);
    }
    if (isRanged) this.#ranged.add(waiter as Fence);
  }

  /** It is finished, given up, or in its lane. Those that wait for it wait for what it waits for, if anything. */
  #remove(waiter: Waiter): void {
    this.#forget(waiter);
    const { dependents } = waiter;
    if (waiter.blockedBy.size === 0) {
      this.#over(waiter);
      return;
    }
    waiter.dependents = null;
    for (const blocker of waiter.blockedBy) {
      blocker.dependents?.delete(waiter);
      for (const dependent of dependents ?? []) link(blocker, dependent);
    }
    for (const dependent of dependents ?? []) dependent.blockedBy.delete(waiter);
  }

  #forget(waiter: Waiter): void {
    this.#waiters.delete(waiter);
    if (!('ops' in waiter)) this.#ranged.delete(waiter);
    for (const { start, end } of waiter.spans) {
      if (end !== null) continue;
      const name = nameOf(start);
      const list = this.#byKey.get(name);
      const at = list?.indexOf(waiter) ?? -1;
      if (at < 0) continue;
      if (list?.length === 1) this.#byKey.delete(name);
      else list?.splice(at, 1);
    }
  }

  /** Everything in it is finished: those that waited for nothing else go on. */
  #over(blocker: Blocker): void {
    const { dependents } = blocker;
    if (dependents === null) return;
    blocker.dependents = null;
    for (const dependent of dependents) {
      dependent.blockedBy.delete(blocker);
      if (dependent.blockedBy.size === 0) this.#free.push(dependent);
    }
    this.#freeAll();
  }

  #freeAll(): void {
    if (this.#isFreeing) return;
    this.#isFreeing = true;
    for (let waiter = this.#free.shift(); waiter !== undefined; waiter = this.#free.shift()) {
      if ('ops' in waiter) this.#enterLane(waiter);
      else this.#send(waiter.op);
    }
    this.#isFreeing = false;
  }

  /** Those that wait for the held calls wait for their lane from now on. */
  #enterLane(held: Held): void {
    this.#forget(held);
    const going: Operation[] = [];
    for (const op of held.ops) {
      this.#byOp.delete(op);
      if (op.place === Place.done || !this.#lanes.enter(op)) continue;
      op.place = Place.queue;
      going.push(op);
    }
    const lane = this.#lanes.find(held.key);
    const { dependents } = held;
    held.dependents = null;
    for (const dependent of dependents ?? []) {
      dependent.blockedBy.delete(held);
      if (lane !== null) link(lane, dependent);
      if (dependent.blockedBy.size === 0) this.#free.push(dependent);
    }
    for (const op of going) this.#send(op);
  }

  #send(op: Operation): void {
    // Sending one may have ended another.
    if (op.place === Place.done) return;
    op.place = Place.queue;
    this.#dispatch(op);
  }
}

function link(blocker: Blocker, waiter: Waiter): void {
  if (blocker === waiter) return;
  blocker.dependents ??= new Set();
  blocker.dependents.add(waiter);
  waiter.blockedBy.add(blocker);
}

/** Bytes as a key of a Map. */
function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}
