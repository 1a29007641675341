import type { Operation } from '../history/operation.js';
import { ANY, APPENDS, KEEPS, type Step, stepOf } from './step.js';
import { ValueTable } from './value-table.js';

/** A step, and the needed values for which it can be the base. */
export interface PlannedStep extends Step {
  /**
   * Ids of values that a required step needs and that this one leaves, or leaves a beginning of. Once left,
   * a value is seen again only after one of its bases was placed.
   */
  readonly bases: readonly number[];
}

/** Optional steps that differ in nothing but the time of their call, earliest first. */
export interface OptionalClass {
  /** What they do; its operation is the earliest. */
  readonly step: PlannedStep;
  readonly operations: readonly Operation[];
}

/** The operations of one key, made ready for the search. */
export interface KeyPlan {
  readonly values: ValueTable;
  /** What must be placed: everything that is ok, by time of the call. */
  readonly required: readonly PlannedStep[];
  /** What may be placed: writes of unknown outcome. */
  readonly optional: readonly OptionalClass[];
  /** By value id: how many required steps need it. */
  readonly observers: readonly number[];
  /** By value id: how many required steps say that it was not there. */
  readonly differing: readonly number[];
  /** By value id: how many steps, optional ones included, can be its base. */
  readonly baseCounts: readonly number[];
  /** By value id: whether an optional step needs it. */
  readonly neededByOptional: readonly boolean[];
  readonly hasAppends: boolean;
  /** Whether a required step says what the value was not. */
  readonly hasDiffering: boolean;
}

/** @param operations - all of one key */
export function planKey(operations: readonly Operation[]): KeyPlan {
  const values = new ValueTable();
  const required = operations
    .filter(({ status }) => status === 'ok')
    .sort(byCall)
    .map((operation) => stepOf(operation, values));
  const optional = optionalSteps(operations, required, values);
  const both = [...required, ...optional];
  const hasAppends = both.some(({ leaves }) => leaves === APPENDS);
  const hasDiffering = required.some(({ differs }) => differs !== ANY);
  const named = new Set(both.flatMap(({ needs, differs }) => [needs, differs]));
  named.delete(ANY);
  values.name(named, hasAppends ? 'beginnings' : 'values');
  const needed = new Set(required.map(({ needs }) => needs));
  needed.delete(ANY);
  const planned = (step: Step): PlannedStep => {
    const leaves = step.leaves < 0 ? step.leaves : values.reduced(step.leaves);
    return { ...step, leaves, bases: basesOf(leaves, needed, values, hasAppends) };
  };
  return withCounts({
    values,
    required: required.map(planned),
    optional: classesOf(optional.map(planned)),
    hasAppends,
    hasDiffering,
  });
}

/**
 * The steps of unknown outcome that can matter. One that may be left out of any order that it is part of,
 * with nothing else moved, is not among them: reads, swaps of a value for itself, and whatever was called
 * after the last required step had returned.
 */
function optionalSteps(
  operations: readonly Operation[],
  required: readonly Step[],
  values: ValueTable,
): Step[] {
  const lastReturn = required.reduce(
    (last, { operation }) => Math.max(last, operation.return),
    Number.NEGATIVE_INFINITY,
  );
  return operations
    .filter(({ status, call }) => status === 'unknown' && call.op !== 'get')
    .filter(({ invoke }) => invoke <= lastReturn)
    .sort(byCall)
    .map((operation) => stepOf(operation, values))
    .filter(({ leaves }) => leaves !== KEEPS);
}

/** Steps of a class at most: so many fit the counters of the search. Of more, another class is made. */
const largestClass = 0xffff;

function classesOf(optional: readonly PlannedStep[]): OptionalClass[] {
  const classes: OptionalClass[] = [];
  const newest = new Map<string, Operation[]>();
  for (const step of optional) {
    const name = `${step.needs} ${step.leaves} ${step.suffix}`;
    const operations = newest.get(name);
    if (operations !== undefined && operations.length < largestClass) {
      operations.push(step.operation);
      continue;
    }
    const first = [step.operation];
    newest.set(name, first);
    classes.push({ step, operations: first });
  }
  return classes;
}

function basesOf(
  leaves: number,
  needed: ReadonlySet<number>,
  values: ValueTable,
  hasAppends: boolean,
): number[] {
  // Of an append the value before is the base.
  if (leaves === KEEPS || leaves === APPENDS) return [];
  if (!hasAppends) return needed.has(leaves) ? [leaves] : [];
  return [...values.grownFrom(leaves)].filter((id) => needed.has(id));
}

function withCounts(
  plan: Omit<KeyPlan, 'observers' | 'differing' | 'baseCounts' | 'neededByOptional'>,
): KeyPlan {
  const observers: number[] = [];
  const differing: number[] = [];
  const baseCounts: number[] = [];
  const neededByOptional: boolean[] = [];
  const count = (counts: number[], id: number, by: number): void => {
    counts[id] = (counts[id] ?? 0) + by;
  };
  for (const step of plan.required) {
    if (step.needs !== ANY) count(observers, step.needs, 1);
    if (step.differs !== ANY) count(differing, step.differs, 1);
    for (const id of step.bases) count(baseCounts, id, 1);
  }
  for (const { step, operations } of plan.optional) {
    if (step.needs !== ANY) neededByOptional[step.needs] = true;
    for (const id of step.bases) count(baseCounts, id, operations.length);
  }
  return { ...plan, observers, differing, baseCounts, neededByOptional };
}

function byCall(a: Operation, b: Operation): number {
  // Infinity - Infinity is NaN, and NaN is as good as 0 here.
  return a.invoke - b.invoke || a.return - b.return || a.line - b.line;
}
