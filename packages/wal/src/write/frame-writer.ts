import type { WalEntry } from '../contract.js';
import {
  FRAME_HEADER_BYTES,
  FrameKind,
  frameBytes,
  MAX_OPERATION_BYTES,
  MAX_OPERATIONS,
  Op,
  putEntryOp,
  putFactOp,
} from '../format.js';
import type { LogState } from '../log/log-state.js';
import type { EntryCache } from '../read/entry-cache.js';
import type { FrameQueue } from './frame-queue.js';
import type { StreamCursor } from './stream-cursor.js';

const INITIAL_DIRECTORY_BYTES = 4096;

/**
 * Encodes operations into the open frame, in the order in which they are called: that order is the
 * stream. A log's state changes in the same call that encodes the operation, and never before the frame
 * that will carry it is the open one, so a closed frame and the state at its closing say the same.
 */
export class FrameWriter {
  readonly #cursor: StreamCursor;
  readonly #queue: FrameQueue;
  readonly #cache: EntryCache;
  readonly #maxFrameBytes: number;

  #directory = new Uint8Array(INITIAL_DIRECTORY_BYTES);
  #directoryLength = 0;
  #operations = 0;
  #payloadLength = 0;
  /** Payload as runs of neighbours in the cache's slabs. */
  #payload: Uint8Array[] = [];
  #runBuffer: ArrayBufferLike | null = null;
  #runStart = 0;
  #runEnd = 0;
  /** Entries of the open frame, in columns; offsets are counted from the start of the payload. */
  #logs: LogState[] = [];
  #indexes: number[] = [];
  #offsets: number[] = [];
  /** Logs of which the frame tells the hint, and those of which it tells the prefix. */
  #touched: LogState[] = [];
  #prefixed: LogState[] = [];
  #serial = 0;

  constructor(cursor: StreamCursor, queue: FrameQueue, cache: EntryCache, maxFrameBytes: number) {
    this.#cursor = cursor;
    this.#queue = queue;
    this.#cache = cache;
    this.#maxFrameBytes = maxFrameBytes;
  }

  get isEmpty(): boolean {
    return this.#operations === 0 && this.#touched.length === 0;
  }

  /** No smaller than the open frame will be. */
  get openBytes(): number {
    return this.isEmpty ? 0 : this.#sizeWith(0);
  }

  /** Logs that the open frame brings to its segment, at most. */
  get openLogs(): number {
    return this.#touched.length;
  }

  /** True if an entry with so much data has to go to the next frame. */
  isFullFor(dataLength: number): boolean {
    if (this.isEmpty) return false;
    const operations = this.#operations + this.#touched.length + 2;
    return operations > MAX_OPERATIONS || this.#sizeWith(dataLength) > this.#maxFrameBytes;
  }

  append(log: LogState, entry: WalEntry): void {
    if (this.isFullFor(entry.data.length)) this.close();
    const kept = this.#keep(entry);
    log.appendPending(kept, this.#indexes.length);
    this.#putEntry(Op.Append, log, kept);
  }

  /** The entry must be the live one at its index. */
  rewrite(log: LogState, entry: WalEntry): void {
    if (this.isFullFor(entry.data.length)) this.close();
    const kept = this.#keep(entry);
    log.rewritePending(kept, this.#indexes.length);
    this.#putEntry(Op.Rewrite, log, kept);
  }

  truncateSuffix(log: LogState, index: number): void {
    this.#putFact(Op.TruncateSuffix, log, index, 0);
    log.cutFrom(index);
  }

  compactPrefix(log: LogState, index: number, term: number): void {
    this.#putFact(Op.CompactPrefix, log, index, term);
    log.compact(index, term);
    this.#prefixed.push(log);
  }

  removeLog(log: LogState): void {
    this.#putFact(Op.RemoveLog, log, 0, 0);
    log.clear();
  }

  /** The open frame is to tell the log's hint as it is when the frame is closed. */
  touch(log: LogState): void {
    if (log.touchedIn === this.#serial) return;
    if (this.isFullFor(0)) this.close();
    log.touchedIn = this.#serial;
    this.#touched.push(log);
  }

  /** Gives the open frame its place and queues it. */
  close(): void {
    if (this.isEmpty) return;
    this.#putHints();
    const sizeBytes = frameBytes(this.#directoryLength, this.#payloadLength);
    const { segment, offset, seq } = this.#cursor.take(sizeBytes, this.#touched.length);
    this.#settle(segment, offset + FRAME_HEADER_BYTES + this.#directoryLength);
    this.#cursor.advanceOldest();
    this.#endRun();
    this.#queue.push({
      kind: FrameKind.Entries,
      segment,
      offset,
      seq,
      sizeBytes,
      entryCount: this.#operations,
      oldestSegment: this.#cursor.oldestSegment,
      directory: this.#directory.slice(0, this.#directoryLength),
      payload: this.#payload,
      payloadLength: this.#payloadLength,
      ordinal: this.#cursor.countDataFrame(),
      cacheMark: this.#cache.mark(),
      nextCapacityBytes: 0,
    });
    this.#reset();
  }

  #keep(entry: WalEntry): WalEntry {
    const { index, term, type, checksum } = entry;
    return { index, term, type, data: this.#cache.copy(entry.data), checksum };
  }

  #putEntry(op: typeof Op.Append | typeof Op.Rewrite, log: LogState, entry: WalEntry): void {
    const { index, term, type, data, checksum } = entry;
    this.#growDirectory();
    this.#directoryLength = putEntryOp(
      this.#directory,
      this.#directoryLength,
      op,
      log.id,
      index,
      term,
      type,
      data.length,
      checksum,
    );
    this.#operations++;
    this.#logs.push(log);
    this.#indexes.push(index);
    this.#offsets.push(this.#payloadLength);
    this.#payloadLength += data.length;
    this.#addToRun(data);
    this.#cache.add(log.table, entry);
    if (log.touchedIn !== this.#serial) {
      log.touchedIn = this.#serial;
      this.#touched.push(log);
    }
  }

