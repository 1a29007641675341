import type { FrameKind } from '../format.js';

/** A closed frame with its place in the stream, waiting to be written. */
export interface QueuedFrame {
  readonly kind: FrameKind;
  readonly segment: number;
  readonly offset: number;
  readonly seq: number;
  readonly sizeBytes: number;
  readonly entryCount: number;
  readonly oldestSegment: number;
  readonly directory: Uint8Array;
  readonly payload: readonly Uint8Array[];
  readonly payloadLength: number;
  /** Data frames closed up to and with this one: what waiters count. */
  readonly ordinal: number;
  /** EntryCache.mark() when it was closed; 0 of a frame without entries. */
  readonly cacheMark: number;
  /** Of a seal: size that the next segment must have. */
  readonly nextCapacityBytes: number;
}

/** Frames between encoder and disk, first in, first out. */
export class FrameQueue {
  #frames: QueuedFrame[] = [];
  #head = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(frame: QueuedFrame): void {
    this.#frames.push(frame);
    this.#bytes += frame.sizeBytes;
  }

  peek(): QueuedFrame | undefined {
    return this.#frames[this.#head];
  }

  shift(): void {
    const frame = this.#frames[this.#head];
    if (frame === undefined) return;
    this.#bytes -= frame.sizeBytes;
    this.#head++;
    if (this.#head === this.#frames.length) {
      this.#frames = [];
      this.#head = 0;
    }
  }

  clear(): void {
    this.#frames = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}
