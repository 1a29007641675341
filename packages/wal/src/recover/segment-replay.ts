import { crc32 } from '@dougdb/ports';
import {
  FRAME_HEADER_BYTES,
  FrameKind,
  HeadSeed,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from '../format.js';
import { putU32 } from '../little-endian.js';
import type { LogSet } from '../log/log-set.js';
import type { ByteWindow } from '../read/byte-window.js';
import { FrameScanner, type ScannedFrame, type ScanStep } from '../read/frame-scanner.js';
import { decodeSeal, SpanTally } from '../seal.js';
import type { DamageLog } from './damage-log.js';
import { FrameReplay } from './frame-replay.js';

export interface SegmentEnd {
  /** Behind the last frame that counts. */
  readonly contentEnd: number;
  /** Seq of that frame. */
  readonly lastSeq: number;
  /** headCrc of the seal; null: not sealed. */
  readonly sealCrc: number | null;
  /** CRC over the headCrcs of all frames before the seal. */
  readonly framesCrc: number;
  readonly tally: SpanTally;
  /** Frames before this offset are known durable by a promise; 0: not even the header. */
  readonly promisedEnd: number;
  /** An unpromised tail [from, to), of which nothing counts; null: there is none. */
  readonly torn: { readonly from: number; readonly to: number } | null;
  /** Highest oldestSegment that a frame told. */
  readonly oldestSegment: number;
}

/**
 * Reads one segment into the logs and tells torn from rotten.
 *
 * INVARIANT(torn-is-not-rotten): a bad frame is torn if it lies in the last segment and no frame that can be
 * made out promises it, that is, tells a syncedSeq at or above its seq. Whoever wrote such a promise had
 * seen the frame durable. Everything in an earlier segment is promised by the next one's header, which is
 * written after the seal is durable.
 */
export class SegmentReplay {
  readonly #logs: LogSet;
  readonly #damage: DamageLog;
  readonly #frames: FrameReplay;
  readonly #walId: Uint8Array;

  constructor(logs: LogSet, damage: DamageLog, walId: Uint8Array) {
    this.#logs = logs;
    this.#damage = damage;
    this.#frames = new FrameReplay(logs, damage);
    this.#walId = walId;
  }

  /**
   * `next` is the header of the following segment, null for the last one.
   * @throws WalError WAL_CORRUPT, WAL_NEWER_FORMAT
   */
  read(
    window: ByteWindow,
    segment: number,
    firstSeq: number,
    next: SegmentHeader | 'damaged' | null,
  ): SegmentEnd {
    const seeds = new HeadSeed(this.#walId, segment);
    const promised = next === null ? highestPromise(window, seeds) : Number.POSITIVE_INFINITY;
    const limitSeq =
      typeof next === 'object' && next !== null ? next.firstSeq : Number.POSITIVE_INFINITY;
    const walk = new Walk(firstSeq, promised, limitSeq);
    const scanner = new FrameScanner(window, seeds, SEGMENT_HEADER_BYTES, true);
    for (let step = scanner.next(); step.kind !== 'end'; step = scanner.next()) {
      const offset = step.kind === 'damage' ? step.from : step.offset;
      const bad = walk.objection(step);
      if (bad !== null) {
        if (walk.isTorn()) return walk.end({ from: offset, to: window.contentEnd(offset) });
        this.#damage.report(window.path, offset, bad);
      }
      if (step.kind === 'damage' || !walk.admits(step)) continue;
      if (step.head.seq > walk.expected) this.lose(segment, step.head.seq - walk.expected);
      walk.accept(step);
      this.#frames.apply(step, window.path, segment, walk.tally);
      if (step.head.kind === FrameKind.Seal) {
        this.#checkSeal(step, walk, window.path);
        break;
      }
    }
    const end = walk.end(null);
    if (next !== null) this.#checkEnd(segment, end, next, window.path);
    return end;
  }

  #checkSeal(frame: ScannedFrame, walk: Walk, path: string): void {
    const { head, bytes, offset } = frame;
    walk.sealCrc = head.headCrc;
    const seal = decodeSeal(bytes, FRAME_HEADER_BYTES, head.directoryLength);
    if (seal === null) throw this.#damage.refusal(path, offset, 'the seal makes no sense');
    if (walk.undamaged && seal.framesCrc !== walk.framesCrc) {
      this.#damage.report(path, offset, 'the seal does not fit the frames before it');
    }
  }

  /** A segment that is not the last one must end in the seal that the next header names. */
  #checkEnd(segment: number, end: SegmentEnd, next: SegmentHeader | 'damaged', path: string): void {
    if (end.sealCrc === null) {
      this.#damage.report(path, end.contentEnd, 'the seal is missing');
      if (next !== 'damaged' && next.firstSeq - 1 > end.lastSeq + 1) {
        this.lose(segment, next.firstSeq - end.lastSeq - 2);
      }
    } else if (next !== 'damaged' && next.firstSeq !== end.lastSeq + 1) {
      const what = `its last frame is ${end.lastSeq} but the next segment begins with ${next.firstSeq}`;
      throw this.#damage.refusal(path, end.contentEnd, what);
    } else if (next !== 'damaged' && next.previousSealCrc !== end.sealCrc) {
      throw this.#damage.refusal(
        path,
        end.contentEnd,
        'the next segment was written after another',
      );
    }
  }

  /** Frames, this many at least, are gone with their directories: what they did to which log is unknown. */
  lose(segment: number, frames: number): void {
    this.#damage.lostFrames += frames;
    this.#logs.ledger.keepEvidence(segment);
    for (const log of this.#logs.all()) log.doubtUncommitted();
  }
}

