import { Consistency } from '@dougdb/rpc-proto';
import type { AnswerSink, ReadMark } from '../contract.js';

/**
 * Under what a read is answered. A promise that may run out (a lease, an age) is looked at when the value
 * is there: the loop may have stood still, or a disk been waited for.
 */
export interface ReadTerms {
  /** What is counted in the metrics. */
  readonly labels: { readonly level: string };
  /** What the answer says; null: it cannot be given any more. */
  mark(): ReadMark | null;
  /** Takes on again a read whose promise ran out. The key does not change. */
  again(key: Uint8Array, deadlineMs: number, sink: AnswerSink, id: number): void;
}

/** A promise that was kept when the read began and cannot run out. */
export class LastingTerms implements ReadTerms {
  readonly labels: { readonly level: string };
  readonly #mark: ReadMark;

  constructor(level: string, served: Consistency) {
    this.labels = { level };
    this.#mark = Object.freeze({ served, ageMs: 0 });
  }

  mark(): ReadMark {
    return this.#mark;
  }

  again(): never {
    throw new Error('a read that cannot have run out began again');
  }
}

export const linearizableTerms = new LastingTerms(
  'linearizable',
  Consistency.CONSISTENCY_LINEARIZABLE,
);
export const eventualTerms = new LastingTerms('eventual', Consistency.CONSISTENCY_EVENTUAL);
export const revisionTerms = new LastingTerms('at_revision', Consistency.CONSISTENCY_AT_REVISION);
