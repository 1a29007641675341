import { type WalEntry, WalError, WalErrorCode } from '../contract.js';
import { MAX_OPERATION_BYTES } from '../format.js';
import type { ResolvedOptions } from '../usage.js';
import type { Flusher } from './flusher.js';
import type { FrameQueue } from './frame-queue.js';
import type { FrameWriter } from './frame-writer.js';
import type { SpareSegment } from './spare-segment.js';
import type { StreamCursor } from './stream-cursor.js';

/** Kept free of entries in a segment that has no successor, so that logs can still be compacted. */
const FACT_RESERVE_BYTES = 64 * 1024;
/** Head, hint and padding of one frame, at most. */
const FRAME_OVERHEAD_BYTES = 128;

export interface AdmissionParts {
  readonly options: ResolvedOptions;
  readonly spare: SpareSegment;
  readonly cursor: StreamCursor;
  readonly writer: FrameWriter;
  readonly queue: FrameQueue;
  readonly flusher: Flusher;
}

/**
 * Refuses operations for which there is no room, before anything is changed: in memory, when the disk is
 * slower than the host, and on the disk, when there is no space for a next segment.
 */
export class Admission {
  readonly #parts: AdmissionParts;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** Bytes queued or written that are not durable yet. */
  get queuedBytes(): number {
    const { writer, queue, flusher } = this.#parts;
    return writer.openBytes + queue.bytes + flusher.unsyncedBytes;
  }

  /** What can be queued and is certain to find its space on the disk. */
  get roomBytes(): number {
    const { spare, cursor, writer, flusher } = this.#parts;
    if (!spare.lacksSpace) return Number.POSITIVE_INFINITY;
    if (cursor.segment !== flusher.activeSegment) return 0;
    return cursor.roomBytes(writer.openLogs + 1) - writer.openBytes;
  }

  /** Without a next segment entries are taken as long as they fit into this one. @throws WalError WAL_BUSY, WAL_NO_SPACE */
  checkEntries(entries: readonly WalEntry[]): void {
    const { maxFrameBytes, maxQueuedBytes, segmentBytes } = this.#parts.options;
    const { queuedBytes } = this;
    const isCrowded = queuedBytes > 0 && queuedBytes + dataBytes(entries) > maxQueuedBytes;
    if (isCrowded && entries.length > 0) {
      throw new WalError(
        WalErrorCode.Busy,
        `${queuedBytes} bytes wait for the disk: try again when a sync has called back`,
      );
    }
    if (!this.#parts.spare.lacksSpace) return;
    const reserve = Math.min(FACT_RESERVE_BYTES, Math.floor(segmentBytes / 16));
    if (frameBytesAtMost(entries, maxFrameBytes) + reserve > this.roomBytes) throw this.#noSpace();
  }

  /** @throws WalError WAL_NO_SPACE */
  checkFact(): void {
    const bytes = 2 * MAX_OPERATION_BYTES + FRAME_OVERHEAD_BYTES;
    if (this.#parts.spare.lacksSpace && bytes > this.roomBytes) throw this.#noSpace();
  }

  #noSpace(): WalError {
    const message = `the disk of ${this.#parts.options.dir} has no space for the next segment`;
    return new WalError(WalErrorCode.NoSpace, message);
  }
}

function dataBytes(entries: readonly WalEntry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.data.length;
  return bytes;
}

/** No fewer bytes than the frames of these entries will have. */
function frameBytesAtMost(entries: readonly WalEntry[], maxFrameBytes: number): number {
  const bytes = dataBytes(entries) + entries.length * MAX_OPERATION_BYTES;
  return bytes + (Math.ceil((2 * bytes) / maxFrameBytes) + 2) * FRAME_OVERHEAD_BYTES;
}
