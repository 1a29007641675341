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

/**
 * Reads the headers. A segment's header is durable before its first frame is written, so a file is blank or
 * has a header; anything else is damage.
 * @throws WalError WAL_CORRUPT for missing, swapped or foreign segments, WAL_NEWER_FORMAT
 */
export function listSegments(fs: FileSystem, files: SegmentFiles): SegmentList {
  const names = fs.list(files.dir);
  const unfinished = names.filter(isUnfinished);
  const found = names
    .map(segmentOf)
    .filter((segment) => segment !== null)
    .map((segment) => readHeader(files, segment));
  const known = found.find(({ header }) => header !== 'damaged');
  const knownId = known === undefined || known.header === 'damaged' ? null : known.header.walId;

  const used: UsedSegment[] = [];
  const blank: { segment: number; sizeBytes: number }[] = [];
  let walId = knownId;
  for (const { segment, raw, header } of found) {
    const path = files.path(segment);
    if (header !== 'damaged') {
      used.push({ segment, path, header });
    } else if (isBlank(files, segment, raw, knownId)) {
      blank.push({ segment, sizeBytes: files.get(segment).sizeSync() });
    } else {
      used.push({ segment, path, header: null });
      // With no valid header anywhere the id may still be whole where it stands.
      walId ??= raw.slice(24, 24 + WAL_ID_BYTES);
    }
  }
  checkOrder(files, used, blank);
  for (const { segment, path, header } of used) checkHeader(segment, path, header, walId);
  return { walId, used, blank, unfinished: unfinished.map((n) => joinPath(files.dir, n)) };
}

interface RawHeader {
  readonly segment: number;
  readonly raw: Uint8Array;
  readonly header: SegmentHeader | 'damaged';
}

function readHeader(files: SegmentFiles, segment: number): RawHeader {
  const path = files.path(segment);
  const raw = new Uint8Array(SEGMENT_HEADER_BYTES);
  let length: number;
  try {
    length = files.get(segment).readSync(raw, 0, raw.length, 0);
  } catch (cause) {
    throw new WalError(WalErrorCode.Corrupt, `${path} cannot be read`, {
      file: path,
      offset: 0,
      cause,
    });
  }
  if (length < SEGMENT_HEADER_BYTES) {
    // A file gets this name when it is filled and synced: it cannot have been born so short.
    throw new WalError(WalErrorCode.Corrupt, `${path} was cut to ${length} bytes`, {
      file: path,
      offset: length,
    });
  }
  const header = decodeSegmentHeader(raw);
  if (header !== 'newer') return { segment, raw, header };
  throw new WalError(
    WalErrorCode.Newer,
    `${path} has a newer format than ${FORMAT_VERSION}: use the program that wrote it, or a later one`,
    { file: path, offset: 8 },
  );
}

/** A file without a valid header: never used, or damaged? */
function isBlank(
  files: SegmentFiles,
  segment: number,
  raw: Uint8Array,
  walId: Uint8Array | null,
): boolean {
  const window = new ByteWindow(files.get(segment));
  // Frames come after a durable header: without any the header was torn, or is of no use.
  if (window.contentEnd(SEGMENT_HEADER_BYTES) === SEGMENT_HEADER_BYTES) return true;
  if (raw.some((byte) => byte !== 0)) return false;
  // No header was ever written and the zeros behind it have rotted, or a whole sector was lost: then
  // there are frames.
  if (walId === null) return false;
  const seeds = new HeadSeed(walId, segment);
  const scanner = new FrameScanner(window, seeds, SEGMENT_HEADER_BYTES, false);
  for (let step = scanner.next(); step.kind !== 'end'; step = scanner.next()) {
    if (step.kind === 'frame') return false;
  }
  return true;
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
