import { type Clock, crc32, type File, type Timer } from '@dougdb/ports';
import {
  encodeFrameHead,
  encodeSegmentHeader,
  FRAME_HEADER_BYTES,
  FrameKind,
  HeadSeed,
} from '../format.js';
import { putU32 } from '../little-endian.js';
import type { EntryCache } from '../read/entry-cache.js';
import type { SegmentFiles } from '../read/segment-files.js';
import { setFramesCrc } from '../seal.js';
import { type Telemetry, WalEvent } from '../telemetry.js';
import type { DurableWaiters } from './durable-waiters.js';
import type { FrameQueue, QueuedFrame } from './frame-queue.js';
import type { FrameWriter } from './frame-writer.js';
import type { SpareSegment } from './spare-segment.js';
import type { StreamCursor } from './stream-cursor.js';

/** The last frame of a burst is promised within this time (sync marker). */
const MARKER_DELAY_MS = 100;
/** The buffer that frames are put together in begins small and grows to this; larger frames take their own. */
const SCRATCH_BYTES = 2 * 1024 * 1024;
const FIRST_SCRATCH_BYTES = 16 * 1024;

export interface FlusherParts {
  readonly clock: Clock;
  readonly walId: Uint8Array;
  readonly segmentBytes: number;
  readonly files: SegmentFiles;
  readonly spare: SpareSegment;
  readonly cursor: StreamCursor;
  readonly writer: FrameWriter;
  readonly queue: FrameQueue;
  readonly cache: EntryCache;
  readonly waiters: DurableWaiters;
  readonly telemetry: Telemetry;
  /** Called before the open frame is closed for a flush: the collector's turn. */
  readonly beforeFlush: () => void;
  /** A frame is durable that tells that older segments are not needed. */
  readonly onOldest: (oldestSegment: number) => void;
  readonly onFailure: (error: unknown) => void;
}

/** The segment to be begun with the next frame. */
export interface NextSegment {
  readonly segment: number;
  readonly firstSeq: number;
  readonly previousSealCrc: number;
  readonly capacityBytes: number;
}

interface ActiveSegment {
  readonly segment: number;
  readonly file: File;
  readonly seed: HeadSeed;
  framesCrc: number;
}

/**
 * Brings closed frames to the disk: writes what there is, makes it durable with one datasync, tells the
 * waiters, and begins again with what came meanwhile. There is never more than one datasync of the log
 * under way. A segment's seal is durable before the header of the next one is written, and the header
 * before the first frame behind it.
 */
export class Flusher {
  readonly #parts: FlusherParts;
  #next: NextSegment;
  #active: ActiveSegment | null = null;
  /** Ends synchronously with the run, so that no wake-up falls between; the promise is for waiting only. */
  #isRunning = false;
  #run: Promise<void> = Promise.resolve();
  #scheduled = false;
  #forced = false;
  #isSealing = false;
  #stopped = false;
  #idleTimer: Timer | null = null;
  #durableSeq: number;
  #durableOrdinal = 0;
  #lastKind: FrameKind = FrameKind.Marker;
  #writtenEnd = 0;
  #unsyncedBytes = 0;
  #bytes = 0;
  #syncs = 0;
  #scratch = new Uint8Array(FIRST_SCRATCH_BYTES);
  readonly #crcBytes = new Uint8Array(4);

  constructor(parts: FlusherParts, next: NextSegment) {
    this.#parts = parts;
    this.#next = next;
    this.#durableSeq = next.firstSeq - 1;
  }

  /** Frames written, bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Datasyncs of the log done. */
  get syncs(): number {
    return this.#syncs;
  }

  /** Bytes written that no datasync has covered. */
  get unsyncedBytes(): number {
    return this.#unsyncedBytes;
  }

  /** The segment that is being written; 0 between two. */
  get activeSegment(): number {
    return this.#active?.segment ?? 0;
  }

  /** Segments below this one are sealed, and durable with their seal. */
  get openSegment(): number {
    return this.#active?.segment ?? this.#next.segment;
  }

