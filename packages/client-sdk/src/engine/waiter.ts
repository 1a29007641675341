import type { Operation } from './operation.js';
import type { Span } from './span.js';

/** What others may wait for: it is over when everything in it is finished. */
export interface Blocker {
  /** Null: nobody waits. */
  dependents: Set<Waiter> | null;
}

/** One operation of several keys. It goes alone: nothing that touches one of its keys is on its way with it. */
export interface Fence extends Blocker {
  readonly op: Operation;
  readonly spans: readonly Span[];
  /** Place among the calls. */
  readonly serial: number;
  /** What it waits for; empty: it is on its way. */
  readonly blockedBy: Set<Blocker>;
}

/** Calls on one key that were made behind the same fence: they enter their lane together. */
export interface Held extends Blocker {
  readonly key: Uint8Array;
  readonly spans: readonly Span[];
  /** Of the first of its calls. */
  readonly serial: number;
  readonly blockedBy: Set<Blocker>;
  readonly ops: Set<Operation>;
}

export type Waiter = Fence | Held;
