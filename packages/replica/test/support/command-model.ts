import type { Compare, OpIdFields, TxnStep } from '@dougdb/rpc-proto';
import { del, put } from './commands.js';
import {
  deleteRange,
  deleteRangeStep,
  deleteStep,
  exists,
  getStep,
  putStep,
  type Relation,
  revisionIs,
  scanStep,
  txn,
  valueIs,
} from './txns.js';

/** [start, end); an empty end: to the last key. */
export interface Span {
  readonly start: string;
  readonly end: string;
}

export type Step =
  | {
      readonly step: 'put';
      readonly key: string;
      readonly value: string;
      readonly returnPrevious: boolean;
    }
  | { readonly step: 'delete'; readonly key: string; readonly returnPrevious: boolean }
  | { readonly step: 'get'; readonly key: string }
  | {
      readonly step: 'scan';
      readonly span: Span;
      readonly limit: number;
      readonly reverse: boolean;
      readonly keysOnly: boolean;
    }
  | { readonly step: 'delete-range'; readonly span: Span };

export type Condition = { readonly key: string; readonly end: string } & (
  | { readonly about: 'value'; readonly relation: Relation; readonly value: string }
  | { readonly about: 'exists'; readonly isThere: boolean }
  /** Counted from the revision of the key, so that it is often met. */
  | { readonly about: 'revision'; readonly relation: Relation; readonly more: number }
);

export type Op =
  | { readonly op: 'put'; readonly key: string; readonly value: string }
  | { readonly op: 'put-if-absent'; readonly key: string; readonly value: string }
  | { readonly op: 'delete'; readonly key: string }
  | { readonly op: 'delete-range'; readonly span: Span; readonly limit: number }
  | {
      readonly op: 'txn';
      readonly conditions: readonly Condition[];
      readonly success: readonly Step[];
      readonly failure: readonly Step[];
    };

interface Held {
  readonly value: string;
  readonly revision: number;
}

/** An encoded command and what it is to answer. */
export interface Expected {
  readonly command: Uint8Array;
  readonly answer: string;
}

/** A partition as a map: what commands come to, one after the other. Keys are ASCII. */
export class CommandModel {
  readonly held = new Map<string, Held>();
  revision = 0;

  /** Carries it out. */
  apply(op: Op, id: OpIdFields | null): Expected {
    switch (op.op) {
      case 'put': {
        const revision = this.#write([[op.key, op.value]]);
        return { command: put(op.key, op.value, id), answer: `written ${revision}` };
      }
      case 'delete':
        return { command: del(op.key, id), answer: `written ${this.#write([[op.key, null]])}` };
      case 'put-if-absent': {
        const there = this.held.get(op.key);
        const command = put(op.key, op.value, id, { ifAbsent: true, returnPrevious: true });
        const answer =
          there === undefined
            ? `done ${this.#write([[op.key, op.value]])} was nothing`
            : `refused ${this.revision} was ${there.value} ${there.revision}`;
        return { command, answer };
      }
      case 'delete-range': {
        const { start, end } = op.span;
        const keys = this.#keys(this.held, op.span);
        const most = op.limit === 0 ? keys.length : op.limit;
        const revision = this.#write(keys.slice(0, most).map((key) => [key, null]));
        const deleted = Math.min(most, keys.length);
        const next = keys[most] === undefined ? '' : `, next ${keys[most]}`;
        const command = deleteRange(start, end, op.limit, id);
        return { command, answer: `deleted ${deleted} at ${revision}${next}` };
      }
      case 'txn':
        return this.#txn(op, id);
    }
  }

