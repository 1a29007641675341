import type { Key } from '../codec.js';
import type { KeyRange } from '../ranges.js';
import type {
  Compare,
  CompareTarget,
  DeleteRangeStep,
  DeleteStep,
  GetStep,
  PutStep,
  Relation,
  ScanStep,
} from './steps.js';

/** A comparison of a revision: called, or by another relation. */
export interface RevisionComparison {
  /** It is this. */
  (revision: number): Compare<never>;
  not(revision: number): Compare<never>;
  lessThan(revision: number): Compare<never>;
  greaterThan(revision: number): Compare<never>;
}

/** A comparison of a value: called, or by another relation. Values have the order of their bytes. */
export interface ValueComparison {
  /** It is this. */
  <V>(value: V): Compare<V>;
  not<V>(value: V): Compare<V>;
  lessThan<V>(value: V): Compare<V>;
  greaterThan<V>(value: V): Compare<V>;
}

/** What can be asked of a key, or of every key of a range that is there. */
export interface Comparable {
  /** The revision at which it was last written; 0: it is not there. */
  readonly revision: RevisionComparison;
  /** Its value. Of a key that is not there only `not` holds. */
  readonly value: ValueComparison;
  /** Whether it is there (default) or not. Of a range: whether any key of it is. */
  exists(exists?: boolean): Compare<never>;
}

/** Makes conditions of a transaction. */
export interface CompareBuilder {
  /** On one key. */
  (key: Key): Comparable;
  /** On every key with a prefix that is there. */
  prefix(prefix: Key): Comparable;
  /** On every key of [start, end) that is there. */
  range(start: Key, end: Key): Comparable;
}

/** Conditions of a transaction: `compare('k').revision(7)`, `compare.prefix('p/').exists(false)`. */
export const compare: CompareBuilder = Object.assign((key: Key) => comparable({ key }), {
  prefix: (prefix: Key) => comparable({ prefix }),
  range: (start: Key, end: Key) => comparable({ start, end }),
});

/** A step that sets a key. */
export function put<V>(
  key: Key,
  value: V,
  options: Pick<PutStep, 'ttlMs' | 'returnPrevious'> = {},
): PutStep<V> {
  return { put: key, value, ...options };
}

/** A step that removes a key. */
export function del(key: Key, options: Pick<DeleteStep, 'returnPrevious'> = {}): DeleteStep {
  return { delete: key, ...options };
}

/** A step that reads a key. */
export function get(key: Key): GetStep {
  return { get: key };
}

/** A step that reads a range. */
export function scan(range: ScanStep['scan']): ScanStep {
  return { scan: range };
}

/** A step that removes all keys of a range. */
export function deleteRange(range: KeyRange): DeleteRangeStep {
  return { deleteRange: range };
}

function comparable(what: { readonly key: Key } | KeyRange): Comparable {
  const comparing =
    (is: Relation | undefined) =>
    <V>(target: CompareTarget<V>): Compare<V> =>
      is === undefined ? { ...what, ...target } : { ...what, ...target, is };
  return {
    revision: byRelation((is) => (revision: number) => comparing(is)({ revision })),
    value: byRelation(
      (is) =>
        <V>(value: V) =>
          comparing(is)({ value }),
    ),
    exists: (exists = true) => comparing(undefined)({ exists }),
  };
}

function byRelation<F>(make: (is: Relation | undefined) => F) {
  return Object.assign(make(undefined) as F & object, {
    not: make('notEqual'),
    lessThan: make('less'),
    greaterThan: make('greater'),
  });
}
