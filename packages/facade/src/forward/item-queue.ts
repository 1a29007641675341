import type { Consistency } from '@dougdb/rpc-proto';
import { DROPPED } from './item-flags.js';
import type { Origin } from './origin.js';

const smallest = 256;

/** The items of one message of an origin that go to one node: they leave together or not at all. */
export interface Part {
  readonly origin: Origin;
  /** The message; kept until the part has left. */
  readonly request: Uint8Array;
  items: number;
  /** Bytes of the operations. */
  sizeBytes: number;
}

/**
 * Items that wait for one node, in parts, first in first out. Typed arrays instead of an object for
 * each item; a part is an object.
 */
export class ItemQueue {
  #mask = smallest - 1;
  #originIds = new Float64Array(smallest);
  #partitionIds = new Float64Array(smallest);
  #epochVersions = new Float64Array(smallest);
  #deadlinesMs = new Float64Array(smallest);
  #starts = new Uint32Array(smallest);
  #ends = new Uint32Array(smallest);
  #flags = new Uint8Array(smallest);
  #consistencies = new Uint8Array(smallest);
  #arguments = new Float64Array(smallest);
  #next = 0;
  #oldest = 0;
  #parts: Part[] = [];
  #head = 0;
  #heldBytes = 0;

  /** Items that wait. */
  get size(): number {
    return this.#next - this.#oldest;
  }

  /** Bytes of the messages that are held because items of theirs wait. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** The part that leaves next. */
  get first(): Part | null {
    return this.#parts[this.#head] ?? null;
  }

  /** Begins a part; the items that follow belong to it. */
  begin(origin: Origin, request: Uint8Array): Part {
    const part: Part = { origin, request, items: 0, sizeBytes: 0 };
    this.#parts.push(part);
    this.#heldBytes += request.length;
    return part;
  }

  /**
   * Adds an item whose operation is request[start, end) of the part's message.
   * @param consistency - of a get
   * @param argument - of a get: see ReadLevel
   */
  add(
    part: Part,
    originId: number,
    partitionId: number,
    epochVersion: number,
    deadlineMs: number,
    flags: number,
    start: number,
    end: number,
    consistency: Consistency,
    argument: number,
  ): void {
    if (this.size > this.#mask) this.#grow();
    const slot = this.#next++ & this.#mask;
    this.#originIds[slot] = originId;
    this.#partitionIds[slot] = partitionId;
    this.#epochVersions[slot] = epochVersion;
    this.#deadlinesMs[slot] = deadlineMs;
    this.#flags[slot] = flags;
    this.#starts[slot] = start;
    this.#ends[slot] = end;
    this.#consistencies[slot] = consistency;
    this.#arguments[slot] = argument;
    part.items++;
    part.sizeBytes += end - start;
  }

  /** Slot of an item by its place in the queue, from 0. Valid until {@link shift} passes it. */
  slotAt(place: number): number {
    return (this.#oldest + place) & this.#mask;
  }

  originId(slot: number): number {
    return this.#originIds[slot] as number;
  }

  partitionId(slot: number): number {
    return this.#partitionIds[slot] as number;
  }

  epochVersion(slot: number): number {
    return this.#epochVersions[slot] as number;
  }

  deadlineMs(slot: number): number {
    return this.#deadlinesMs[slot] as number;
  }

  flags(slot: number): number {
    return this.#flags[slot] as number;
  }

  start(slot: number): number {
    return this.#starts[slot] as number;
  }

  end(slot: number): number {
    return this.#ends[slot] as number;
  }

  consistency(slot: number): Consistency {
    return this.#consistencies[slot] as Consistency;
  }

  argument(slot: number): number {
    return this.#arguments[slot] as number;
  }

  /** The item has its answer and does not leave. */
  drop(slot: number): void {
    this.#flags[slot] = this.flags(slot) | DROPPED;
  }

  /** Takes the first part out, with its items. */
  shift(): void {
    const part = this.#parts[this.#head];
    if (part === undefined) return;
    this.#oldest += part.items;
    this.#heldBytes -= part.request.length;
    this.#parts[this.#head] = none;
    this.#head++;
    if (this.#head === this.#parts.length) {
      this.#parts.length = 0;
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#parts = this.#parts.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Calls back for each item that waits, with its part. The queue must not change meanwhile. */
  each(visit: (part: Part, slot: number) => void): void {
    let place = 0;
    for (let at = this.#head; at < this.#parts.length; at++) {
      const part = this.#parts[at] as Part;
      for (let item = 0; item < part.items; item++) visit(part, this.slotAt(place++));
    }
  }

  #grow(): void {
    const size = (this.#mask + 1) * 2;
    this.#originIds = this.#moved(this.#originIds, new Float64Array(size));
    this.#partitionIds = this.#moved(this.#partitionIds, new Float64Array(size));
    this.#epochVersions = this.#moved(this.#epochVersions, new Float64Array(size));
    this.#deadlinesMs = this.#moved(this.#deadlinesMs, new Float64Array(size));
    this.#flags = this.#moved(this.#flags, new Uint8Array(size));
    this.#consistencies = this.#moved(this.#consistencies, new Uint8Array(size));
    this.#arguments = this.#moved(this.#arguments, new Float64Array(size));
    this.#starts = this.#moved(this.#starts, new Uint32Array(size));
    this.#ends = this.#moved(this.#ends, new Uint32Array(size));
    this.#mask = size - 1;
  }

  #moved<A extends Float64Array | Uint32Array | Uint8Array>(small: A, big: A): A {
    const from = small.length - 1;
    const to = big.length - 1;
    for (let at = this.#oldest; at < this.#next; at++) big[at & to] = small[at & from] as number;
    return big;
  }
}

const nobody: Origin = {
  isGone: true,
  written() {},
  found() {},
  absent() {},
  failed() {},
};
/** What stands where a part was, so that its message is not held. */
const none: Part = { origin: nobody, request: new Uint8Array(0), items: 0, sizeBytes: 0 };
