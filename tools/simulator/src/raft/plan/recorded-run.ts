import { type Action, type ActionKind, actionKinds } from './actions.js';
import {
  type NetworkPlan,
  type OperationsPlan,
  type Plan,
  plainPlan,
  type TimesPlan,
} from './plan.js';

/** An action on one line: when, what, how long, its draws. */
export type RecordedAction = readonly [number, string, number, number, number, number, number];

/** What of a plan differs from a plain one. */
export interface RecordedPlan
  extends Partial<Omit<Plan, 'seed' | 'network' | 'times' | 'operations' | 'actions'>> {
  readonly seed: string;
  readonly network?: Partial<NetworkPlan>;
  readonly times?: Partial<TimesPlan>;
  readonly operations?: Partial<OperationsPlan>;
  readonly actions?: readonly RecordedAction[];
}

/**
 * A run that shows a planted bug. The plan is recorded, not the seed that it was drawn from, so that it stays
 * what it is when plans are drawn in another way.
 */
export interface RecordedRun {
  readonly bug: string;
  /** What is violated first. */
  readonly property: string;
  /** Events until then. */
  readonly events: number;
  /** Of twenty other seeds, how many show it with the same plan. */
  readonly ofTwenty: number;
  readonly plan: RecordedPlan;
}

const plain = plainPlan('plain', 1);

export function planOf(recorded: RecordedPlan): Plan {
  const { network, times, operations, actions = [], ...rest } = recorded;
  return {
    ...plain,
    ...rest,
    network: { ...plain.network, ...network },
    times: { ...plain.times, ...times },
    operations: { ...plain.operations, ...operations },
    actions: actions.map(actionOf),
  };
}

export function recordPlan(plan: Plan): RecordedPlan {
  const { network, times, operations, actions, seed, ...rest } = plan;
  const { network: _network, times: _times, operations: _operations, ...plainRest } = plain;
  return {
    seed,
    ...differing(rest, plainRest),
    network: differing(network, plain.network),
    times: differing(times, plain.times),
    operations: differing(operations, plain.operations),
    actions: actions.map(({ atUs, kind, durationUs, draws }) => [atUs, kind, durationUs, ...draws]),
  };
}

function actionOf([atUs, name, durationUs, ...draws]: RecordedAction): Action {
  const kind = actionKinds.find((each): each is ActionKind => each === name);
  if (kind === undefined) throw new RangeError(`no action ${name}`);
  return { atUs, kind, durationUs, draws };
}

/** The fields that are not as in `from`. */
function differing<T extends object>(of: T, from: Partial<T>): Partial<T> {
  const fields = Object.entries(of) as [keyof T, unknown][];
  const kept = fields.filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(from[name]),
  );
  return Object.fromEntries(kept) as Partial<T>;
}
