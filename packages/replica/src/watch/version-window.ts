import { type WatchedChange, watchEventBytes } from '@dougdb/rpc-proto';
import type { Db, VersionIterator } from '@dougdb/sstable';
import { expiresAtOf, userValueOf } from '../format/stored-value.js';
import { compareKeys } from '../state/key-range.js';
import { EventChunk, MAX_CHUNK_EVENTS } from './event-chunk.js';
import type { EventPlace } from './event-place.js';
import type { Ranged } from './range-index.js';
import { positionAt, type WatchPosition } from './watch-position.js';

/** What a window may hold of memory and of events. */
export interface WindowBounds {
  readonly memoryBytes: number;
  readonly events: number;
}

export interface WindowOptions extends Ranged {
  readonly db: Db;
  /** Where the window begins. Its revision must not lie below the history floor. */
  readonly from: WatchPosition;
  /** Revision at which it ends, if so much has room; applied. */
  readonly through: number;
  /** Kinds that nobody wants. */
  readonly noPuts: boolean;
  readonly noDeletes: boolean;
  readonly bounds: WindowBounds;
}

const FIRST_CHUNK_BYTES = 4 << 10;
const MOST_CHUNK_BYTES = 256 << 10;
/** Sorting takes revisions as distances that fit, with the place of an event, into one safe integer. */
const MOST_REVISIONS = 2 ** 32;
const PLACES = 2 ** 20;
const VERSIONS_PER_GLANCE = 32;
/** Versions of other revisions that are passed over before the clock is looked at. */
const PASSED_AT_ONCE = 256;

/**
 * Changes of a range by the versions that the database holds, for those who want to hear of more than a
 * ring remembers. The versions come by key; they are collected and then handed out by revision. Where
 * they are too many the window closes at an earlier revision, and what lies behind is the next one's.
 *
 * INVARIANT(watch-no-gap) rests on this: at and above the history floor no version is ever dropped, be it
 * in a memtable, in one that is frozen, or in tables of any level; an iterator sees each of them in one
 * of these places, whatever is flushed or compacted meanwhile.
 */
export class VersionWindow {
  readonly #options: WindowOptions;
  #iterator: VersionIterator | null;
  #chunks: EventChunk[] = [];
  #memoryBytes = 0;
  #events = 0;
  #through: number;
  /** One revision alone is larger than the window: of that one, `#through`, only keys up to the last one here are. */
  #isCut = false;
  /** Sorted, once all is collected. */
  #order: Float64Array | null = null;
  #at = 0;

