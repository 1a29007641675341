import { FrameKind, frameBytes, SEGMENT_HEADER_BYTES } from '../format.js';
import type { SegmentLedger } from '../log/segment-ledger.js';
import { encodeSeal, SpanTally, sealBytesAtMost } from '../seal.js';
import type { FrameQueue } from './frame-queue.js';

export interface Place {
  readonly segment: number;
  readonly offset: number;
  readonly seq: number;
}

/**
 * Where the next frame will stand. It runs ahead of the disk: a frame has its place from the moment it is
 * closed, and where a segment ends is decided here, not when it is written.
 */
export class StreamCursor {
  readonly #ledger: SegmentLedger;
  readonly #queue: FrameQueue;
  readonly #segmentBytes: number;
  readonly #tally = new SpanTally();
  #segment: number;
  #offset = SEGMENT_HEADER_BYTES;
  #capacityBytes: number;
  #nextSeq: number;
  #oldestSegment: number;
  #ordinal = 0;
  #isSealed = false;

  /** Begins in an empty segment, of which the ledger has an account already. */
  constructor(
    segment: number,
    nextSeq: number,
    oldestSegment: number,
    segmentBytes: number,
    ledger: SegmentLedger,
    queue: FrameQueue,
  ) {
    this.#segment = segment;
    this.#nextSeq = nextSeq;
    this.#oldestSegment = oldestSegment;
    this.#segmentBytes = segmentBytes;
    this.#capacityBytes = segmentBytes;
    this.#ledger = ledger;
    this.#queue = queue;
  }

  get segment(): number {
    return this.#segment;
  }

  /** The newest closed frame says that older segments are not needed. */
  get oldestSegment(): number {
    return this.#oldestSegment;
  }

  /** Data frames closed so far. */
  get ordinal(): number {
    return this.#ordinal;
  }

  /** Bytes that frames with entries of so many more logs may still take in this segment. */
  roomBytes(newLogs: number): number {
    return this.#capacityBytes - this.#offset - this.#sealBytes(newLogs);
  }

  /** Takes the place of a frame; the segment before is sealed if it does not fit there. */
  take(sizeBytes: number, newLogs: number): Place {
    if (this.#isSealed) throw new RangeError(`segment ${this.#segment} is sealed`);
    if (sizeBytes > this.roomBytes(newLogs)) this.#rotate(sizeBytes, newLogs);
    const place = { segment: this.#segment, offset: this.#offset, seq: this.#nextSeq };
    this.#offset += sizeBytes;
    this.#nextSeq++;
    return place;
  }

  /** An entry of the frame that was placed last. */
  tally(logId: number, index: number): void {
    this.#tally.add(logId, index);
  }

  /** The frame that was placed last is complete: what its operations left without use is not needed. */
  advanceOldest(): void {
    this.#oldestSegment = this.#ledger.oldestNeeded();
  }

  countDataFrame(): number {
    return ++this.#ordinal;
  }

  /** A frame that carries a promise only. False: it would need the next segment and may not. */
  queueMarker(mayRotate: boolean): boolean {
    const sizeBytes = frameBytes(0, 0);
    if (sizeBytes > this.roomBytes(0)) {
      if (!mayRotate) return false;
      this.#rotate(sizeBytes, 0);
    }
    this.#queueBare(FrameKind.Marker, new Uint8Array(0), sizeBytes, 0);
    return true;
  }

  /** Ends this segment: nothing else may be placed in it. */
  queueSeal(nextCapacityBytes: number): void {
    const directory = encodeSeal({
      framesCrc: 0,
      liveEntries: this.#ledger.liveEntries(this.#segment),
      liveBytes: this.#ledger.liveBytes(this.#segment),
      logs: this.#tally.spans(),
    });
    const sizeBytes = frameBytes(directory.length, 0);
    this.#queueBare(FrameKind.Seal, directory, sizeBytes, nextCapacityBytes);
    this.#isSealed = true;
  }

  #rotate(sizeBytes: number, newLogs: number): void {
    const least = SEGMENT_HEADER_BYTES + sizeBytes + sealBytesAtMost(newLogs);
    const capacityBytes = Math.max(this.#segmentBytes, least);
    this.queueSeal(capacityBytes);
    this.#tally.clear();
    this.#segment++;
    this.#offset = SEGMENT_HEADER_BYTES;
    this.#capacityBytes = capacityBytes;
    this.#isSealed = false;
    this.#ledger.open(this.#segment);
  }

  #queueBare(
    kind: FrameKind,
    directory: Uint8Array,
    sizeBytes: number,
    nextCapacityBytes: number,
  ): void {
    this.#queue.push({
      kind,
      segment: this.#segment,
      offset: this.#offset,
      seq: this.#nextSeq,
      sizeBytes,
      entryCount: 0,
      // Not advanced: operations of the frame that made us rotate come behind this one in the stream.
      oldestSegment: this.#oldestSegment,
      directory,
      payload: [],
      payloadLength: 0,
      ordinal: this.#ordinal,
      cacheMark: 0,
      nextCapacityBytes,
    });
    this.#offset += sizeBytes;
    this.#nextSeq++;
  }

  #sealBytes(newLogs: number): number {
    return sealBytesAtMost(this.#tally.logCount + newLogs);
  }
}
