/** Who ran an operation: one at a time each. */
export type ProcessId = string | number;

/** `fail`: certainly never takes effect. `unknown`: may, at any time after its call, or never. */
export type Status = 'ok' | 'fail' | 'unknown';

/** What was asked of one key. A value of null is an absent key. */
export type Call =
  | { readonly op: 'get'; readonly key: string }
  | { readonly op: 'put'; readonly key: string; readonly value: string }
  | { readonly op: 'delete'; readonly key: string }
  | {
      readonly op: 'cas';
      readonly key: string;
      /** Compared with what is there; null: must be absent. */
      readonly expected: string | null;
      /** Written if they are equal; null: the key is removed. */
      readonly value: string | null;
    }
  | { readonly op: 'append'; readonly key: string; readonly value: string };

/** What an `ok` told beyond having happened. Whatever is there must hold. */
export interface Answer {
  /** get: what was read. */
  readonly value?: string | null;
  /** cas: true (also when left out): written; false: compared unequal. */
  readonly result?: boolean;
  /** delete: whether there was something. */
  readonly existed?: boolean;
  /** Of any write: what was there before. */
  readonly prev?: string | null;
}

/** One operation as a line of a history says it. Times: ns of one monotonic clock, exact. */
export interface OperationRecord {
  readonly process: ProcessId;
  readonly call: Call;
  readonly status: Status;
  /** Empty unless the status is ok. */
  readonly answer: Answer;
  readonly invoke: number | bigint;
  /** null: not known (only of an `unknown`). */
  readonly return: number | bigint | null;
}

/** One operation of a parsed history. */
export interface Operation {
  /** Where it stands, from 1. */
  readonly line: number;
  readonly process: ProcessId;
  readonly call: Call;
  readonly status: Status;
  readonly answer: Answer;
  /** In {@link History.timeUnit}. */
  readonly invoke: number;
  /** As `invoke`; Infinity of an `unknown`, whenever the client gave it up: it may take effect later. */
  readonly return: number;
}

/** What clients saw of a store. */
export interface History {
  readonly operations: readonly Operation[];
  /** `ns`: since the earliest call. `rank`: places in the order of all times, where a number holds no more. */
  readonly timeUnit: 'ns' | 'rank';
}

export const noAnswer: Answer = Object.freeze({});
