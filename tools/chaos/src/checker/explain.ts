import type { History, Operation } from '../history/operation.js';
import { noAnswer } from '../history/operation.js';
import { checkKey } from './check-history.js';
import { planKey } from './key-plan.js';
import { type Impasse, Search } from './search.js';
import { ANY, type Step } from './step.js';
import { ABSENT } from './value-table.js';

/** Why a key is not linearizable. */
export interface Explanation {
  readonly key: string;
  /** With this answer, the key stopped being linearizable: what had returned before it can be ordered. */
  readonly culprit: Operation;
  /** False: the bound on work was met, an earlier operation may be to blame. */
  readonly isEarliest: boolean;
  /** The longest order that was found, of everything up to the culprit. */
  readonly placed: readonly Operation[];
  /** The value after it. */
  readonly value: string | null;
  /** What would have to come next, and why it does not fit. */
  readonly stuck: readonly { readonly operation: Operation; readonly why: string }[];
}

/**
 * Finds the shortest beginning of a key's history that is not linearizable, and where the search ends in it.
 * @param operations - all operations of a key that is not linearizable
 */
export function explainKey(
  key: string,
  operations: readonly Operation[],
  limit: number,
): Explanation {
  const answered = operations
    .filter(({ status }) => status === 'ok')
    .sort((a, b) => a.return - b.return || a.line - b.line);
  // A beginning of a linearizable history is linearizable, so one can halve. `good` answers can be ordered.
  let good = 0;
  let bad = answered.length;
  let isEarliest = true;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    const { verdict } = checkKey(beginning(operations, answered, middle), limit);
    if (verdict === 'not-linearizable') bad = middle;
    else good = middle;
    if (verdict === 'undecided') isEarliest = false;
  }
  const shortest = beginning(operations, answered, bad);
  const search = new Search(planKey(shortest), limit, 'explanation');
  search.run();
  const { placed, value, next } = search.impasse ?? nowhere;
  return {
    key,
    culprit: answered[bad - 1] as Operation,
    isEarliest,
    placed,
    value: valueAfter(placed),
    stuck: next.map((step) => ({
      operation: step.operation,
      why: reasonOf(step, value, operations),
    })),
  };
}

const nowhere: Impasse = { placed: [], value: ABSENT, next: [] };

/** The history at the moment when so many had been answered: of the others nobody knows yet. */
function beginning(
  operations: readonly Operation[],
  answered: readonly Operation[],
  count: number,
): Operation[] {
  const known = new Set(answered.slice(0, count));
  return operations.map((operation) =>
    operation.status !== 'ok' || known.has(operation)
      ? operation
      : { ...operation, status: 'unknown', answer: noAnswer, return: Number.POSITIVE_INFINITY },
  );
}

/** The search does not tell all values apart; people do. */
function valueAfter(placed: readonly Operation[]): string | null {
  let value: string | null = null;
  for (const { call, answer } of placed) {
    if (call.op === 'put') value = call.value;
    if (call.op === 'delete') value = null;
    if (call.op === 'append') value = (value ?? '') + call.value;
    if (call.op === 'cas' && answer.result !== false) value = call.value;
  }
  return value;
}

function reasonOf(step: Step, valueId: number, operations: readonly Operation[]): string {
  if (step.isImpossible) return 'what it was told contradicts itself';
  if (step.differs !== ANY && step.differs === valueId) return 'the value must be another';
  if (step.needs === ANY || step.needs === valueId) {
    return 'it fits, but leads no further';
  }
  const needed = neededBy(step.operation);
  if (needed === null) return 'it needs the key to be absent';
  const writers = operations.filter(({ call }) => 'value' in call && call.value === needed);
  const shown = quote(needed);
  if (operations.some(({ call }) => call.op === 'append')) return `it needs ${shown}`;
  if (writers.length === 0) return `nobody wrote ${shown}`;
  const failed = writers.filter(({ status }) => status === 'fail');
  if (failed.length < writers.length) return `it needs ${shown}`;
  return `${shown} was written only by line ${failed[0]?.line}, which certainly failed`;
}

/** The value that must be there when an operation happens. */
function neededBy({ call, answer }: Operation): string | null {
  if (answer.prev !== undefined) return answer.prev;
  if (call.op === 'cas') return call.expected;
  return answer.value ?? null;
}

/** Placed operations that are shown. */
const shownPlaced = 8;
/** Operations that do not fit that are shown. */
const shownStuck = 12;

/** Plain text, some lines, each ended. */
export function formatExplanation(explanation: Explanation, timeUnit: History['timeUnit']): string {
  const { key, culprit, isEarliest, placed, value, stuck } = explanation;
  const unit = timeUnit === 'ns' ? 'ns since the first call' : 'places in the order of all times';
  const lines = [
    `key ${quote(key)}: no order explains line ${culprit.line}${isEarliest ? '; without its answer and what returned later there is one' : ''}`,
    `    ${describe(culprit)}`,
  ];
  if (placed.length > 0) {
    const hidden = Math.max(0, placed.length - shownPlaced);
    lines.push(
      `  the longest order found has ${plural(placed.length, 'operation')}${hidden > 0 ? `, of which the last ${shownPlaced}` : ''}:`,
      ...placed.slice(hidden).map((operation) => `    ${describe(operation)}`),
    );
  }
  lines.push(
    `  the value is then ${quote(value)}, and none of these can come next (times in ${unit}):`,
  );
  for (const { operation, why } of stuck.slice(0, shownStuck)) {
    lines.push(`    ${describe(operation)}: ${why}`);
  }
  if (stuck.length > shownStuck) lines.push(`    and ${stuck.length - shownStuck} more`);
  return `${lines.join('\n')}\n`;
}

function describe(operation: Operation): string {
  const { line, process, status, invoke, call, answer } = operation;
  const until = status === 'unknown' ? 'outcome unknown' : String(operation.return);
  const facts = [
    ...(answer.existed === undefined ? [] : [`existed ${answer.existed}`]),
    ...(answer.prev === undefined ? [] : [`before ${quote(answer.prev)}`]),
  ];
  const told = facts.length === 0 ? '' : ` (${facts.join(', ')})`;
  return `line ${line}  process ${process}  ${whatOf(call, answer)}${told}  ${invoke}..${until}`;
}

function whatOf(call: Operation['call'], answer: Operation['answer']): string {
  switch (call.op) {
    case 'get':
      return `get = ${quote(answer.value ?? null)}`;
    case 'put':
    case 'append':
      return `${call.op} ${quote(call.value)}`;
    case 'delete':
      return 'delete';
    case 'cas': {
      const verdict = answer.result === false ? ' = unequal' : '';
      return `cas ${quote(call.expected)} -> ${quote(call.value)}${verdict}`;
    }
  }
}

/** A count with its noun. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function quote(value: string | null): string {
  if (value === null) return 'absent';
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
}
