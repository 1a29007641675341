import { DougError } from '@dougdb/rpc-proto';
import { compareEnds, compareKeys, isBelowEnd, rangesOverlap } from '../key-range.js';
import {
  comparePositions,
  isTold,
  type WatchedRange,
  type WatchPiece,
  type WatchPosition,
} from './watch-position.js';

/**
 * How much was told of a range that lies in one partition now, by what was told of other ranges before:
 * the intersections. It rests on splits alone, in which both halves go on with the revisions of the
 * whole: a piece of the whole is as true of each half. Where several pieces meet in the range each keeps
 * its own position; see {@link WatchCursor}.
 * @param pieces - as in a token: in key order, disjoint
 * @param range - not empty
 * @returns in key order, side by side, from the start of the range to its end
 * @throws DougError INVALID_ARGUMENT when they say nothing of a part of the range
 */
export function piecesFor(pieces: readonly WatchPiece[], range: WatchedRange): WatchPiece[] {
  const { partitionId, epochVersion, start, end } = range;
  return clipped(pieces, start, end).map((piece) => ({ ...piece, partitionId, epochVersion }));
}

/**
 * What pieces say of [from, to), as it is said.
 * @throws DougError INVALID_ARGUMENT when they say nothing of a part of it
 */
export function clipped(
  pieces: readonly WatchPiece[],
  from: Uint8Array,
  to: Uint8Array,
): WatchPiece[] {
  const only = pieces.length === 1 ? pieces[0] : undefined;
  if (only !== undefined && hasBounds(only, from, to)) return [only];
  const found: WatchPiece[] = [];
  let at = from;
  for (const piece of pieces) {
    if (!rangesOverlap(piece.start, piece.end, from, to)) continue;
    if (compareKeys(piece.start, at) > 0) break;
    const end = compareEnds(piece.end, to) < 0 ? piece.end : to;
    found.push({ ...piece, start: at, end });
    at = end;
  }
  const last = found.at(-1);
  if (last === undefined || compareEnds(last.end, to) !== 0) {
    throw new DougError('INVALID_ARGUMENT', 'the token does not cover the range of the watch');
  }
  return found;
}

/**
 * Pieces with others in the place of what they said of the same keys.
 * @param by - in key order, side by side; at least one
 */
export function replaced(
  pieces: readonly WatchPiece[],
  by: readonly WatchPiece[],
): readonly WatchPiece[] {
  const start = by[0]?.start ?? nothing;
  const end = by.at(-1)?.end ?? nothing;
  const same = by.length === 1 ? pieces.findIndex((piece) => hasBounds(piece, start, end)) : -1;
  if (same >= 0) return pieces.with(same, by[0] as WatchPiece);
  const before: WatchPiece[] = [];
  const after: WatchPiece[] = [];
  for (const piece of pieces) {
    if (compareKeys(piece.start, start) < 0) {
      before.push(isBelowEnd(start, piece.end) ? { ...piece, end: start } : piece);
    }
    if (end.length > 0 && isBelowEnd(end, piece.end)) {
      after.push(compareKeys(piece.start, end) < 0 ? { ...piece, start: end } : piece);
    }
  }
  return [...before, ...by, ...after];
}

/** The piece that a key lies in. @param pieces - in key order, side by side */
export function pieceOf(pieces: readonly WatchPiece[], key: Uint8Array): WatchPiece | undefined {
  const only = pieces.length === 1 ? pieces[0] : undefined;
  const piece = only ?? pieces.find(({ end }) => isBelowEnd(key, end));
  const isInside =
    piece !== undefined && compareKeys(piece.start, key) <= 0 && isBelowEnd(key, piece.end);
  return isInside ? piece : undefined;
}

/**
 * Pieces of one partition after a change of it was told, or after everything up to a position was: those
 * that were behind it are there now, those that were ahead stay. The change is told after all that
 * comes before it in the order of (revision, key), whatever range it came from.
 */
export function advanced(pieces: readonly WatchPiece[], to: WatchPosition): readonly WatchPiece[] {
  if (pieces.every((piece) => comparePositions(piece, to) >= 0)) return pieces;
  const moved: WatchPiece[] = [];
  for (const piece of pieces) {
    const { revision, lastKey } = comparePositions(piece, to) < 0 ? to : piece;
    const before = moved.at(-1);
    if (before !== undefined && comparePositions(before, { revision, lastKey }) === 0) {
      moved[moved.length - 1] = { ...before, end: piece.end };
    } else {
      moved.push({ ...piece, revision, lastKey });
    }
  }
  return moved;
}

/**
 * Where a watch of one partition stands. It begins at the least of its pieces' positions and leaves out
 * what a piece says was told; once it has come to the positions of all of them there is one piece.
 */
export class WatchCursor {
  #pieces: readonly WatchPiece[];

  /** @param pieces - of one partition, in key order, side by side; at least one */
  constructor(pieces: readonly WatchPiece[]) {
    this.#pieces = pieces;
  }

  /** As they stand in a token. */
  get pieces(): readonly WatchPiece[] {
    return this.#pieces;
  }

  /** Everything up to here was told, of the whole range. */
  get position(): WatchPosition {
    return this.#pieces.reduce((least, piece) =>
      comparePositions(piece, least) < 0 ? piece : least,
    );
  }

  /** Whether the change of a key at a revision is still to be told; never, where the key lies outside. */
  isDue(revision: number, key: Uint8Array): boolean {
    const piece = pieceOf(this.#pieces, key);
    return piece !== undefined && !isTold(piece, revision, key);
  }

  /** Everything up to this position was told, or was not to be told. */
  advance(to: WatchPosition): void {
    this.#pieces = advanced(this.#pieces, to);
  }
}

function hasBounds(piece: WatchPiece, start: Uint8Array, end: Uint8Array): boolean {
  return compareKeys(piece.start, start) === 0 && compareEnds(piece.end, end) === 0;
}

const nothing = new Uint8Array(0);
