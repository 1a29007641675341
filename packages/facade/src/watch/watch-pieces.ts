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
  const { partitionId, epochVersion } = range;
  const found: WatchPiece[] = [];
  let from = range.start;
  for (const { start, end, revision, lastKey } of pieces) {
    if (!rangesOverlap(start, end, range.start, range.end)) continue;
    if (compareKeys(start, from) > 0) break;
    const to = compareEnds(end, range.end) < 0 ? end : range.end;
    found.push({ partitionId, epochVersion, start: from, end: to, revision, lastKey });
    from = to;
  }
  const covered = found.at(-1);
  if (covered === undefined || compareEnds(covered.end, range.end) !== 0) {
    throw new DougError('INVALID_ARGUMENT', 'the token does not cover the range of the watch');
  }
  return found;
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

  /** Whether the change of a key of the range at a revision is still to be told. */
  isDue(revision: number, key: Uint8Array): boolean {
    const only = this.#pieces.length === 1 ? this.#pieces[0] : undefined;
    const piece = only ?? this.#pieces.find(({ end }) => isBelowEnd(key, end));
    return piece !== undefined && !isTold(piece, revision, key);
  }

  /** Everything up to this position was told, or was not to be told. */
  advance(to: WatchPosition): void {
    this.#pieces = advanced(this.#pieces, to);
  }
}
