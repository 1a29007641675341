import type { EventChunk } from './event-chunk.js';

/** Points at an event: filled in by a source of events, and valid as long as it is kept. */
export class EventPlace {
  chunk: EventChunk | null = null;
  index = 0;

  set(chunk: EventChunk, index: number): void {
    this.chunk = chunk;
    this.index = index;
  }

  /** Lets go of the memory behind it. */
  clear(): void {
    this.chunk = null;
  }
}
