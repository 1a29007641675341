import { WalError, WalErrorCode } from '../contract.js';
import { FRAME_HEADER_BYTES, FrameKind, IGNORABLE_KIND } from '../format.js';
import type { ByteWindow } from '../read/byte-window.js';
import { FrameScanner, type ScannedFrame, type Seeds } from '../read/frame-scanner.js';

export interface ReadRecords {
  readonly end: number;
  readonly lastSeq: number;
  /** Records before this offset are known durable by a promise. */
  readonly promisedEnd: number;
  readonly torn: boolean;
}

/**
 * Delivers the records of a RecordLog in order. Torn and rotten are told apart as in the WAL's last segment:
 * a bad frame is torn if no frame that can be made out promises it.
 * @throws WalError WAL_CORRUPT, WAL_NEWER_FORMAT
 */
export function readRecords(
  window: ByteWindow,
  seeds: Seeds,
  start: number,
  onRecord: (record: Uint8Array) => void,
): ReadRecords {
  const promised = highestPromise(window, seeds, start);
  const scanner = new FrameScanner(window, seeds, start, true);
  let end = start;
  let promisedEnd = promised > 0 ? start : 0;
  let lastSeq = 0;
  for (let step = scanner.next(); ; step = scanner.next()) {
    if (step.kind === 'end') {
      return { end, lastSeq, promisedEnd, torn: end < window.sizeBytes };
    }
    if (step.kind === 'damage' || step.head.seq !== lastSeq + 1 || !step.payloadWhole) {
      if (lastSeq >= promised) return { end, lastSeq, promisedEnd, torn: true };
      const offset = step.kind === 'damage' ? step.from : step.offset;
      throw new WalError(
        WalErrorCode.Corrupt,
        `${window.path} is damaged at ${offset}: record ${lastSeq + 1} is not whole`,
        { file: window.path, offset },
      );
    }
    deliver(step, window.path, onRecord);
    lastSeq = step.head.seq;
    end = step.offset + step.sizeBytes;
    if (lastSeq <= promised) promisedEnd = end;
  }
}

function deliver(frame: ScannedFrame, path: string, onRecord: (record: Uint8Array) => void): void {
  const { kind, flags, directoryLength, payloadLength } = frame.head;
  if (kind !== FrameKind.Record && kind >= IGNORABLE_KIND) return;
  if (kind !== FrameKind.Record || flags !== 0) {
    throw new WalError(
      WalErrorCode.Newer,
      `${path} has a frame of an unknown kind ${kind} (flags ${flags}) at ${frame.offset}`,
      { file: path, offset: frame.offset },
    );
  }
  const payloadStart = FRAME_HEADER_BYTES + directoryLength;
  onRecord(frame.bytes.slice(payloadStart, payloadStart + payloadLength));
}

function highestPromise(window: ByteWindow, seeds: Seeds, start: number): number {
  const scanner = new FrameScanner(window, seeds, start, false);
  let highest = 0;
  for (let step = scanner.next(); step.kind !== 'end'; step = scanner.next()) {
    if (step.kind === 'frame') highest = Math.max(highest, step.head.syncedSeq);
  }
  return highest;
}
