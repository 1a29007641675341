import { crc32 } from '@dougdb/ports';
import type { Corruption, ScrubStep } from '../contract.js';
import { codeOf } from '../failure.js';
import {
  decodeSegmentHeader,
  FRAME_HEADER_BYTES,
  FrameKind,
  HeadSeed,
  Op,
  OpReader,
  SEGMENT_HEADER_BYTES,
} from '../format.js';
import { Slot } from '../log/entry-runs.js';
import type { LogSet } from '../log/log-set.js';
import type { LogState } from '../log/log-state.js';
import { ByteWindow } from '../read/byte-window.js';
import type { EntryLoader } from '../read/entry-loader.js';
import { FrameScanner, type ScannedFrame } from '../read/frame-scanner.js';
import type { SegmentFiles } from '../read/segment-files.js';
import type { FrameWriter } from './frame-writer.js';

export interface ScrubberParts {
  readonly walId: Uint8Array;
  readonly files: SegmentFiles;
  readonly logs: LogSet;
  readonly loader: EntryLoader;
  readonly writer: FrameWriter;
  /** Segments below this one are sealed, and durable with their seal. */
  readonly openSegment: () => number;
  /** False: nothing may be written again now, only told. */
  readonly hasRoom: () => boolean;
}

/**
 * Finds rot by looking for it, before it is too late to ask a peer. A damaged entry becomes faulty. One
 * whose own bytes are whole, on the disk or in memory, but whose frame the next start could not make out,
 * is written again.
 */
export class Scrubber {
  readonly #parts: ScrubberParts;
  #segment = 0;
  #offset = 0;

  constructor(parts: ScrubberParts) {
    this.#parts = parts;
  }

  /** See Wal.scrub. */
  step(maxBytes: number): ScrubStep {
    const corruptions: Corruption[] = [];
    const { logs, openSegment } = this.#parts;
    let bytes = 0;
    if (this.#segment < logs.ledger.first) this.#enter(logs.ledger.first);
    while (bytes < maxBytes) {
      if (this.#segment >= openSegment()) {
        this.#enter(0);
        return { bytes, corruptions, isDone: true };
      }
      bytes += this.#readSegment(maxBytes - bytes, corruptions);
    }
    return { bytes, corruptions, isDone: false };
  }

  #enter(segment: number): void {
    this.#segment = segment;
    this.#offset = 0;
  }

  /** Reads on in a segment, to its end or until the budget is used; answers how much was read. */
  #readSegment(maxBytes: number, corruptions: Corruption[]): number {
    const { files } = this.#parts;
    const segment = this.#segment;
    const from = this.#offset;
    try {
      const window = new ByteWindow(files.get(segment));
      if (this.#offset === 0) this.#checkHeader(window, corruptions);
      if (!this.#readFrames(window, from + maxBytes, corruptions)) return this.#offset - from;
    } catch (error) {
      if (codeOf(error) !== 'WAL_CORRUPT') throw error;
      // The disk does not give its bytes: reads of the entries there will tell which ones are lost.
      this.#report(corruptions, this.#offset, 'it cannot be read');
    }
    const read = Math.max(1, this.#offset - from);
    this.#enter(segment + 1);
    return read;
  }

  #checkHeader(window: ByteWindow, corruptions: Corruption[]): void {
    const isCut = window.sizeBytes < SEGMENT_HEADER_BYTES;
    const header = isCut ? 'damaged' : decodeSegmentHeader(window.copy(0, SEGMENT_HEADER_BYTES));
    if (typeof header !== 'object' || header.segment !== this.#segment) {
      this.#report(corruptions, 0, 'the segment header is damaged');
    }
    this.#offset = SEGMENT_HEADER_BYTES;
  }

  /** True: this segment is done. */
  #readFrames(window: ByteWindow, end: number, corruptions: Corruption[]): boolean {
    const seeds = new HeadSeed(this.#parts.walId, this.#segment);
    const scanner = new FrameScanner(window, seeds, this.#offset, true);
    while (this.#offset < end) {
      const step = scanner.next();
      if (step.kind === 'end') {
        this.#report(corruptions, step.at, 'the seal is missing');
        return true;
      }
      if (step.kind === 'damage') {
        this.#report(corruptions, step.from, 'a frame cannot be made out');
        this.#writeAgain(step.from, step.to);
        this.#offset = step.to;
        continue;
      }
      if (!step.payloadWhole) this.#checkEntries(step, corruptions);
      this.#offset = step.offset + step.sizeBytes;
      if (step.head.kind === FrameKind.Seal) return true;
    }
    return false;
  }

  /** The payload of a frame is damaged: some of its entries may be. */
  #checkEntries(frame: ScannedFrame, corruptions: Corruption[]): void {
    const { head, bytes, offset } = frame;
    this.#report(corruptions, offset, `the payload of frame ${head.seq} is damaged`);
    if (head.kind !== FrameKind.Entries) return;
    const op = new OpReader(bytes, FRAME_HEADER_BYTES, head);
    let at = FRAME_HEADER_BYTES + head.directoryLength;
    while (op.next()) {
      if (op.op !== Op.Append && op.op !== Op.Rewrite) continue;
      const isWhole = crc32(bytes, 0, at, at + op.length) === op.checksum;
      const log = this.#parts.logs.find(op.logId);
      if (!isWhole && log !== null && this.#standsAt(log, op.index, offset + at)) {
        this.#reportEntry(log, op.index, corruptions);
      }
      at += op.length;
    }
  }

  #reportEntry(log: LogState, index: number, corruptions: Corruption[]): void {
    const { table } = log;
    const what = `entry ${index} (term ${table.term(index)}) of log ${log.id} is damaged`;
    this.#report(corruptions, table.offset(index), what);
    const cached = table.cached(index);
    if (cached === undefined) log.setFaulty(index);
    else if (this.#parts.hasRoom()) this.#parts.writer.rewrite(log, cached);
  }

  #standsAt(log: LogState, index: number, offset: number): boolean {
    const { table } = log;
    return (
      index >= table.first &&
      index < table.end &&
      table.slot(index) === Slot.Placed &&
      table.segment(index) === this.#segment &&
      table.offset(index) === offset
    );
  }

  /** Nobody could make out the frames of [from, to) again: what they brought, and is known here, is saved. */
  #writeAgain(from: number, to: number): void {
    const { logs, loader, writer, hasRoom } = this.#parts;
    if (!hasRoom()) return;
    for (const log of logs.all()) {
      const { table } = log;
      for (let index = table.first; index < table.end; index++) {
        if (table.segment(index) !== this.#segment || table.slot(index) !== Slot.Placed) {
          index = table.runEnd(index) - 1;
          continue;
        }
        const offset = table.offset(index);
        if (offset < from || offset >= to) continue;
        const entry = loader.readOne(log, index);
        if (entry !== null) writer.rewrite(log, entry);
      }
      if (log.hintSegment === this.#segment) writer.touch(log);
      if (log.prefixSegment === this.#segment) {
        writer.compactPrefix(log, log.prefixIndex, log.prefixTerm);
      }
    }
  }

  #report(corruptions: Corruption[], offset: number, what: string): void {
    corruptions.push({ file: this.#parts.files.path(this.#segment), offset, what });
  }
}