  /** Asks for a flush of all that is queued now: on the next turn, or when the one under way has ended. */
  schedule(): void {
    if (this.#isRunning || this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#parts.clock.defer(() => {
      this.#scheduled = false;
      void this.#start();
    });
  }

  /** Something was queued that nobody may ever sync: it goes out with the marker's timer. */
  noteQueued(): void {
    if (!this.#isRunning && !this.#scheduled) this.#armIdleTimer();
  }

  /** Makes the header of the first segment durable, if it has its space. */
  async begin(): Promise<void> {
    this.#active = await this.#activate();
  }

  /**
   * Flushes, seals and stops. Where that fails the waiters and onFailure are told, and it resolves.
   * @throws what the last truncation throws
   */
  async finish(): Promise<void> {
    this.#cancelIdleTimer();
    while (this.#isRunning) await this.#run;
    this.#forced = true;
    await this.#start();
    if (this.#stopped) return;
    // Nothing may follow the seal, not even what the collector would write.
    this.#isSealing = true;
    // Without an active segment and without frames there is nothing that a seal could end.
    if (this.#active !== null || this.#parts.queue.peek() !== undefined) {
      this.#parts.cursor.queueSeal(this.#parts.segmentBytes);
    }
    await this.#start();
    if (this.#stopped) return;
    this.stop();
    // Zeros behind the seal are of no use to anyone.
    if (this.#lastKind !== FrameKind.Seal) return;
    this.#parts.files.get(this.#next.segment - 1).truncateSync(this.#writtenEnd);
  }

  /** Nothing is written any more. */
  stop(): void {
    this.#stopped = true;
    this.#cancelIdleTimer();
  }

  #start(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#run = this.#flushAll();
    }
    return this.#run;
  }

  async #flushAll(): Promise<void> {
    const { writer, beforeFlush, onFailure } = this.#parts;
    try {
      while (this.#hasWork()) {
        this.#forced = false;
        if (!this.#isSealing) beforeFlush();
        writer.close();
        await this.#flush();
      }
    } catch (error) {
      this.stop();
      onFailure(error);
    }
    this.#isRunning = false;
    this.#armIdleTimer();
  }

  #hasWork(): boolean {
    if (this.#stopped) return false;
    return this.#forced || !this.#parts.waiters.isEmpty || this.#parts.queue.peek() !== undefined;
  }

  /** One datasync at most. */
  async #flush(): Promise<void> {
    const { queue, waiters, onOldest } = this.#parts;
    // Whoever found nothing queued waits for nothing.
    waiters.settle(this.#durableOrdinal);
    if (queue.peek() === undefined) return;
    const active = this.#active ?? (await this.#activate());
    if (this.#stopped) return;
    this.#active = active;
    const last = this.#writeQueued(active);
    await this.#datasync(active.file);
    if (this.#stopped) return;
    this.#durableSeq = last.seq;
    this.#durableOrdinal = last.ordinal;
    this.#lastKind = last.kind;
    this.#unsyncedBytes = 0;
    if (last.kind === FrameKind.Seal) this.#active = null;
    // INVARIANT(acked-entry-survives): told only now, when all up to the last frame is on the disk.
    waiters.settle(last.ordinal);
    onOldest(last.oldestSegment);
  }

  /** Writes the queued frames of this segment; answers the last one. */
  #writeQueued(active: ActiveSegment): QueuedFrame {
    const { queue } = this.#parts;
    let last: QueuedFrame | null = null;
    for (let frame = queue.peek(); frame?.segment === active.segment; frame = queue.peek()) {
      this.#write(active, frame);
      queue.shift();
      last = frame;
    }
    if (last === null) throw new RangeError(`segment ${active.segment} is open but not the next`);
    return last;
  }

  #write(active: ActiveSegment, frame: QueuedFrame): void {
    const { sizeBytes, directory, payloadLength } = frame;
    const bytes = this.#buffer(sizeBytes);
    const isSeal = frame.kind === FrameKind.Seal;
    if (isSeal) setFramesCrc(directory, active.framesCrc);
    bytes.set(directory, FRAME_HEADER_BYTES);
    const payloadStart = FRAME_HEADER_BYTES + directory.length;
    let at = payloadStart;
    for (const run of frame.payload) {
      bytes.set(run, at);
      at += run.length;
    }
    bytes.fill(0, at, sizeBytes);
    const head = {
      seq: frame.seq,
      syncedSeq: this.#durableSeq,
      directoryLength: directory.length,
      payloadLength,
      payloadCrc: crc32(bytes, 0, payloadStart, at),
      kind: frame.kind,
      entryCount: frame.entryCount,
      oldestSegment: frame.oldestSegment,
    };
    const headCrc = encodeFrameHead(bytes, 0, head, active.seed.at(frame.offset));
    active.file.writeSync(bytes, 0, sizeBytes, frame.offset);
    this.#parts.cache.written(frame.cacheMark);
    this.#parts.telemetry.bytes.add(sizeBytes);
    this.#bytes += sizeBytes;
    this.#unsyncedBytes += sizeBytes;
    this.#writtenEnd = frame.offset + sizeBytes;
    if (isSeal) {
      const { segment, seq } = frame;
      const capacityBytes = frame.nextCapacityBytes;
      const firstSeq = seq + 1;
      this.#next = { segment: segment + 1, firstSeq, previousSealCrc: headCrc, capacityBytes };
    } else {
      putU32(this.#crcBytes, 0, headCrc);
      active.framesCrc = crc32(this.#crcBytes, active.framesCrc);
    }
  }

  #buffer(sizeBytes: number): Uint8Array {
    if (sizeBytes > SCRATCH_BYTES) return new Uint8Array(sizeBytes);
    let length = this.#scratch.length;
    while (length < sizeBytes) length *= 2;
    if (length > this.#scratch.length) this.#scratch = new Uint8Array(length);
    return this.#scratch;
  }

  /** Waits for the next segment's space and makes its header durable. */
  async #activate(): Promise<ActiveSegment> {
    const { spare, files, walId, segmentBytes, telemetry } = this.#parts;
    const { segment, firstSeq, previousSealCrc, capacityBytes } = this.#next;
    const file = await spare.take(segment, capacityBytes);
    files.put(segment, file);
    const header = encodeSegmentHeader({
      segment,
      walId,
      firstSeq,
      previousSealCrc,
      capacityBytes: file.sizeSync(),
    });
    file.writeSync(header, 0, header.length, 0);
    await this.#datasync(file);
    telemetry.logger.debug(WalEvent.SegmentOpened, { segment });
    spare.prepare(segment + 1, segmentBytes);
    return { segment, file, seed: new HeadSeed(walId, segment), framesCrc: 0 };
  }

  async #datasync(file: File): Promise<void> {
    const { clock, telemetry } = this.#parts;
    const begunMs = clock.monotonicMs();
    await file.datasync();
    telemetry.fsyncSeconds.observe((clock.monotonicMs() - begunMs) / 1000);
    telemetry.syncs.add(1);
    this.#syncs++;
  }

  #armIdleTimer(): void {
    if (this.#idleTimer !== null || this.#stopped || !this.#hasIdleWork()) return;
    this.#idleTimer = this.#parts.clock.setTimer(MARKER_DELAY_MS, () => {
      this.#idleTimer = null;
      this.#onIdle();
    });
  }

  /** Operations without a sync, or a frame that no later one promises. */
  #hasIdleWork(): boolean {
    return !this.#parts.writer.isEmpty || this.#lastKind === FrameKind.Entries;
  }

  #onIdle(): void {
    // A flush under way arms the timer again when it ends.
    if (this.#stopped || this.#isRunning || this.#scheduled) return;
    if (!this.#parts.writer.isEmpty) this.#forced = true;
    else if (this.#lastKind !== FrameKind.Entries) return;
    else if (!this.#parts.cursor.queueMarker(!this.#parts.spare.lacksSpace)) return;
    void this.#start();
  }

  #cancelIdleTimer(): void {
    this.#idleTimer?.cancel();
    this.#idleTimer = null;
  }
}
