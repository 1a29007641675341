import type { Operation } from '../src/index.js';

/**
 * Whether the operations of one key are linearizable, by trying every order: no thought is given to
 * speed, and nothing is shared with the checker.
 * @param tried - states not to be tried again, if this is to end for more than some eight operations
 */
export function bruteForce(
  operations: readonly Operation[],
  tried: Set<string> | null = null,
): boolean {
  return anyOrder(
    operations.filter(({ status }) => status !== 'fail'),
    null,
    tried,
  );
}

function anyOrder(
  left: readonly Operation[],
  value: string | null,
  tried: Set<string> | null,
): boolean {
  if (left.every(({ status }) => status === 'unknown')) return true;
  if (tried !== null) {
    const name = JSON.stringify([value, left.map(({ line }) => line)]);
    if (tried.has(name)) return false;
    tried.add(name);
  }
  return left.some((next) => {
    const comesTooEarly = left.some((other) => other.status === 'ok' && other.return < next.invoke);
    if (comesTooEarly) return false;
    const after = execute(next, value);
    if (after === undefined) return false;
    return anyOrder(
      left.filter((other) => other !== next),
      after,
      tried,
    );
  });
}

/** The value after it; undefined: its answer is not what a store would have said. */
function execute({ call, answer }: Operation, value: string | null): string | null | undefined {
  if (answer.prev !== undefined && answer.prev !== value) return undefined;
  if (answer.existed !== undefined && answer.existed !== (value !== null)) return undefined;
  switch (call.op) {
    case 'get':
      return answer.value === undefined || answer.value === value ? value : undefined;
    case 'put':
      return call.value;
    case 'append':
      return `${value ?? ''}${call.value}`;
    case 'delete':
      return null;
    case 'cas': {
      const isEqual = value === call.expected;
      if ('result' in answer && answer.result !== isEqual) return undefined;
      return isEqual ? call.value : value;
    }
  }
}