  #txn(op: Extract<Op, { op: 'txn' }>, id: OpIdFields | null): Expected {
    const compares = op.conditions.map((condition) => this.#encoded(condition));
    const succeeded = op.conditions.every((condition) => this.#holds(condition));
    const success = op.success.map(encodedStep);
    const failure = op.failure.map(encodedStep);
    const seen = new Map(this.held);
    const written = new Map<string, string | null>();
    const told = (succeeded ? op.success : op.failure).map((step) =>
      this.#carryOut(step, seen, written),
    );
    const revision = this.#write([...written]);
    const head = `${succeeded ? 'then' : 'else'} ${revision}`;
    const answer = told.length === 0 ? head : `${head}: ${told.join(', ')}`;
    return { command: txn({ if: compares, success, failure }, id), answer };
  }

  #carryOut(step: Step, seen: Map<string, Held>, written: Map<string, string | null>): string {
    const revision = this.revision + 1;
    const there = 'key' in step ? seen.get(step.key) : undefined;
    const remove = (key: string): void => {
      seen.delete(key);
      written.set(key, null);
    };
    switch (step.step) {
      case 'put':
        seen.set(step.key, { value: step.value, revision });
        written.set(step.key, step.value);
        return `put${step.returnPrevious ? was(step.key, there) : ''}`;
      case 'delete':
        if (there === undefined) return 'nothing deleted';
        remove(step.key);
        return `deleted${step.returnPrevious ? was(step.key, there) : ''}`;
      case 'get':
        return `get ${there === undefined ? 'nothing' : pair(step.key, there)}`;
      case 'scan': {
        const keys = this.#keys(seen, step.span);
        if (step.reverse) keys.reverse();
        const most = step.limit === 0 ? keys.length : step.limit;
        const shown = keys.slice(0, most).map((key) => {
          const { value, revision: at } = seen.get(key) as Held;
          return pair(key, { value: step.keysOnly ? '' : value, revision: at });
        });
        return `scan [${shown.join(' ')}${keys.length > most ? ' ...' : ''}]`;
      }
      case 'delete-range': {
        const keys = this.#keys(seen, step.span);
        for (const key of keys) remove(key);
        return `deleted ${keys.length}`;
      }
    }
  }

  #holds(condition: Condition): boolean {
    const { key, end } = condition;
    if (end === '') return this.#holdsOf(condition, this.held.get(key), this.#target(condition));
    const keys = this.#keys(this.held, { start: key, end });
    if (condition.about === 'exists') return condition.isThere === keys.length > 0;
    const target = this.#target(condition);
    return keys.every((each) => this.#holdsOf(condition, this.held.get(each), target));
  }

  #holdsOf(condition: Condition, held: Held | undefined, target: number): boolean {
    switch (condition.about) {
      case 'exists':
        return condition.isThere === (held !== undefined);
      case 'revision':
        return isSo(condition.relation, held?.revision ?? 0, target);
      case 'value':
        if (held === undefined) return condition.relation === '!=';
        return isSo(condition.relation, held.value, condition.value);
    }
  }

  #target(condition: Condition): number {
    if (condition.about !== 'revision') return 0;
    return Math.max(0, (this.held.get(condition.key)?.revision ?? 0) + condition.more);
  }

  #encoded(condition: Condition): Compare {
    const { key, end } = condition;
    const where = end === '' ? key : ([key, end] as const);
    switch (condition.about) {
      case 'exists':
        return exists(where, condition.isThere);
      case 'revision':
        return revisionIs(where, condition.relation, this.#target(condition));
      case 'value':
        return valueIs(where, condition.relation, condition.value);
    }
  }

  /** At the next revision, if there is anything. Answers the revision of the partition. */
  #write(writes: readonly (readonly [string, string | null])[]): number {
    if (writes.length > 0) this.revision++;
    for (const [key, value] of writes) {
      if (value === null) this.held.delete(key);
      else this.held.set(key, { value, revision: this.revision });
    }
    return this.revision;
  }

  #keys(held: ReadonlyMap<string, Held>, { start, end }: Span): string[] {
    const keys = [...held.keys()].filter((key) => key >= start && (end === '' || key < end));
    return keys.sort();
  }
}

function encodedStep(step: Step): TxnStep {
  switch (step.step) {
    case 'put':
      return putStep(step.key, step.value, { returnPrevious: step.returnPrevious });
    case 'delete':
      return deleteStep(step.key, step.returnPrevious);
    case 'get':
      return getStep(step.key);
    case 'scan': {
      const { span, limit, reverse, keysOnly } = step;
      return scanStep(span.start, span.end, { limit, reverse, keysOnly });
    }
    case 'delete-range':
      return deleteRangeStep(step.span.start, step.span.end);
  }
}

function isSo<T>(relation: Relation, actual: T, target: T): boolean {
  switch (relation) {
    case '=':
      return actual === target;
    case '!=':
      return actual !== target;
    case '<':
      return actual < target;
    case '>':
      return actual > target;
  }
}

const pair = (key: string, { value, revision }: Held): string => `${key}=${value}@${revision}`;
const was = (key: string, held: Held | undefined): string =>
  held === undefined ? '' : ` was ${pair(key, held)}`;
