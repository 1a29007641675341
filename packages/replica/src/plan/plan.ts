import { ApplyOutcome } from '../state/apply-outcome.js';

/** What a command does to one key. */
export interface Effect {
  readonly key: Uint8Array;
  /** Null: the key is deleted. */
  readonly value: Uint8Array | null;
  /** Log time at which the key goes; 0: never. */
  readonly expiresAt: number;
}

/** What a command is going to do, decided before any of it is done. */
export interface Plan {
  /** In the order of the keys, each at most once (S5). None: the command takes no revision. */
  readonly effects: readonly Effect[];
  /** Of a transaction: its failure list is the one that is carried out. */
  readonly compareFailed: boolean;
  /** What there is to answer beside the revision, encoded; null: nothing. */
  readonly result: Uint8Array | null;
  /** Nothing is done, and this is why. Of the state alone, so it is the same on every replica. */
  readonly refusal: PlanRefusal | null;
  /** History below this revision need not be kept. Left out: the floor stays where it is. */
  readonly historyFloor?: number;
}

export type PlanRefusal = typeof ApplyOutcome.TooManyKeys | typeof ApplyOutcome.ResultTooLarge;

/** The plan of a command that is refused at its place. */
export function refusedPlan(refusal: PlanRefusal): Plan {
  return { effects: [], compareFailed: false, result: null, refusal };
}

/** S21: thrown by what looks on behalf of a plan; {@link import('./planner.js').planOf} makes a refusal of it. */
export class WorkBoundError extends Error {
  override readonly name = 'WorkBoundError';
  readonly refusal: PlanRefusal;

  constructor(refusal: PlanRefusal) {
    super(
      refusal === ApplyOutcome.TooManyKeys
        ? 'the command touches too many keys'
        : 'the command answers too much',
    );
    this.refusal = refusal;
  }
}
