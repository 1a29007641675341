import { compareKeys } from '../key-range.js';

/**
 * How much of a partition's changes was told: everything up to `revision`, and of the changes at
 * `revision` + 1 those of keys up to `lastKey` (empty: none of them).
 */
export interface WatchPosition {
  readonly revision: number;
  readonly lastKey: Uint8Array;
}

/** How much was told of a range of keys of one partition. */
export interface WatchPiece extends WatchPosition {
  readonly partitionId: number;
  readonly epochVersion: number;
  /** Inclusive; empty: from the first key. */
  readonly start: Uint8Array;
  /** Exclusive; empty: to the last key. */
  readonly end: Uint8Array;
}

/** A partition, or a part of one, as those see it who serve it. */
export type WatchedRange = Pick<WatchPiece, 'partitionId' | 'epochVersion' | 'start' | 'end'>;

/** Everything up to a revision, and nothing of later ones. */
export function positionAt(revision: number): WatchPosition {
  return { revision, lastKey: nothing };
}

/** Where a watch stands that has told the change of a key at a revision as its last one. */
export function positionBehind(revision: number, key: Uint8Array): WatchPosition {
  return { revision: revision - 1, lastKey: key };
}

/** @returns negative, 0 or positive: how much was told at `a` against `b` */
export function comparePositions(a: WatchPosition, b: WatchPosition): number {
  return a.revision - b.revision || compareKeys(a.lastKey, b.lastKey);
}

/** Whether the change of a key at a revision was told at a position. */
export function isTold(position: WatchPosition, revision: number, key: Uint8Array): boolean {
  if (revision !== position.revision + 1) return revision <= position.revision;
  return position.lastKey.length > 0 && compareKeys(key, position.lastKey) <= 0;
}

const nothing = new Uint8Array(0);