/** Where the reading of a segment stands. */
class Walk {
  expected: number;
  sealCrc: number | null = null;
  framesCrc = 0;
  undamaged = true;
  #inDamage = false;
  readonly tally = new SpanTally();
  readonly #promised: number;
  readonly #limitSeq: number;
  #contentEnd = SEGMENT_HEADER_BYTES;
  #promisedEnd = 0;
  #oldestSegment = 0;
  readonly #crcBytes = new Uint8Array(4);

  constructor(firstSeq: number, promised: number, limitSeq: number) {
    this.expected = firstSeq;
    this.#promised = promised;
    this.#limitSeq = limitSeq;
    if (promised >= firstSeq) this.#promisedEnd = SEGMENT_HEADER_BYTES;
  }

  /** What is wrong at this place and was not said yet, or null. */
  objection(step: Exclude<ScanStep, { kind: 'end' }>): string | null {
    const objection = this.#judge(step);
    if (objection !== null) this.undamaged = false;
    const told = this.#inDamage;
    this.#inDamage = step.kind === 'damage';
    // That frames are missing behind a damaged place is no news.
    return told && step.kind === 'frame' && step.payloadWhole && this.admits(step)
      ? null
      : objection;
  }

  #judge(step: Exclude<ScanStep, { kind: 'end' }>): string | null {
    if (step.kind === 'damage') return 'a frame cannot be made out';
    const { seq } = step.head;
    if (!this.admits(step)) return `frame ${seq} does not belong here`;
    if (seq > this.expected) return `frames ${this.expected} to ${seq - 1} are missing`;
    return step.payloadWhole ? null : `the payload of frame ${seq} is damaged`;
  }

  /** True if the frame that should stand here was never promised. */
  isTorn(): boolean {
    return this.expected > this.#promised;
  }

  /** False for a frame out of order: nothing of it counts. */
  admits(frame: ScannedFrame): boolean {
    const { seq } = frame.head;
    return seq >= this.expected && seq < this.#limitSeq;
  }

  accept(frame: ScannedFrame): void {
    const { seq, headCrc, oldestSegment, kind } = frame.head;
    this.expected = seq + 1;
    this.#contentEnd = frame.offset + frame.sizeBytes;
    if (seq <= this.#promised) this.#promisedEnd = this.#contentEnd;
    this.#oldestSegment = Math.max(this.#oldestSegment, oldestSegment);
    if (kind === FrameKind.Seal) return;
    putU32(this.#crcBytes, 0, headCrc);
    this.framesCrc = crc32(this.#crcBytes, this.framesCrc);
  }

  end(torn: { readonly from: number; readonly to: number } | null): SegmentEnd {
    return {
      contentEnd: this.#contentEnd,
      lastSeq: this.expected - 1,
      sealCrc: this.sealCrc,
      framesCrc: this.framesCrc,
      tally: this.tally,
      promisedEnd: this.#promisedEnd,
      torn,
      oldestSegment: this.#oldestSegment,
    };
  }
}

/** The highest syncedSeq that any frame in the file tells. A promise was true when it was written. */
function highestPromise(window: ByteWindow, seeds: HeadSeed): number {
  const scanner = new FrameScanner(window, seeds, SEGMENT_HEADER_BYTES, false);
  let highest = 0;
  for (let step = scanner.next(); step.kind !== 'end'; step = scanner.next()) {
    if (step.kind !== 'frame') continue;
    highest = Math.max(highest, step.head.syncedSeq);
    // Nothing is written behind a seal; what stands there is left of a tail that was cut.
    if (step.head.kind === FrameKind.Seal) break;
  }
  return highest;
}
