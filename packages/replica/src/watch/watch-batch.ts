import {
  beginWatchEvent,
  type EncodedWatchEvents,
  type WatchedValue,
  watchEventFieldBytes,
} from '@dougdb/rpc-proto';
import { copyFullEvent, type EventChunk, fullEventBytes } from './event-chunk.js';
import type { EventPlace } from './event-place.js';

/** Events on their way into one message. It points at them: they are copied once, into the message. */
export class WatchBatch implements EncodedWatchEvents {
  readonly #chunks: EventChunk[] = [];
  readonly #indexes: number[] = [];
  readonly #previous: (WatchedValue | null)[] = [];
  #sizeBytes = 0;

  get count(): number {
    return this.#indexes.length;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  add({ chunk, index }: EventPlace, previous: WatchedValue | null): void {
    if (chunk === null) return;
    this.#chunks.push(chunk);
    this.#indexes.push(index);
    this.#previous.push(previous);
    this.#sizeBytes += watchEventFieldBytes(fullEventBytes(chunk, index, previous));
  }

  /** Revision of the last event. */
  get lastRevision(): number {
    const at = this.count - 1;
    return this.#chunks[at]?.revision(this.#indexes[at] ?? 0) ?? 0;
  }

  /** A copy of the key of the last event. */
  lastKey(): Uint8Array {
    const at = this.count - 1;
    return this.#chunks[at]?.key(this.#indexes[at] ?? 0).slice() ?? new Uint8Array(0);
  }

  writeTo(target: Uint8Array, at: number): number {
    let pos = at;
    for (const [number, chunk] of this.#chunks.entries()) {
      const index = this.#indexes[number] ?? 0;
      const previous = this.#previous[number] ?? null;
      pos = beginWatchEvent(target, pos, fullEventBytes(chunk, index, previous));
      pos = copyFullEvent(chunk, index, previous, target, pos);
    }
    return pos;
  }

  clear(): void {
    this.#chunks.length = 0;
    this.#indexes.length = 0;
    this.#previous.length = 0;
    this.#sizeBytes = 0;
  }
}
