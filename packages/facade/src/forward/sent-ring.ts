import { GHOST, OPEN } from './item-flags.js';
import type { Origin } from './origin.js';

const smallest = 256;

/**
 * The items that one node has and has not answered, by the ids under which it got them: ids count up
 * and are never used again, so that a late answer meets nothing. Typed arrays instead of an object for
 * each item; they grow when one answer is overtaken by many, up to a span at which nothing more may be
 * added.
 *
 * Fields are read by slot, which {@link find} gives; a slot is valid until {@link release}.
 */
export class SentRing {
  readonly #maxSpan: number;
  #mask = smallest - 1;
  #origins = new Array<Origin | null>(smallest).fill(null);
  #originIds = new Float64Array(smallest);
  #partitionIds = new Float64Array(smallest);
  #epochVersions = new Float64Array(smallest);
  #deadlinesMs = new Float64Array(smallest);
  #flags = new Uint8Array(smallest);
  #next: number;
  #oldest: number;
  #size = 0;

  /**
   * @param firstId - what the first item is called
   * @param maxSpan - a power of two: ids between the oldest open item and the newest
   */
  constructor(firstId: number, maxSpan = 65_536) {
    this.#next = firstId;
    this.#oldest = firstId;
    this.#maxSpan = maxSpan;
  }

  /** Items that the node has not answered. */
  get size(): number {
    return this.#size;
  }

  /** The id that the next {@link add} gives. */
  get nextId(): number {
    return this.#next;
  }

  /** No open item is below it. */
  get oldestId(): number {
    return this.#oldest;
  }

  hasRoom(count: number): boolean {
    return this.#next + count - this.#oldest <= this.#maxSpan;
  }

  /** @returns the id of the item. Call only while there is room. */
  add(
    origin: Origin,
    originId: number,
    partitionId: number,
    epochVersion: number,
    deadlineMs: number,
    flags: number,
  ): number {
    if (this.#next - this.#oldest > this.#mask) this.#grow();
    const id = this.#next++;
    const slot = id & this.#mask;
    this.#origins[slot] = origin;
    this.#originIds[slot] = originId;
    this.#partitionIds[slot] = partitionId;
    this.#epochVersions[slot] = epochVersion;
    this.#deadlinesMs[slot] = deadlineMs;
    this.#flags[slot] = flags | OPEN;
    this.#size++;
    return id;
  }

  /** @returns the slot of an open item; -1: answered before, or never sent */
  find(id: number): number {
    if (!(id >= this.#oldest && id < this.#next)) return -1;
    const slot = id & this.#mask;
    return (this.#flagsOf(slot) & OPEN) === 0 ? -1 : slot;
  }

  /** Null: the origin has its answer. */
  origin(slot: number): Origin | null {
    return this.#origins[slot] ?? null;
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

  has(slot: number, flag: number): boolean {
    return (this.#flagsOf(slot) & flag) !== 0;
  }

  /** The origin has its answer; the node still owes one, and the room that it takes there is not free. */
  haunt(slot: number): void {
    this.#origins[slot] = null;
    this.#flags[slot] = this.#flagsOf(slot) | GHOST;
  }

  /** The node has answered. */
  release(id: number): void {
    const slot = id & this.#mask;
    this.#origins[slot] = null;
    this.#flags[slot] = 0;
    this.#size--;
    if (id !== this.#oldest) return;
    while (this.#oldest < this.#next && (this.#flagsOf(this.#oldest & this.#mask) & OPEN) === 0) {
      this.#oldest++;
    }
  }

  #flagsOf(slot: number): number {
    return this.#flags[slot] as number;
  }

  #grow(): void {
    const from = this.#mask;
    const to = (from + 1) * 2 - 1;
    const origins = new Array<Origin | null>(to + 1).fill(null);
    for (let id = this.#oldest; id < this.#next; id++) {
      origins[id & to] = this.#origins[id & from] ?? null;
    }
    this.#origins = origins;
    this.#originIds = this.#moved(this.#originIds, new Float64Array(to + 1));
    this.#partitionIds = this.#moved(this.#partitionIds, new Float64Array(to + 1));
    this.#epochVersions = this.#moved(this.#epochVersions, new Float64Array(to + 1));
    this.#deadlinesMs = this.#moved(this.#deadlinesMs, new Float64Array(to + 1));
    this.#flags = this.#moved(this.#flags, new Uint8Array(to + 1));
    this.#mask = to;
  }

  #moved<A extends Float64Array | Uint8Array>(small: A, big: A): A {
    const from = small.length - 1;
    const to = big.length - 1;
    for (let id = this.#oldest; id < this.#next; id++) big[id & to] = small[id & from] as number;
    return big;
  }
}
