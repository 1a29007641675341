import { Violation } from '@dougdb/raft-core/testing';
import type { Coverage } from './coverage.js';
import { heal, settle } from './healing.js';
import type { Plan } from './plan.js';
import { type GroupOptions, RaftGroup } from './raft-group.js';

export interface RunResult {
  readonly digest: string;
  readonly lines: readonly string[];
  readonly coverage: Coverage;
  readonly events: number;
  readonly simulatedUs: number;
  readonly terms: number;
}

/** A run that ended with something that must not be. */
export class RunFailure extends Error {
  override readonly name = 'RunFailure';
  readonly property: string;
  readonly plan: Plan;
  readonly lastLines: readonly string[];

  constructor(plan: Plan, cause: unknown, lastLines: readonly string[]) {
    super(`seed ${plan.seed}, profile ${plan.profile}: ${String(cause)}`, { cause });
    this.property = propertyOf(cause);
    this.plan = plan;
    this.lastLines = lastLines;
  }

  /** Everything that is needed to look into it. */
  get report(): string {
    const { seed, profile, actions } = this.plan;
    return [
      `last events:`,
      ...this.lastLines,
      `violated: ${this.message}`,
      `${actions.length} actions were planned; replay with:`,
      `npm run sim:raft -- --seed ${seed} --profile ${profile}`,
    ].join('\n');
  }
}

/** Runs a plan: faults, healing, and after that everybody has their answers. @throws RunFailure */
export function runPlan(plan: Plan, options: GroupOptions = {}): RunResult {
  const group = new RaftGroup(plan, options);
  try {
    group.runUntil(plan.durationUs);
    heal(group);
    settle(group);
    group.checkModel();
  } catch (cause) {
    throw new RunFailure(plan, cause, group.trace.lastLines);
  }
  const { digest, lines } = group.trace;
  const { coverage, events, nowUs: simulatedUs, oracle } = group;
  return { digest, lines, coverage, events, simulatedUs, terms: oracle.terms };
}

/** The name of what is broken: the oracle's, or the invariant by which the core stopped itself. */
function propertyOf(cause: unknown): string {
  if (cause instanceof Violation) return cause.property;
  const isInvariant = typeof cause === 'object' && cause !== null && 'invariant' in cause;
  return isInvariant ? String(cause.invariant) : 'error';
}
