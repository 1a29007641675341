import { crc32 } from '@dougdb/ports';
import { WalError, WalErrorCode } from '../contract.js';
import { FRAME_HEADER_BYTES, FrameKind, IGNORABLE_KIND, Op, OpReader } from '../format.js';
import { Slot } from '../log/entry-runs.js';
import type { LogSet } from '../log/log-set.js';
import type { LogState } from '../log/log-state.js';
import type { ScannedFrame } from '../read/frame-scanner.js';
import type { SpanTally } from '../seal.js';
import type { DamageLog } from './damage-log.js';

/** A log with a larger hole than this is not believed. */
export const MAX_HOLE_ENTRIES = 1024 * 1024;

/** Applies the operations of frames to the logs, in stream order. */
export class FrameReplay {
  readonly #logs: LogSet;
  readonly #damage: DamageLog;

  constructor(logs: LogSet, damage: DamageLog) {
    this.#logs = logs;
    this.#damage = damage;
  }

  /** @throws WalError WAL_NEWER_FORMAT, WAL_CORRUPT */
  apply(frame: ScannedFrame, path: string, segment: number, tally: SpanTally): void {
    const { head, offset, bytes } = frame;
    const { kind, flags } = head;
    const known = kind >= FrameKind.Entries && kind <= FrameKind.Seal;
    if (flags !== 0 || (!known && kind < IGNORABLE_KIND)) {
      throw new WalError(
        WalErrorCode.Newer,
        `${path} has a frame of an unknown kind ${kind} (flags ${flags}) at ${offset}`,
        { file: path, offset },
      );
    }
    if (kind !== FrameKind.Entries) return;
    const reader = new OpReader(bytes, FRAME_HEADER_BYTES, head);
    let at = FRAME_HEADER_BYTES + head.directoryLength;
    const suspectAll = !frame.payloadWhole && !this.#someEntryDamaged(frame);
    while (reader.next()) {
      const log = this.#logs.get(reader.logId);
      const whole = frame.payloadWhole || (!suspectAll && isWhole(bytes, at, reader));
      this.#applyOp(reader, log, whole, path, segment, offset + at);
      if (reader.op === Op.Append || reader.op === Op.Rewrite) {
        tally.add(reader.logId, reader.index);
        at += reader.length;
      }
    }
    const end = FRAME_HEADER_BYTES + head.directoryLength + head.payloadLength;
    if (!reader.finished() || at !== end) {
      throw this.#damage.refusal(path, offset, 'the directory of a frame makes no sense');
    }
  }

  #applyOp(
    op: OpReader,
    log: LogState,
    whole: boolean,
    path: string,
    segment: number,
    offset: number,
  ): void {
    const { index, term, type, length, checksum } = op;
    switch (op.op) {
      case Op.Append:
        this.#checkHole(log, index, path, offset);
        if (!log.append(index, term, type, length, checksum, segment, offset)) break;
        if (!whole) this.#damagedEntry(log, index, term, path, offset);
        break;
      case Op.Rewrite:
        this.#checkHole(log, index, path, offset);
        if (!whole && isReadable(log, index, term)) {
          // The copy is lost, but it says that the entry was this one.
          if (log.slotOf(index) === Slot.Doubtful) log.trust(index);
          this.#damage.report(path, offset, `copy of entry ${index} of log ${log.id} is damaged`);
        } else if (log.rewrite(index, term, type, length, checksum, segment, offset) && !whole) {
          this.#damagedEntry(log, index, term, path, offset);
        }
        break;
      case Op.TruncateSuffix:
        log.cutFrom(index);
        break;
      case Op.CompactPrefix:
        log.compact(index, term);
        // Equal: the collector wrote the newest prefix again, further on.
        if (log.prefixIndex === index) log.prefixStandsIn(segment);
        break;
      case Op.CommitHint:
        log.raiseHint(index);
        if (log.hint === index) log.hintStandsIn(segment);
        break;
      case Op.RemoveLog:
        log.clear();
        break;
      default:
        throw this.#damage.refusal(path, offset, `unknown operation ${op.op}`);
    }
  }

  #damagedEntry(log: LogState, index: number, term: number, path: string, offset: number): void {
    log.setFaulty(index);
    this.#damage.report(path, offset, `entry ${index} (term ${term}) of log ${log.id} is damaged`);
  }

  /** Bounds the memory that a lost operation in front of this one could make us take. */
  #checkHole(log: LogState, index: number, path: string, offset: number): void {
    const { table } = log;
    if (table.first === table.end || index <= log.prefixIndex) return;
    const hole = Math.max(index - table.end, table.first - index);
    if (hole > MAX_HOLE_ENTRIES) {
      throw this.#damage.refusal(path, offset, `log ${log.id} misses ${hole} entries`);
    }
  }

  #someEntryDamaged(frame: ScannedFrame): boolean {
    const { head, bytes } = frame;
    const reader = new OpReader(bytes, FRAME_HEADER_BYTES, head);
    let at = FRAME_HEADER_BYTES + head.directoryLength;
    while (reader.next()) {
      if (!isWhole(bytes, at, reader)) return true;
      at += reader.length;
    }
    return false;
  }
}

function isWhole(bytes: Uint8Array, at: number, op: OpReader): boolean {
  if (op.op !== Op.Append && op.op !== Op.Rewrite) return true;
  return at + op.length <= bytes.length && crc32(bytes, 0, at, at + op.length) === op.checksum;
}

function isReadable(log: LogState, index: number, term: number): boolean {
  if (index < log.table.first || index >= log.table.end) return false;
  const slot = log.slotOf(index);
  return (slot === Slot.Placed || slot === Slot.Doubtful) && log.termOf(index) === term;
}
