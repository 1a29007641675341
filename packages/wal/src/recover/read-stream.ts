import type { FileSystem, Logger } from '@dougdb/ports';
import type { RecoveredLog } from '../contract.js';
import {
  encodeFrameHead,
  FRAME_HEADER_BYTES,
  FrameKind,
  frameBytes,
  HeadSeed,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from '../format.js';
import { Slot } from '../log/entry-runs.js';
import { LogSet } from '../log/log-set.js';
import { SegmentLedger } from '../log/segment-ledger.js';
import { ByteWindow } from '../read/byte-window.js';
import { FrameScanner } from '../read/frame-scanner.js';
import type { SegmentFiles } from '../read/segment-files.js';
import { encodeSeal } from '../seal.js';
import { DamageLog } from './damage-log.js';
import { listSegments, type SegmentList, type UsedSegment } from './segment-list.js';
import { type SegmentEnd, SegmentReplay } from './segment-replay.js';
import { settleLog } from './settle-log.js';

/** What has to be done to the last segment before another one may follow it. */
export interface TailPlan {
  readonly segment: number;
  readonly path: string;
  /** Bytes [from, contentEnd) are read back but not known durable: they are written again. */
  readonly from: number;
  readonly contentEnd: number;
  /** Written at contentEnd; null: the segment is sealed. */
  readonly seal: Uint8Array | null;
  /** The seal says that the frames before it are durable: so they have to be. */
  readonly isPromise: boolean;
  /** Copied to quarantine and dropped. */
  readonly torn: { readonly from: number; readonly to: number } | null;
}

export interface RecoveredStream {
  readonly list: SegmentList;
  readonly logs: LogSet;
  readonly damage: DamageLog;
  /** Null: no segment was ever used. */
  readonly tail: TailPlan | null;
  /** Of the segment to be written next. */
  readonly nextSegment: number;
  readonly nextSeq: number;
  readonly previousSealCrc: number;
  /** A frame that is durable once the tail is repaired tells that older segments are not needed. */
  readonly durableOldest: number;
}

/**
 * Reads a WAL without changing anything.
 * @throws WalError WAL_CORRUPT (in replicated mode only for what no mode can live with), WAL_NEWER_FORMAT
 */
export function readStream(
  fs: FileSystem,
  files: SegmentFiles,
  mode: 'strict' | 'replicated',
  logger: Logger,
): RecoveredStream {
  const list = listSegments(fs, files);
  const damage = new DamageLog(mode, logger);
  const first = list.used[0];
  if (first === undefined || list.walId === null) return emptyStream(list, damage);

  const ledger = new SegmentLedger(first.segment);
  const logs = new LogSet(ledger);
  const replay = new SegmentReplay(logs, damage, list.walId);
  let end: SegmentEnd | null = null;
  let last = first;
  let oldestTold = 0;
  let isCut = false;
  for (const [i, used] of list.used.entries()) {
    const { segment, path, header } = used;
    last = used;
    if (header === null) damage.report(path, 0, 'the segment header is damaged');
    const window = new ByteWindow(files.get(segment));
    const firstSeq = header?.firstSeq ?? guessFirstSeq(end, window, list.walId, segment, damage);
    ledger.open(segment);
    const next = nextHeader(list.used[i + 1]);
    end = replay.read(window, segment, firstSeq, next);
    ledger.recovered(segment, end.contentEnd);
    // Of an earlier segment the seqs tell exactly what is missing.
    const isOpen = next === null && end.sealCrc === null;
    isCut = isOpen && window.sizeBytes < (header?.capacityBytes ?? 0);
    if (isCut) {
      damage.report(
        path,
        window.sizeBytes,
        `the file was cut: it had ${header?.capacityBytes} bytes`,
      );
      replay.lose(segment, 1);
    }
    oldestTold = Math.max(oldestTold, end.oldestSegment);
  }
  if (end === null) return emptyStream(list, damage);
  checkFirst(first, oldestTold, damage);
  for (const log of logs.all()) settleLog(log, files.dir, damage);

  const tail = planTail(last, end, list.walId, ledger, isCut);
  return {
    list,
    logs,
    damage,
    tail: tail.plan,
    nextSegment: last.segment + 1,
    nextSeq: tail.lastSeq + 1,
    previousSealCrc: tail.sealCrc,
    durableOldest: end.sealCrc === null ? ledger.oldestNeeded() : Math.max(oldestTold, 1),
  };
}

/** What the host is told of each log. */
export function describeLogs(logs: LogSet): RecoveredLog[] {
  return logs.ids().map((id) => {
    const log = logs.get(id);
    const faulty: { index: number; term: number }[] = [];
    for (let index = log.firstIndex; index <= log.lastIndex; index++) {
      if (log.slotOf(index) === Slot.Faulty) faulty.push({ index, term: log.termOf(index) });
    }
    const { firstIndex, lastIndex, hint } = log;
    return { id, firstIndex, lastIndex, commitHint: hint, faulty };
  });
}

function emptyStream(list: SegmentList, damage: DamageLog): RecoveredStream {
  const logs = new LogSet(new SegmentLedger(1));
  return {
    list,
    logs,
    damage,
    tail: null,
    nextSegment: 1,
    nextSeq: 1,
    previousSealCrc: 0,
    durableOldest: 1,
  };
}

function nextHeader(next: UsedSegment | undefined): SegmentHeader | 'damaged' | null {
  return next === undefined ? null : (next.header ?? 'damaged');
}

/** The first seq of a segment whose header is damaged. */
function guessFirstSeq(
  previous: SegmentEnd | null,
  window: ByteWindow,
  walId: Uint8Array,
  segment: number,
  damage: DamageLog,
): number {
  if (previous !== null) return previous.lastSeq + 1;
  const seeds = new HeadSeed(walId, segment);
  const scanner = new FrameScanner(window, seeds, SEGMENT_HEADER_BYTES, false);
  for (let step = scanner.next(); step.kind !== 'end'; step = scanner.next()) {
    if (step.kind === 'frame') return step.head.seq;
  }
  throw damage.refusal(window.path, 0, 'neither its header nor a frame can be made out');
}

/** Frames tell which segments may be gone: without that a lost first file would look like a new WAL. */
function checkFirst(first: UsedSegment, oldestTold: number, damage: DamageLog): void {
  if (first.segment <= Math.max(1, oldestTold)) return;
  const what = `segments before ${first.segment} are missing, ${Math.max(1, oldestTold)} is still needed`;
  // The frame that said so may be among those that were lost.
  if (damage.lostFrames === 0) throw damage.refusal(first.path, 0, what);
  damage.report(first.path, 0, what);
}

/**
 * `isCut`: frames are lost at the end of the file, and nothing will tell so once it is sealed. So the seal leaves
 * out their seq, and promises it: whoever reads it later misses a promised frame.
 */
function planTail(
  last: UsedSegment,
  end: SegmentEnd,
  walId: Uint8Array,
  ledger: SegmentLedger,
  isCut: boolean,
): { plan: TailPlan; sealCrc: number; lastSeq: number } {
  const { contentEnd, torn, lastSeq, sealCrc } = end;
  const { segment, path } = last;
  const from = Math.min(end.promisedEnd, contentEnd);
  if (sealCrc !== null) {
    const plan = { segment, path, from, contentEnd, seal: null, isPromise: false, torn };
    return { plan, sealCrc, lastSeq };
  }
  const directory = encodeSeal({
    framesCrc: end.framesCrc,
    liveEntries: ledger.liveEntries(segment),
    liveBytes: ledger.liveBytes(segment),
    logs: end.tally.spans(),
  });
  const seal = new Uint8Array(frameBytes(directory.length, 0));
  seal.set(directory, FRAME_HEADER_BYTES);
  const seq = lastSeq + (isCut ? 2 : 1);
  const head = {
    seq,
    // Else no promise: the frames before it are being written again together with it.
    syncedSeq: isCut ? seq - 1 : 0,
    directoryLength: directory.length,
    payloadLength: 0,
    payloadCrc: 0,
    kind: FrameKind.Seal,
    entryCount: 0,
    oldestSegment: ledger.oldestNeeded(),
  };
  const newCrc = encodeFrameHead(seal, 0, head, new HeadSeed(walId, segment).at(contentEnd));
  const plan = { segment, path, from, contentEnd, seal, isPromise: isCut, torn };
  return { plan, sealCrc: newCrc, lastSeq: seq };
}
