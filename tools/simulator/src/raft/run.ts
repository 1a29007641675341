import { Violation } from '@dougdb/raft-core/testing';
import type { Coverage } from './coverage.js';
import { endure } from './enduring.js';
import { heal, settle } from './healing.js';
import type { Plan } from './plan/plan.js';
import { RaftGroup } from './raft-group.js';
import type { GroupOptions } from './world.js';

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
  /** Events and simulated time until then. */
  readonly events: number;
  readonly atUs: number;

  constructor(plan: Plan, cause: unknown, { trace, events, nowUs }: RaftGroup) {
    super(`seed ${plan.seed}, profile ${plan.profile}: ${String(cause)}`, { cause });
    this.property = propertyOf(cause);
    this.plan = plan;
    this.lastLines = trace.lastLines;
    this.events = events;
    this.atUs = nowUs;
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

/** Runs a plan: faults, healing, answers for everybody, and then cuts that a leader outlasts. @throws RunFailure */
export function runPlan(plan: Plan, options: GroupOptions = {}): RunResult {
  const group = new RaftGroup(plan, options);
  try {
    group.runUntil(plan.durationUs);
    heal(group);
    settle(group);
    endure(group);
    group.checkModel();
  } catch (cause) {
    throw new RunFailure(plan, cause, group);
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
