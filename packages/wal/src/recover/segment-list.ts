import type { FileSystem } from '@dougdb/ports';
import { WalError, WalErrorCode } from '../contract.js';
import {
  decodeSegmentHeader,
  FORMAT_VERSION,
  HeadSeed,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  WAL_ID_BYTES,
} from '../format.js';
import { ByteWindow } from '../read/byte-window.js';
import { FrameScanner } from '../read/frame-scanner.js';
import type { SegmentFiles } from '../read/segment-files.js';
import { isUnfinished, joinPath, segmentOf } from '../segment-name.js';

/** A file that frames were written to. */
export interface UsedSegment {
  readonly segment: number;
  readonly path: string;
  /** Null: damaged; the frames may be whole. */
  readonly header: SegmentHeader | null;
}

/** What stands in the directory of a WAL. */
export interface SegmentList {
  /** Null: there is no WAL yet. */
  readonly walId: Uint8Array | null;
  /** Numbered without gaps, ascending. */
  readonly used: readonly UsedSegment[];
  /** Segments made in advance, with nothing in them. */
  readonly blank: readonly { readonly segment: number; readonly sizeBytes: number }[];
  /** Names of files whose filling with zeros was not finished. */
  readonly unfinished: readonly string[];
}

type Content = 'blank' | 'damaged-header' | SegmentHeader;

/**
 * Reads the headers. A segment's header is durable before its first frame is written, so a file is blank or
 * has a header; anything else is damage.
 * @throws WalError WAL_CORRUPT for missing, swapped or foreign segments, WAL_NEWER_FORMAT
 */
export function listSegments(fs: FileSystem, files: SegmentFiles): SegmentList {
  const names = fs.list(files.dir);
  const unfinished = names.filter(isUnfinished);
  const numbers = names.map(segmentOf).filter((segment) => segment !== null);
  const windows = new Map(numbers.map((n) => [n, new ByteWindow(files.get(n))]));
  const headers = numbers.map((segment) => readHeader(windows.get(segment)!, files.path(segment)));
  const walId = headers.find((header) => typeof header === 'object')?.walId ?? null;

  const used: UsedSegment[] = [];
  const blank: { segment: number; sizeBytes: number }[] = [];
  for (const [i, segment] of numbers.entries()) {
    const window = windows.get(segment)!;
    const path = files.path(segment);
    const header = headers[i]!;
    const content: Content = header === 'damaged' ? examine(window, segment, walId) : header;
    if (content === 'blank') {
      blank.push({ segment, sizeBytes: window.sizeBytes });
    } else {
      used.push({ segment, path, header: content === 'damaged-header' ? null : content });
    }
  }
  const id = walId ?? rawWalId(used, windows);
  checkOrder(files, used, blank);
  for (const { segment, path, header } of used) checkHeader(segment, path, header, id);
  return { walId: id, used, blank, unfinished: unfinished.map((n) => joinPath(files.dir, n)) };
}

function readHeader(window: ByteWindow, path: string): SegmentHeader | 'damaged' {
  if (window.sizeBytes < SEGMENT_HEADER_BYTES) {
    // A file gets this name when it is filled and synced: it cannot have been born so short.
    throw new WalError(WalErrorCode.Corrupt, `${path} was cut to ${window.sizeBytes} bytes`, {
      file: path,
      offset: window.sizeBytes,
    });
  }
  const header = decodeSegmentHeader(window.copy(0, SEGMENT_HEADER_BYTES));
  if (header !== 'newer') return header;
  throw new WalError(
    WalErrorCode.Newer,
    `${path} has a newer format than ${FORMAT_VERSION}: use the program that wrote it, or a later one`,
    { file: path, offset: 8 },
  );
}

/** A file without a valid header: never used, or damaged? */
function examine(window: ByteWindow, segment: number, walId: Uint8Array | null): Content {
  if (window.contentEnd(SEGMENT_HEADER_BYTES) === SEGMENT_HEADER_BYTES) return 'blank';
  if (!isZero(window.copy(0, SEGMENT_HEADER_BYTES))) return 'damaged-header';
  // No header was ever written, unless a whole sector was lost: then there are frames.
  if (walId === null) return 'damaged-header';
  const scanner = new FrameScanner(
    window,
    new HeadSeed(walId, segment),
    SEGMENT_HEADER_BYTES,
    false,
  );
  for (let step = scanner.next(); step.kind !== 'end'; step = scanner.next()) {
    if (step.kind === 'frame') return 'damaged-header';
  }
  return 'blank';
}

/** With no valid header anywhere the id may still be whole where it stands. */
function rawWalId(
  used: readonly UsedSegment[],
  windows: ReadonlyMap<number, ByteWindow>,
): Uint8Array | null {
  const first = used[0];
  const window = first === undefined ? undefined : windows.get(first.segment);
  return window === undefined ? null : window.copy(24, 24 + WAL_ID_BYTES);
}

function checkOrder(
  files: SegmentFiles,
  used: readonly UsedSegment[],
  blank: readonly { readonly segment: number }[],
): void {
  const first = used[0]?.segment;
  const last = used[used.length - 1]?.segment;
  if (first === undefined || last === undefined) {
    const stray = blank.find(({ segment }) => segment !== 1);
    if (stray !== undefined) throw missing(files, stray.segment - 1, stray.segment);
    return;
  }
  for (const [i, { segment }] of used.entries()) {
    if (segment !== first + i) throw missing(files, first + i, segment);
  }
  const early = blank.find(({ segment }) => segment < last);
  if (early !== undefined) throw missing(files, early.segment, last);
}

function missing(files: SegmentFiles, segment: number, later: number): WalError {
  const file = files.path(segment);
  return new WalError(
    WalErrorCode.Corrupt,
    `${file} is missing or empty, but segment ${later} exists: restore it, or replace this member`,
    { file, offset: 0 },
  );
}

function checkHeader(
  segment: number,
  path: string,
  header: SegmentHeader | null,
  walId: Uint8Array | null,
): void {
  if (header === null) return;
  if (header.segment !== segment) {
    throw new WalError(
      WalErrorCode.Corrupt,
      `${path} says that it is segment ${header.segment}: a file was renamed or swapped`,
      { file: path, offset: 16 },
    );
  }
  if (walId !== null && header.walId.some((byte, i) => byte !== walId[i])) {
    throw new WalError(
      WalErrorCode.Corrupt,
      `${path} belongs to another WAL than the segment before it`,
      { file: path, offset: 24 },
    );
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