  #putFact(
    op: typeof Op.TruncateSuffix | typeof Op.CompactPrefix | typeof Op.RemoveLog,
    log: LogState,
    index: number,
    term: number,
  ): void {
    if (this.isFullFor(0)) this.close();
    this.#growDirectory();
    const at = this.#directoryLength;
    this.#directoryLength = putFactOp(this.#directory, at, op, log.id, index, term);
    this.#operations++;
  }

  /** One hint a log and frame, the highest: S2 asks for it in every frame that appends entries. */
  #putHints(): void {
    for (const log of this.#touched) {
      if (log.hint === 0) continue;
      this.#growDirectory();
      const at = this.#directoryLength;
      this.#directoryLength = putFactOp(this.#directory, at, Op.CommitHint, log.id, log.hint, 0);
      this.#operations++;
    }
  }

  /** The frame has its place: entries and facts are found there from now on. */
  #settle(segment: number, payloadStart: number): void {
    for (let ordinal = 0; ordinal < this.#indexes.length; ordinal++) {
      const log = this.#logs[ordinal]!;
      const index = this.#indexes[ordinal]!;
      log.place(index, ordinal, segment, payloadStart + this.#offsets[ordinal]!);
      this.#cursor.tally(log.id, index);
    }
    for (const log of this.#touched) if (log.hint > 0) log.hintStandsIn(segment);
    // A log that was removed in this same frame has no prefix any more.
    for (const log of this.#prefixed) if (log.prefixIndex > 0) log.prefixStandsIn(segment);
  }

  #addToRun(data: Uint8Array): void {
    if (data.length === 0) return;
    if (data.buffer === this.#runBuffer && data.byteOffset === this.#runEnd) {
      this.#runEnd += data.length;
      return;
    }
    this.#endRun();
    this.#runBuffer = data.buffer;
    this.#runStart = data.byteOffset;
    this.#runEnd = data.byteOffset + data.length;
  }

  #endRun(): void {
    if (this.#runBuffer === null) return;
    const length = this.#runEnd - this.#runStart;
    this.#payload.push(new Uint8Array(this.#runBuffer, this.#runStart, length));
    this.#runBuffer = null;
  }

  #growDirectory(): void {
    if (this.#directoryLength + MAX_OPERATION_BYTES <= this.#directory.length) return;
    const grown = new Uint8Array(this.#directory.length * 2);
    grown.set(this.#directory);
    this.#directory = grown;
  }

  /** Upper bound of the frame's size with one more entry of so much data, hints included. */
  #sizeWith(dataLength: number): number {
    const operationBytes = (this.#touched.length + 2) * MAX_OPERATION_BYTES;
    return frameBytes(this.#directoryLength + operationBytes, this.#payloadLength + dataLength);
  }

  #reset(): void {
    this.#directoryLength = 0;
    this.#operations = 0;
    this.#payloadLength = 0;
    this.#payload = [];
    this.#logs.length = 0;
    this.#indexes.length = 0;
    this.#offsets.length = 0;
    this.#touched = [];
    this.#prefixed = [];
    this.#serial++;
  }
}
