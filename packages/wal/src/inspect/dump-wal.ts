import type { FileSystem } from '@dougdb/ports';
import {
  decodeSegmentHeader,
  FRAME_HEADER_BYTES,
  FrameKind,
  HeadSeed,
  Op,
  OpReader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  WAL_ID_BYTES,
} from '../format.js';
import { ByteWindow } from '../read/byte-window.js';
import { FrameScanner, type ScannedFrame } from '../read/frame-scanner.js';
import { SegmentFiles } from '../read/segment-files.js';
import { decodeSeal } from '../seal.js';
import { segmentOf } from '../segment-name.js';

const KIND_NAMES: Readonly<Record<number, string>> = {
  [FrameKind.Entries]: 'entries',
  [FrameKind.Marker]: 'marker',
  [FrameKind.Seal]: 'seal',
};

const OP_NAMES: Readonly<Record<number, string>> = {
  [Op.Append]: 'append',
  [Op.TruncateSuffix]: 'truncateSuffix',
  [Op.CompactPrefix]: 'compactPrefix',
  [Op.CommitHint]: 'commitHint',
  [Op.Rewrite]: 'rewrite',
  [Op.RemoveLog]: 'removeLog',
};

/**
 * Tells what stands in a WAL that no process has open, one line a header, frame and operation, damage
 * included; data of entries is not shown. Changes nothing. @throws what the file system throws
 */
export function dumpWal(fs: FileSystem, dir: string, onLine: (line: string) => void): void {
  const files = new SegmentFiles(fs, dir);
  try {
    const numbers = fs
      .list(dir)
      .map(segmentOf)
      .filter((segment) => segment !== null);
    const headers = numbers.map((n) => readHeader(new ByteWindow(files.get(n))));
    const known = headers.find((header) => typeof header === 'object');
    for (const [i, segment] of numbers.entries()) {
      const window = new ByteWindow(files.get(segment));
      const header = headers[i] ?? 'damaged';
      const name = files.path(segment);
      if (typeof header === 'string' && window.contentEnd(0) === 0) {
        onLine(`${name} blank, ${window.sizeBytes} bytes`);
        continue;
      }
      onLine(`${name} ${describeHeader(header)}, ${window.sizeBytes} bytes`);
      const walId = typeof header === 'object' ? header.walId : known?.walId;
      if (walId !== undefined) dumpFrames(window, new HeadSeed(walId, segment), onLine);
    }
  } finally {
    files.closeAll();
  }
}

function readHeader(window: ByteWindow): SegmentHeader | 'newer' | 'damaged' {
  if (window.sizeBytes < SEGMENT_HEADER_BYTES) return 'damaged';
  return decodeSegmentHeader(window.copy(0, SEGMENT_HEADER_BYTES));
}

function describeHeader(header: SegmentHeader | 'newer' | 'damaged'): string {
  if (header === 'newer') return 'header of a newer format';
  if (header === 'damaged') return 'DAMAGED header';
  const { segment, walId, firstSeq, previousSealCrc } = header;
  const id = Array.from(walId.subarray(0, WAL_ID_BYTES), (byte) => hex(byte, 2)).join('');
  return `segment=${segment} wal=${id} firstSeq=${firstSeq} previousSeal=${hex(previousSealCrc, 8)}`;
}

function dumpFrames(window: ByteWindow, seeds: HeadSeed, onLine: (line: string) => void): void {
  const scanner = new FrameScanner(window, seeds, SEGMENT_HEADER_BYTES, true);
  for (let step = scanner.next(); step.kind !== 'end'; step = scanner.next()) {
    if (step.kind === 'damage') onLine(`  ${step.from} DAMAGED up to ${step.to}`);
    else dumpFrame(step, onLine);
  }
}

function dumpFrame(frame: ScannedFrame, onLine: (line: string) => void): void {
  const { head, offset, bytes } = frame;
  const kind = KIND_NAMES[head.kind] ?? `kind ${head.kind}`;
  const payload = frame.payloadWhole ? `${head.payloadLength}` : `${head.payloadLength} DAMAGED`;
  onLine(
    `  ${offset} ${kind} seq=${head.seq} synced=${head.syncedSeq} oldest=${head.oldestSegment} operations=${head.entryCount} payload=${payload}`,
  );
  if (head.kind === FrameKind.Seal) dumpSeal(frame, onLine);
  if (head.kind !== FrameKind.Entries) return;
  const op = new OpReader(bytes, FRAME_HEADER_BYTES, head);
  while (op.next()) onLine(`    ${describeOp(op)}`);
  if (!op.finished()) onLine('    DAMAGED directory');
}

function describeOp(op: OpReader): string {
  const name = `${OP_NAMES[op.op]} log=${op.logId}`;
  switch (op.op) {
    case Op.Append:
    case Op.Rewrite:
      return `${name} index=${op.index} term=${op.term} type=${op.type} bytes=${op.length} crc=${hex(op.checksum, 8)}`;
    case Op.CompactPrefix:
      return `${name} index=${op.index} term=${op.term}`;
    case Op.RemoveLog:
      return name;
    default:
      return `${name} index=${op.index}`;
  }
}

function dumpSeal(frame: ScannedFrame, onLine: (line: string) => void): void {
  const seal = decodeSeal(frame.bytes, FRAME_HEADER_BYTES, frame.head.directoryLength);
  if (seal === null) {
    onLine('    DAMAGED seal');
    return;
  }
  onLine(`    live entries=${seal.liveEntries} bytes=${seal.liveBytes}`);
  for (const { logId, entries, minIndex, maxIndex } of seal.logs) {
    onLine(`    log=${logId} entries=${entries} [${minIndex}, ${maxIndex}]`);
  }
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
