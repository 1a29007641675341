import { DougError } from './doug-error.js';
import { Consistency } from './gen/dougdb/v1/types.js';

/** What a read asks for, in the one form that all who serve it work with. */
export interface ReadLevel {
  /** Never unspecified. */
  readonly consistency: Consistency;
  /** The revision of a read at one; the milliseconds of a bounded read; 0 otherwise. */
  readonly argument: number;
}

/** What a read is that says nothing. */
export const LINEARIZABLE: ReadLevel = Object.freeze({
  consistency: Consistency.CONSISTENCY_LINEARIZABLE,
  argument: 0,
});

/** What is here, however old it is. */
export const EVENTUAL: ReadLevel = Object.freeze({
  consistency: Consistency.CONSISTENCY_EVENTUAL,
  argument: 0,
});

/**
 * What the fields of a request come to. Serving an unknown level as something weaker would break a promise.
 * @param revision - 0: not said
 * @param maxAgeMs - 0: not said
 * @throws DougError INVALID_ARGUMENT: an unknown level, or fields that contradict each other
 */
export function readLevel(consistency: number, revision: number, maxAgeMs: number): ReadLevel {
  const isAt =
    consistency === Consistency.CONSISTENCY_AT_REVISION ||
    (consistency === Consistency.CONSISTENCY_UNSPECIFIED && revision > 0);
  const isBounded = consistency === Consistency.CONSISTENCY_BOUNDED;
  if (isAt !== revision > 0) refuse('a revision is for reads at a revision, and those need one');
  if (isBounded !== maxAgeMs > 0) refuse('an age is for bounded reads, and those need one');
  if (isAt) return { consistency: Consistency.CONSISTENCY_AT_REVISION, argument: revision };
  switch (consistency) {
    case Consistency.CONSISTENCY_UNSPECIFIED:
    case Consistency.CONSISTENCY_LINEARIZABLE:
      return LINEARIZABLE;
    case Consistency.CONSISTENCY_EVENTUAL:
    case Consistency.CONSISTENCY_LEASE:
    case Consistency.CONSISTENCY_BOUNDED:
      return { consistency, argument: maxAgeMs };
    default:
      return refuse(`unknown consistency ${consistency}`);
  }
}

function refuse(what: string): never {
  throw new DougError('INVALID_ARGUMENT', what);
}
