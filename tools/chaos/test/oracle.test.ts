import fc from 'fast-check';
import { planKey } from '../src/checker/key-plan.js';
import { Search } from '../src/checker/search.js';
import { encodeOperation } from '../src/history/format.js';
import {
  type Answer,
  checkHistory,
  explainKey,
  type History,
  type Operation,
  type OperationRecord,
  parseHistory,
} from '../src/index.js';
import { bruteForce } from './brute-force.js';

/** One operation as fast-check draws it; what it answers is worked out by {@link historyOf}. */
interface Draw {
  readonly op: 'get' | 'put' | 'delete' | 'cas' | 'append';
  readonly value: string | null;
  readonly expected: string | null;
  readonly invoke: number;
  readonly duration: number;
  /** When it takes effect, as a share of its duration. */
  readonly point: number;
  readonly fate: 'ok' | 'fail' | 'unknown-never' | 'unknown-done' | 'unknown-late';
  readonly tellsPrev: boolean;
  readonly tellsExisted: boolean;
  /** What it claims instead of the truth; undefined: the truth. */
  readonly lie: string | null | undefined;
}

/** So few that they meet, one the beginning of another. */
const fewValues = ['a', 'b', 'ab', '', 'c'];
/** So many that most are never read. */
const manyValues = [...'abcdefghi'];

function draws(options: {
  readonly count: number;
  readonly span: number;
  readonly ops: readonly Draw['op'][];
  readonly values?: readonly string[];
}): fc.Arbitrary<Draw[]> {
  const register = fc.option(fc.constantFrom(...(options.values ?? fewValues)), { freq: 4 });
  const draw: fc.Arbitrary<Draw> = fc.record({
    op: fc.constantFrom(...options.ops),
    value: register,
    expected: register,
    invoke: fc.nat({ max: options.span }),
    duration: fc.oneof(fc.nat({ max: 6 }), fc.nat({ max: options.span })),
    point: fc.constantFrom(0, 0.3, 0.6, 1),
    fate: fc.constantFrom(
      'ok',
      'ok',
      'ok',
      'ok',
      'fail',
      'unknown-never',
      'unknown-done',
      'unknown-late',
    ),
    tellsPrev: fc.boolean(),
    tellsExisted: fc.boolean(),
    lie: fc.oneof(
      { weight: 4, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: register },
    ),
  });
  return fc.array(draw, { minLength: 1, maxLength: options.count });
}

/** Executes the operations at their points, lets some of them lie, and writes down what was seen. */
function historyOf(all: readonly Draw[]): History {
  const order = all
    .map((draw, i) => ({ draw, i, at: effectOf(draw) }))
    .sort((a, b) => a.at - b.at || a.i - b.i);
  const records: OperationRecord[] = [];
  let state: string | null = null;
  for (const { draw, i } of order) {
    const answer = answerOf(draw, state);
    if (draw.fate !== 'fail' && draw.fate !== 'unknown-never') state = after(draw, state);
    const status = draw.fate.startsWith('unknown') ? 'unknown' : (draw.fate as 'ok' | 'fail');
    const returned = draw.invoke + draw.duration;
    records.push({
      process: i,
      call: callOf(draw),
      status,
      answer: status === 'ok' ? answer : {},
      invoke: draw.invoke,
      return: status === 'unknown' && draw.tellsPrev ? null : returned,
    });
  }
  return parseHistory(records.map((record) => `${encodeOperation(record)}\n`).join(''));
}

function effectOf({ invoke, duration, point, fate }: Draw): number {
  return fate === 'unknown-late' ? invoke + duration + 4 : invoke + point * duration;
}

function callOf({ op, value, expected }: Draw): OperationRecord['call'] {
  const key = 'k';
  if (op === 'cas') return { op, key, expected, value };
  if (op === 'put' || op === 'append') return { op, key, value: value ?? 'c' };
  return { op, key };
}

function after(draw: Draw, state: string | null): string | null {
  const call = callOf(draw);
  if (call.op === 'put') return call.value;
  if (call.op === 'append') return (state ?? '') + call.value;
  if (call.op === 'delete') return null;
  if (call.op === 'cas' && call.expected === state) return call.value;
  return state;
}

function answerOf(draw: Draw, state: string | null): Answer {
  const claimed = draw.lie === undefined ? state : draw.lie;
  if (draw.op === 'get') return { value: claimed };
  return {
    ...(draw.tellsPrev ? { prev: claimed } : {}),
    ...(draw.op === 'delete' && draw.tellsExisted ? { existed: claimed !== null } : {}),
    ...(draw.op === 'cas' ? { result: claimed === draw.expected } : {}),
  };
}

