import {
  previousBytes,
  type WatchedChange,
  type WatchedValue,
  watchEventBytes,
  watchKeyOffset,
  writePrevious,
  writeWatchEvent,
} from '@dougdb/rpc-proto';
import { compareKeyBytes } from '../state/key-range.js';

/** What an event costs in the index of its chunk. */
const INDEX_BYTES = 4 + 2 + 4 + 8 + 1;
/** Events that a chunk has room for, by its size. */
const BYTES_PER_SLOT = 64;
/** Most events of a chunk. */
export const MAX_CHUNK_EVENTS = 4096;

/**
 * Changes, each as the WatchEvent that tells it, one behind the other in one buffer: what goes to many
 * watchers is encoded once. It only grows; nothing is made for an event.
 */
export class EventChunk {
  readonly #bytes: Uint8Array;
  /** Where each event begins; one more than there are events. */
  readonly #starts: Uint32Array;
  readonly #keyLengths: Uint16Array;
  readonly #keyStarts: Uint32Array;
  readonly #revisions: Float64Array;
  /** 1: a delete. */
  readonly #kinds: Uint8Array;
  #count = 0;

  /** @param capacityBytes - of encoded events */
  constructor(capacityBytes: number) {
    const slots = Math.min(MAX_CHUNK_EVENTS, Math.ceil(capacityBytes / BYTES_PER_SLOT));
    this.#bytes = new Uint8Array(Math.ceil(capacityBytes));
    this.#starts = new Uint32Array(slots + 1);
    this.#keyLengths = new Uint16Array(slots);
    this.#keyStarts = new Uint32Array(slots);
    this.#revisions = new Float64Array(slots);
    this.#kinds = new Uint8Array(slots);
  }

  get count(): number {
    return this.#count;
  }

  /** What it holds of memory, full or not. */
  get memoryBytes(): number {
    return this.#bytes.length + this.#kinds.length * INDEX_BYTES;
  }

  /** False when there is no room: then nothing was added. */
  add(change: WatchedChange): boolean {
    const at = this.#count;
    const start = this.#starts[at] ?? 0;
    if (at === this.#kinds.length || start + watchEventBytes(change) > this.#bytes.length) {
      return false;
    }
    this.#keyStarts[at] = start + watchKeyOffset(change);
    this.#keyLengths[at] = change.key.length;
    this.#revisions[at] = change.revision;
    this.#kinds[at] = change.isDelete ? 1 : 0;
    this.#starts[at + 1] = writeWatchEvent(this.#bytes, start, change);
    this.#count = at + 1;
    return true;
  }

  /** Adds an event of another chunk. False when there is no room. */
  addFrom(other: EventChunk, index: number): boolean {
    const at = this.#count;
    const start = this.#starts[at] ?? 0;
    const from = other.#starts[index] ?? 0;
    const sizeBytes = other.eventBytes(index);
    if (at === this.#kinds.length || start + sizeBytes > this.#bytes.length) return false;
    this.#bytes.set(other.#bytes.subarray(from, from + sizeBytes), start);
    this.#keyStarts[at] = start + (other.#keyStarts[index] ?? 0) - from;
    this.#keyLengths[at] = other.#keyLengths[index] ?? 0;
    this.#revisions[at] = other.revision(index);
    this.#kinds[at] = other.#kinds[index] ?? 0;
    this.#starts[at + 1] = start + sizeBytes;
    this.#count = at + 1;
    return true;
  }

  revision(index: number): number {
    return this.#revisions[index] ?? 0;
  }

  isDelete(index: number): boolean {
    return this.#kinds[index] === 1;
  }

  /** A view. */
  key(index: number): Uint8Array {
    const start = this.#keyStarts[index] ?? 0;
    return this.#bytes.subarray(start, start + (this.#keyLengths[index] ?? 0));
  }

  /** Order of the key of an event against another key. */
  compareKey(index: number, key: Uint8Array): number {
    const start = this.#keyStarts[index] ?? 0;
    return compareKeyBytes(this.#bytes, start, start + (this.#keyLengths[index] ?? 0), key);
  }

  eventBytes(index: number): number {
    return (this.#starts[index + 1] ?? 0) - (this.#starts[index] ?? 0);
  }

  /** Copies an encoded event. @returns the offset behind it */
  copyEvent(index: number, target: Uint8Array, at: number): number {
    const start = this.#starts[index] ?? 0;
    const end = this.#starts[index + 1] ?? 0;
    target.set(this.#bytes.subarray(start, end), at);
    return at + end - start;
  }
}

/** Length of an event with what was there before. */
export function fullEventBytes(
  chunk: EventChunk,
  index: number,
  previous: WatchedValue | null,
): number {
  return chunk.eventBytes(index) + (previous === null ? 0 : previousBytes(previous));
}

/** Copies an event with what was there before. @returns the offset behind it */
export function copyFullEvent(
  chunk: EventChunk,
  index: number,
  previous: WatchedValue | null,
  target: Uint8Array,
  at: number,
): number {
  const end = chunk.copyEvent(index, target, at);
  return previous === null ? end : writePrevious(target, end, previous);
}
