import type { Key } from '../codec.js';
import type { KeyRange } from '../ranges.js';
import type { Entry, KeyEntry } from '../result-reader.js';
import type { Previous } from '../writes.js';

// Transactions as plain objects. The functions beside them make the same objects with fewer letters; what
// `doug txn` reads is these objects as JSON.

/** How what is there is compared with what is named. Default: 'equal'. */
export type Relation = 'equal' | 'notEqual' | 'less' | 'greater';

/** What is compared: when the key was last written (0: it is not there), its value, or whether it is there. */
export type CompareTarget<V> =
  | { readonly revision: number }
  | { readonly value: V }
  /** The value as bytes, whatever the codec is. */
  | { readonly valueBytes: Uint8Array }
  | { readonly exists: boolean };

/**
 * A condition on one key, or on every key of a range that is there. (Of a range `exists` asks whether there is any
 * key in it.)
 */
export type Compare<V = string> = ({ readonly key: Key } | KeyRange) &
  CompareTarget<V> & { readonly is?: Relation | undefined };

/** Sets a key. */
export interface PutStep<V = string> {
  readonly put: Key;
  readonly value: V;
  /** The key goes by itself when so much time has passed. */
  readonly ttlMs?: number | undefined;
  /** Answer what was there before. */
  readonly returnPrevious?: boolean | undefined;
}

/** Removes a key. */
export interface DeleteStep {
  readonly delete: Key;
  /** Answer what was there. */
  readonly returnPrevious?: boolean | undefined;
}

/** Reads a key. */
export interface GetStep {
  readonly get: Key;
}

/** Reads a range. */
export interface ScanStep {
  readonly scan: KeyRange & {
    /** Default: as many as a transaction may touch, 1,024. */
    readonly limit?: number | undefined;
    readonly reverse?: boolean | undefined;
    readonly keysOnly?: boolean | undefined;
  };
}

/** Removes all keys of a range. */
export interface DeleteRangeStep {
  readonly deleteRange: KeyRange;
}

/** What a transaction does. Steps see those before them. */
export type TxnStep<V = string> = PutStep<V> | DeleteStep | GetStep | ScanStep | DeleteRangeStep;

/** A transaction: if all compares hold `then`, else `else`, at one moment and all or nothing. */
export interface Txn<
  V = string,
  Then extends readonly TxnStep<V>[] = readonly TxnStep<V>[],
  Else extends readonly TxnStep<V>[] = readonly TxnStep<V>[],
> {
  /** Left out or empty: they hold. */
  readonly if?: readonly Compare<V>[] | undefined;
  readonly then?: Then | undefined;
  readonly else?: Else | undefined;
}

/** What a put of a transaction answers. */
export interface PutStepResult<V = string> {
  /** Only if it was asked for; null: nothing was there. */
  readonly previous?: Previous<V> | null;
}

/** What a delete of a transaction answers. */
export interface DeleteStepResult<V = string> extends PutStepResult<V> {
  readonly existed: boolean;
}

/** What a scan of a transaction answers. */
export interface ScanStepResult<V = string, K extends Key = string> {
  readonly entries: readonly (Entry<V, K> | KeyEntry<K>)[];
  /** The limit ended it. */
  readonly more: boolean;
}

/** What a delete of a range answers in a transaction. */
export interface DeleteRangeStepResult {
  readonly deleted: number;
}

/** The answer of one step. */
export type StepResult<Step, V = string, K extends Key = string> =
  Step extends PutStep<V>
    ? PutStepResult<V>
    : Step extends DeleteStep
      ? DeleteStepResult<V>
      : Step extends GetStep
        ? Entry<V, K> | null
        : Step extends ScanStep
          ? ScanStepResult<V, K>
          : Step extends DeleteRangeStep
            ? DeleteRangeStepResult
            : never;

/** The answers of a list of steps, in their order. */
export type StepResults<Steps extends readonly unknown[], V = string, K extends Key = string> = {
  readonly [At in keyof Steps]: StepResult<Steps[At], V, K>;
};

/** What a transaction answers whose `succeeded` is known to be so. */
export type TxnBranch<Succeeded extends boolean, Results> = {
  /** Whether the compares held, and so which list was carried out. */
  readonly succeeded: Succeeded;
  /** At which it took effect; of one that changed nothing: the partition's. */
  readonly revision: number;
} & (
  | {
      /** One for each step of the list that was carried out. */
      readonly results: Results;
      readonly resultKept?: undefined;
    }
  | {
      readonly results?: undefined;
      /** It took effect, its first answer was lost, and the partition remembers no more than which list it was. */
      readonly resultKept: false;
    }
);

/** What a transaction answers. */
export type TxnOutcome<
  Then extends readonly unknown[],
  Else extends readonly unknown[],
  V = string,
  K extends Key = string,
> = TxnBranch<true, StepResults<Then, V, K>> | TxnBranch<false, StepResults<Else, V, K>>;