  /** @throws SstError */
  constructor(options: WindowOptions) {
    this.#options = options;
    const { db, from, start, end } = options;
    this.#through = Math.min(options.through, from.revision + MOST_REVISIONS);
    this.#iterator = db.versions({
      after: from.revision,
      through: this.#through,
      start,
      ...(end.length === 0 ? {} : { end }),
    });
  }

  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  /** Everything up to here is in the window, once it is collected. */
  get end(): WatchPosition {
    if (!this.#isCut) return positionAt(this.#through);
    const last = this.#chunks.at(-1);
    return last === undefined
      ? positionAt(this.#through - 1)
      : { revision: this.#through - 1, lastKey: last.key(last.count - 1).slice() };
  }

  /** Collects until `isOver`. True when all is collected. @throws SstError */
  collect(isOver: () => boolean): boolean {
    const iterator = this.#iterator;
    if (iterator === null) return true;
    for (let left = VERSIONS_PER_GLANCE; ; ) {
      const found = iterator.step(PASSED_AT_ONCE);
      if (found === 'end') break;
      if (found === 'at') this.#take(iterator);
      else left = 1;
      if (--left > 0) continue;
      if (isOver()) return false;
      left = VERSIONS_PER_GLANCE;
    }
    this.#closeIterator();
    this.#order = this.#sorted();
    return true;
  }

  /** Points at the event that comes next. False when there is none. Only when all is collected. */
  peek(place: EventPlace): boolean {
    const order = this.#order;
    if (order === null || this.#at === order.length) return false;
    const id = (order[this.#at] as number) % PLACES;
    const chunk = this.#chunks[Math.floor(id / MAX_CHUNK_EVENTS)] as EventChunk;
    place.set(chunk, id % MAX_CHUNK_EVENTS);
    return true;
  }

  /** The event of the last peek was taken. */
  advance(): void {
    this.#at++;
  }

  close(): void {
    this.#closeIterator();
    this.#chunks = [];
    this.#memoryBytes = 0;
    this.#events = 0;
    this.#order = null;
  }

  #closeIterator(): void {
    this.#iterator?.close();
    this.#iterator = null;
  }

  #take(iterator: VersionIterator): void {
    const revision = iterator.sequence();
    if (revision > this.#through) return;
    const isDelete = iterator.kind() === 'delete';
    const { noPuts, noDeletes, from, bounds } = this.#options;
    if (isDelete ? noDeletes : noPuts) return;
    const key = iterator.key();
    // INVARIANT(watch-once): below `from.revision` the iterator shows nothing, and of the next one this was told.
    if (revision === from.revision + 1 && isUpTo(key, from.lastKey)) return;
    if (this.#isCut) {
      if (revision === this.#through) return;
      // Something comes before the revision that was cut: all of that is for the next window.
      this.#isCut = false;
      this.#lower(this.#through - 1);
    }
    const stored = { value: iterator.value(), marked: iterator.marked() };
    const value = userValueOf(stored);
    this.#add({ isDelete, revision, key, value, expiresAt: expiresAtOf(stored) });
    if (this.#memoryBytes > bounds.memoryBytes || this.#events > bounds.events) this.#halve();
  }

  #add(change: WatchedChange): void {
    if (!this.#chunks.at(-1)?.add(change)) this.#addChunk(watchEventBytes(change)).add(change);
    this.#events++;
  }

  #addChunk(neededBytes: number): EventChunk {
    const first = Math.min(FIRST_CHUNK_BYTES, this.#options.bounds.memoryBytes / 8);
    const usual = Math.max(first, Math.min(this.#memoryBytes / 4, MOST_CHUNK_BYTES));
    const chunk = new EventChunk(Math.max(usual, neededBytes));
    this.#chunks.push(chunk);
    this.#memoryBytes += chunk.memoryBytes;
    return chunk;
  }

  /** Closes the window at an earlier revision, so that half of what is here has room. */
  #halve(): void {
    const order = this.#sorted();
    const revisionAt = (at: number): number =>
      this.#options.from.revision + Math.floor((order[at] as number) / PLACES);
    const first = revisionAt(0);
    const middle = Math.max(first, revisionAt(this.#middleOf(order)) - 1);
    this.#lower(middle);
    const { memoryBytes, events } = this.#options.bounds;
    // Whoever has told the keys here of this one revision goes on with the others.
    this.#isCut = middle === first && (this.#memoryBytes > memoryBytes || this.#events > events);
  }

  /** Where half of the events, or of their bytes, lie before. */
  #middleOf(order: Float64Array): number {
    let half = 0;
    for (const chunk of this.#chunks) {
      for (let index = 0; index < chunk.count; index++) half += chunk.eventBytes(index) / 2;
    }
    let sizeBytes = 0;
    const most = Math.floor(order.length / 2);
    for (let at = 0; at < most; at++) {
      const id = (order[at] as number) % PLACES;
      const chunk = this.#chunks[Math.floor(id / MAX_CHUNK_EVENTS)] as EventChunk;
      sizeBytes += chunk.eventBytes(id % MAX_CHUNK_EVENTS);
      if (sizeBytes > half) return at;
    }
    return most;
  }

  /** Drops what lies above a revision. */
  #lower(through: number): void {
    const before = this.#chunks;
    this.#through = through;
    this.#chunks = [];
    this.#memoryBytes = 0;
    this.#events = 0;
    for (const chunk of before) {
      for (let index = 0; index < chunk.count; index++) {
        if (chunk.revision(index) <= through) this.#keep(chunk, index);
      }
    }
  }

  #keep(chunk: EventChunk, index: number): void {
    if (!this.#chunks.at(-1)?.addFrom(chunk, index)) {
      this.#addChunk(chunk.eventBytes(index)).addFrom(chunk, index);
    }
    this.#events++;
  }

  /**
   * Places of the events, by revision and then by key: (revision - from) * PLACES + place. They were added
   * by key, so that equal revisions are in order by their places.
   */
  #sorted(): Float64Array {
    const order = new Float64Array(this.#events);
    let at = 0;
    for (const [number, chunk] of this.#chunks.entries()) {
      for (let index = 0; index < chunk.count; index++) {
        const distance = chunk.revision(index) - this.#options.from.revision;
        order[at++] = distance * PLACES + number * MAX_CHUNK_EVENTS + index;
      }
    }
    return order.sort();
  }
}

function isUpTo(key: Uint8Array, lastKey: Uint8Array): boolean {
  return lastKey.length > 0 && compareKeys(key, lastKey) <= 0;
}
