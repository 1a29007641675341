import { type Sequence, SstError, SstErrorCode } from '../contract.js';
import type { Snapshot, SnapshotSet } from './snapshot.js';

/** What decides whether a state can be read. */
export interface ReadableStates {
  readonly lastSequence: Sequence;
  readonly readFloor: Sequence;
  readonly snapshots: SnapshotSet;
}

/**
 * The sequence that a read looks from.
 * @param wanted undefined: the newest
 * @throws SstError SST_USAGE for a state that is not kept
 */
export function readPoint(
  states: ReadableStates,
  wanted: Sequence | Snapshot | undefined,
): Sequence {
  const { lastSequence } = states;
  if (wanted === undefined) return lastSequence;
  // A snapshot holds its state, whatever the floor is.
  if (typeof wanted !== 'number') return states.snapshots.sequenceOf(wanted);
  if (wanted >= lastSequence) return lastSequence;
  checkFloor(states, wanted);
  return wanted;
}

/** @throws SstError SST_USAGE */
export function checkFloor({ readFloor }: ReadableStates, sequence: Sequence): void {
  if (sequence >= readFloor) return;
  throw new SstError(
    SstErrorCode.Usage,
    `sequence ${sequence} lies below the history floor ${readFloor}`,
  );
}