/** Makes all of these longer: `DOUG_ORACLE_TIMES=100 npx jest --selectProjects chaos -- oracle`. */
const times = Number(process.env.DOUG_ORACLE_TIMES ?? 1);
jest.setTimeout(60_000 * times);

const allOps = ['get', 'get', 'put', 'delete', 'cas', 'append'] as const;
const noAppends = ['get', 'get', 'put', 'delete', 'cas'] as const;
const unequal = ['get', 'put', 'put', 'put', 'delete', 'cas', 'cas'] as const;
const readsAndPuts = ['get', 'put'] as const;

describe('the checker and a brute-force oracle', () => {
  it.each([
    ['all operations', { count: 6, span: 8, ops: allOps }, 3000],
    ['without appends', { count: 7, span: 8, ops: noAppends }, 3000],
    ['reads and puts, close together', { count: 7, span: 4, ops: readsAndPuts }, 1500],
    ['many values', { count: 7, span: 6, ops: unequal, values: manyValues }, 2000],
  ])('agree on tiny histories, every order tried: %s', (_, options, numRuns) => {
    const verdicts = { linearizable: 0, 'not-linearizable': 0, undecided: 0 };
    fc.assert(
      fc.property(draws(options), (all) => {
        const history = historyOf(all);
        const { verdict } = checkHistory(history);
        verdicts[verdict]++;
        expect(verdict).toBe(bruteForce(history.operations) ? 'linearizable' : 'not-linearizable');
      }),
      { numRuns: numRuns * times },
    );
    expect(verdicts.undecided).toBe(0);
    expect(verdicts.linearizable).toBeGreaterThan(numRuns / 5);
    expect(verdicts['not-linearizable']).toBeGreaterThan(numRuns / 10);
  });

  it.each([
    ['all operations', allOps, fewValues],
    ['without appends', noAppends, fewValues],
    ['many values', unequal, manyValues],
  ])('agree on longer ones, every state tried: %s', (_, ops, values) => {
    const verdicts = { linearizable: 0, 'not-linearizable': 0, undecided: 0 };
    fc.assert(
      fc.property(draws({ count: 14, span: 24, ops, values }), (all) => {
        const history = historyOf(all);
        const { verdict } = checkHistory(history);
        verdicts[verdict]++;
        expect(verdict).toBe(
          bruteForce(history.operations, new Set()) ? 'linearizable' : 'not-linearizable',
        );
      }),
      { numRuns: 1000 * times },
    );
    expect(verdicts.linearizable).toBeGreaterThan(100);
    expect(verdicts['not-linearizable']).toBeGreaterThan(100);
  });

  it('agree on which answer was the first that no order explains', () => {
    let explained = 0;
    fc.assert(
      fc.property(draws({ count: 8, span: 10, ops: allOps }), (all) => {
        const { operations } = historyOf(all);
        if (bruteForce(operations, new Set())) return;
        const { culprit, isEarliest } = explainKey('k', operations, 100_000);
        expect(isEarliest).toBe(true);
        const until = (isKnown: (operation: Operation) => boolean): Operation[] =>
          operations.map((operation) =>
            operation.status !== 'ok' || isKnown(operation)
              ? operation
              : { ...operation, status: 'unknown', answer: {}, return: Number.POSITIVE_INFINITY },
          );
        const isBefore = (operation: Operation): boolean =>
          operation.return < culprit.return ||
          (operation.return === culprit.return && operation.line < culprit.line);
        expect(bruteForce(until(isBefore), new Set())).toBe(true);
        expect(
          bruteForce(
            until((it) => it === culprit || isBefore(it)),
            new Set(),
          ),
        ).toBe(false);
        explained++;
      }),
      { numRuns: 600 * times },
    );
    expect(explained).toBeGreaterThan(60);
  });

  it('is told the same by the search that explains as by the one that is fast', () => {
    fc.assert(
      fc.property(draws({ count: 10, span: 12, ops: allOps }), (all) => {
        const { operations } = historyOf(all);
        const fast = new Search(planKey(operations), 100_000, 'verdict').run();
        const slow = new Search(planKey(operations), 100_000, 'explanation').run();
        expect(slow).toBe(fast);
      }),
      { numRuns: 1000 * times },
    );
  });
});
