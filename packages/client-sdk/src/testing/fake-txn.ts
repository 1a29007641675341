import { compareKeys, isBelowEnd } from '@dougdb/facade';
import {
  type Compare,
  CompareRelation,
  type KeyValue,
  limits,
  type TxnOperation,
  type TxnResult,
  type TxnStep,
  type TxnStepResult,
} from '@dougdb/rpc-proto';
import type { FakeEntry } from './fake-partition.js';

/** What a transaction looks at. */
export interface FakeView {
  get(key: Uint8Array): FakeEntry | undefined;
  /** In key order. */
  entries(start: Uint8Array, end: Uint8Array): FakeEntry[];
}

/** A change that a command makes; without a value the key goes. */
export interface FakeEffect {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
  readonly ttlMs: number;
}

/** When a transaction takes effect. */
export interface FakeMoment {
  /** The revision that its writes would get. */
  readonly revision: number;
  /** Log time at which a key goes that is put now; 0: never. */
  expiresAt(ttlMs: number): number;
}

/** What a transaction comes to. */
export interface FakeTxnPlan {
  readonly result: TxnResult;
  /** Each key at most once. */
  readonly effects: readonly FakeEffect[];
}

/** Carries a transaction out, up to its effects. @returns null: it touches too many keys */
export function planTxn(view: FakeView, txn: TxnOperation, at: FakeMoment): FakeTxnPlan | null {
  const run = new TxnRun(view, at);
  const succeeded = txn.compares.every((compare) => run.holds(compare));
  const steps = (succeeded ? txn.success : txn.failure).map((step) => run.step(step));
  if (run.touched > limits.commandKeys) return null;
  return { result: { succeeded, steps }, effects: run.effects() };
}

class TxnRun {
  touched = 0;
  readonly #view: FakeView;
  readonly #at: FakeMoment;
  readonly #written = new Map<string, FakeEffect>();

  constructor(view: FakeView, at: FakeMoment) {
    this.#view = view;
    this.#at = at;
  }

  effects(): FakeEffect[] {
    return [...this.#written.values()];
  }

  holds(compare: Compare): boolean {
    const { key, rangeEnd, target } = compare;
    if (rangeEnd.length === 0) {
      this.touched++;
      return isMet(compare, this.#view.get(key));
    }
    const entries = this.#view.entries(key, rangeEnd);
    if (target?.$case === 'exists') {
      this.touched += Math.min(1, entries.length);
      return isMet(compare, entries[0]);
    }
    // No further than to the first that does not hold.
    return entries.every((entry) => {
      this.touched++;
      return isMet(compare, entry);
    });
  }

  step({ step }: TxnStep): TxnStepResult {
    switch (step?.$case) {
      case 'put': {
        const { key, value, ttlMs, returnPrevious } = step.value;
        this.touched++;
        const before = this.#get(key);
        this.#write({ key, value, ttlMs });
        const existed = before !== undefined;
        return {
          result: { $case: 'put', value: { existed, previous: kvIf(returnPrevious, before) } },
        };
      }
      case 'delete': {
        const { key, returnPrevious } = step.value;
        this.touched++;
        const before = this.#get(key);
        if (before !== undefined) this.#write({ key, value: null, ttlMs: 0 });
        const existed = before !== undefined;
        return {
          result: { $case: 'delete', value: { existed, previous: kvIf(returnPrevious, before) } },
        };
      }
      case 'get':
        this.touched++;
        return { result: { $case: 'get', value: { kv: kvIf(true, this.#get(step.value.key)) } } };
      case 'scan': {
        const { start, end, limit, reverse, keysOnly } = step.value;
        const all = this.#entries(start, end);
        if (reverse) all.reverse();
        const most = limit === 0 ? limits.commandKeys : limit;
        const kvs = all.slice(0, most).map((entry) => kvOf(entry, keysOnly));
        this.touched += kvs.length;
        return { result: { $case: 'scan', value: { kvs, more: all.length > most } } };
      }
      case 'deleteRange': {
        const all = this.#entries(step.value.start, step.value.end);
        this.touched += all.length;
        for (const { key } of all) this.#write({ key, value: null, ttlMs: 0 });
        return { result: { $case: 'deleteRange', value: { deleted: all.length } } };
      }
      case undefined:
        throw new Error('an empty step');
    }
  }

  #write(effect: FakeEffect): void {
    this.#written.set(nameOf(effect.key), effect);
  }

  #get(key: Uint8Array): FakeEntry | undefined {
    const written = this.#written.get(nameOf(key));
    if (written === undefined) return this.#view.get(key);
    return this.#entryOf(written);
  }

  #entries(start: Uint8Array, end: Uint8Array): FakeEntry[] {
    const before = this.#view
      .entries(start, end)
      .filter(({ key }) => !this.#written.has(nameOf(key)));
    const own = [...this.#written.values()]
      .filter(({ key }) => compareKeys(start, key) <= 0 && isBelowEnd(key, end))
      .flatMap((effect) => this.#entryOf(effect) ?? []);
    return [...before, ...own].sort((a, b) => compareKeys(a.key, b.key));
  }

  #entryOf({ key, value, ttlMs }: FakeEffect): FakeEntry | undefined {
    if (value === null) return undefined;
    return { key, value, revision: this.#at.revision, expiresAt: this.#at.expiresAt(ttlMs) };
  }
}

function isMet({ relation, target }: Compare, entry: FakeEntry | undefined): boolean {
  switch (target?.$case) {
    case 'revision':
      return isRelated(relation, (entry?.revision ?? 0) - target.value);
    case 'value':
      if (entry === undefined) return relation === CompareRelation.COMPARE_RELATION_NOT_EQUAL;
      return isRelated(relation, compareKeys(entry.value, target.value));
    case 'exists':
      return isRelated(relation, (entry !== undefined) === target.value ? 0 : 1);
    case undefined:
      return false;
  }
}

function isRelated(relation: CompareRelation, difference: number): boolean {
  switch (relation) {
    case CompareRelation.COMPARE_RELATION_EQUAL:
      return difference === 0;
    case CompareRelation.COMPARE_RELATION_NOT_EQUAL:
      return difference !== 0;
    case CompareRelation.COMPARE_RELATION_LESS:
      return difference < 0;
    default:
      return difference > 0;
  }
}

function kvIf(wanted: boolean, entry: FakeEntry | undefined): KeyValue | undefined {
  return wanted && entry !== undefined ? kvOf(entry, false) : undefined;
}

/** An entry as the wire has it. */
export function kvOf({ key, value, revision, expiresAt }: FakeEntry, keysOnly: boolean): KeyValue {
  return { key, value: keysOnly ? new Uint8Array(0) : value, revision, expiresAt };
}

function nameOf(key: Uint8Array): string {
  return String.fromCharCode(...key);
}
