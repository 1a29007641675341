import { type WatchedChange, watchEventBytes } from '@dougdb/rpc-proto';
import { broken } from '../replica-error.js';
import type { ChangeSink } from './change-sink.js';
import { EventChunk } from './event-chunk.js';
import type { EventPlace } from './event-place.js';
import type { WatchPosition } from './watch-position.js';

const FIRST_CHUNK_BYTES = 16 << 10;
const MOST_CHUNK_BYTES = 256 << 10;

interface RingChunk {
  readonly events: EventChunk;
  /** Ordinal of its first event. */
  readonly first: number;
}

/**
 * The newest changes of a partition, in order, each under an ordinal that is never used again. When its
 * memory is full it forgets the oldest. It is empty, and hears nothing, while it is off.
 */
export class ChangeRing implements ChangeSink {
  readonly #capacityBytes: number;
  readonly #firstBytes: number;
  #isOn = false;
  #chunks: RingChunk[] = [];
  #memoryBytes = 0;
  #firstOrdinal = 0;
  #endOrdinal = 0;
  #afterRevision = 0;
  #lastRevision = 0;

  /** @param capacityBytes - memory that it holds at most, beside one chunk */
  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes;
    this.#firstBytes = Math.min(FIRST_CHUNK_BYTES, capacityBytes / 8);
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  /** It holds every change above this revision. */
  get afterRevision(): number {
    return this.#afterRevision;
  }

  /** Of the oldest event here. */
  get firstOrdinal(): number {
    return this.#firstOrdinal;
  }

  /** Of the next event. */
  get endOrdinal(): number {
    return this.#endOrdinal;
  }

  /** Begins to hear, empty. @param revision - applied: what follows is above it */
  start(revision: number): void {
    this.#isOn = true;
    this.#afterRevision = revision;
    this.#lastRevision = revision;
  }

  /** Forgets everything and hears nothing more. */
  stop(): void {
    this.#isOn = false;
    this.#chunks = [];
    this.#memoryBytes = 0;
    this.#firstOrdinal = this.#endOrdinal;
  }

  put(revision: number, key: Uint8Array, value: Uint8Array, expiresAt: number): void {
    this.#add({ isDelete: false, revision, key, value, expiresAt });
  }

  delete(revision: number, key: Uint8Array): void {
    this.#add({ isDelete: true, revision, key, value: NO_VALUE, expiresAt: 0 });
  }

  /** Points at an event that is here. */
  read(ordinal: number, place: EventPlace): void {
    const { events, first } = this.#chunks[this.#chunkOf(ordinal)] as RingChunk;
    place.set(events, ordinal - first);
  }

  /** The first event behind a position, which must not lie below `afterRevision`. */
  behind({ revision, lastKey }: WatchPosition): number {
    let low = this.#firstOrdinal;
    let high = this.#endOrdinal;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#isTold(middle, revision, lastKey)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isTold(ordinal: number, revision: number, lastKey: Uint8Array): boolean {
    const { events, first } = this.#chunks[this.#chunkOf(ordinal)] as RingChunk;
    const at = events.revision(ordinal - first);
    // INVARIANT(watch-once): what a position says was told is not told again.
    if (at !== revision + 1) return at <= revision;
    return lastKey.length > 0 && events.compareKey(ordinal - first, lastKey) <= 0;
  }

  #add(change: WatchedChange): void {
    this.#checkOrder(change);
    const last = this.#chunks.at(-1);
    if (!last?.events.add(change)) this.#addChunk(change);
    this.#endOrdinal++;
  }

  #checkOrder({ revision, key }: WatchedChange): void {
    const isNext = revision > this.#lastRevision || this.#isBehindLast(revision, key);
    // INVARIANT(watch-order): changes are told by revision, within a revision by key, each once.
    if (!isNext) {
      broken('watch-order', `change at revision ${revision} after one at ${this.#lastRevision}`);
    }
    this.#lastRevision = revision;
  }

  /** Whether the change comes after the last one at the same revision. */
  #isBehindLast(revision: number, key: Uint8Array): boolean {
    const events = this.#chunks.at(-1)?.events;
    if (events === undefined || revision !== this.#lastRevision) return false;
    const last = events.count - 1;
    return events.revision(last) === revision && events.compareKey(last, key) < 0;
  }

  #addChunk(change: WatchedChange): void {
    // A partition with few changes keeps a small ring.
    const usual = Math.max(this.#firstBytes, Math.min(this.#memoryBytes / 8, MOST_CHUNK_BYTES));
    const events = new EventChunk(Math.max(usual, watchEventBytes(change)));
    events.add(change);
    this.#chunks.push({ events, first: this.#endOrdinal });
    this.#memoryBytes += events.memoryBytes;
    while (this.#chunks.length > 1 && this.#memoryBytes > this.#capacityBytes) this.#forget();
  }

  #forget(): void {
    const [oldest, next] = this.#chunks as [RingChunk, RingChunk];
    this.#chunks.shift();
    this.#memoryBytes -= oldest.events.memoryBytes;
    this.#firstOrdinal = next.first;
    // Of its last revision there may be more in the next chunk: that one is not whole any more.
    this.#afterRevision = oldest.events.revision(oldest.events.count - 1);
  }

  #chunkOf(ordinal: number): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#chunks[middle] as RingChunk).first <= ordinal) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

const NO_VALUE = new Uint8Array(0);
