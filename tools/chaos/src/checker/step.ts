import type { Call, Operation } from '../history/operation.js';
import { ABSENT, type ValueTable } from './value-table.js';

/** {@link Step.needs}, {@link Step.differs}: nothing is said. */
export const ANY = -1;
/** {@link Step.leaves}: the value stays as it is. */
export const KEEPS = -1;
/** {@link Step.leaves}: the suffix is appended. */
export const APPENDS = -2;

/**
 * What an operation does to the register, with all that its answer says, in one shape: the search knows
 * conditions on the value before and the value after, and no kinds of operations.
 */
export interface Step {
  readonly operation: Operation;
  /** The value before is this one; or ANY. */
  readonly needs: number;
  /** The value before is not this one; or ANY. Never set beside `needs`. */
  readonly differs: number;
  /** The value after; or KEEPS or APPENDS. */
  readonly leaves: number;
  /** What APPENDS appends. */
  readonly suffix: string;
  /** The answer contradicts itself: there is no value before that fits. */
  readonly isImpossible: boolean;
}

/** The step of an operation that is ok or unknown. */
export function stepOf(operation: Operation, values: ValueTable): Step {
  const { call, answer } = operation;
  const step = { operation, needs: ANY, differs: ANY, leaves: KEEPS, suffix: '' };
  const before = answer.prev === undefined ? ANY : values.idOf(answer.prev);
  switch (call.op) {
    case 'get':
      return { ...step, needs: values.idOf(answer.value ?? null), isImpossible: false };
    case 'put':
      return { ...step, needs: before, leaves: values.idOf(call.value), isImpossible: false };
    case 'append':
      return { ...step, needs: before, leaves: APPENDS, suffix: call.value, isImpossible: false };
    case 'delete':
      return { ...step, leaves: ABSENT, ...existence(answer.existed, before) };
    case 'cas':
      return answer.result === false
        ? { ...step, ...unequal(values.idOf(call.expected), before) }
        : { ...step, ...swap(call, before, values) };
  }
}

type Condition = Pick<Step, 'needs' | 'differs' | 'isImpossible'>;

function existence(existed: boolean | undefined, before: number): Condition {
  if (before !== ANY) {
    const contradicts = existed !== undefined && existed !== (before !== ABSENT);
    return { needs: before, differs: ANY, isImpossible: contradicts };
  }
  return {
    needs: existed === false ? ABSENT : ANY,
    differs: existed === true ? ABSENT : ANY,
    isImpossible: false,
  };
}

function unequal(expected: number, before: number): Condition {
  return before === ANY
    ? { needs: ANY, differs: expected, isImpossible: false }
    : { needs: before, differs: ANY, isImpossible: before === expected };
}

function swap(
  call: Extract<Call, { op: 'cas' }>,
  before: number,
  values: ValueTable,
): Condition & Pick<Step, 'leaves'> {
  const expected = values.idOf(call.expected);
  return {
    needs: expected,
    differs: ANY,
    leaves: call.expected === call.value ? KEEPS : values.idOf(call.value),
    isImpossible: before !== ANY && before !== expected,
  };
}
