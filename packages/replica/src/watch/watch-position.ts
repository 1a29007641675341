/**
 * How much of a partition's changes was told: everything up to `revision`, and of the changes at
 * `revision` + 1 those of keys up to `lastKey` (empty: none of them).
 */
export interface WatchPosition {
  readonly revision: number;
  readonly lastKey: Uint8Array;
}

/** Everything up to a revision, and nothing of later ones. */
export function positionAt(revision: number): WatchPosition {
  return { revision, lastKey: NO_KEY };
}

/** Of a watch that has told the change of a key at a revision as its last one. */
export function positionBehind(revision: number, key: Uint8Array): WatchPosition {
  return { revision: revision - 1, lastKey: key };
}

const NO_KEY = new Uint8Array(0);
