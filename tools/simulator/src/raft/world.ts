import type { ConfState, Message, RawNode } from '@dougdb/raft-core';
import type { Coverage } from './coverage.js';
import type { EventKind } from './event-queue.js';
import type { EventTrace } from './event-trace.js';
import type { Holder, Oracle } from './oracle/oracle.js';
import type { Resources } from './oracle/resources.js';
import type { Plan } from './plan/plan.js';
import type { RaftProcess } from './process/raft-process.js';

/** The core under test: the shipped one, or one with a bug in it. */
export interface RaftCore {
  readonly RawNode: typeof RawNode;
}

/**
 * Whether each replica's own rules and promises are looked at, or only what comes of them: stale reads,
 * second leaders, lost entries. Without rules a run shows what a bug does in the end.
 */
export type RuleChecks = 'checked' | 'ignored';

export interface GroupOptions {
  readonly core?: RaftCore;
  readonly rules?: RuleChecks;
  readonly isTraceWhole?: boolean;
}

/** What a process sees of everything around it. */
export interface World {
  readonly core: RaftCore;
  readonly plan: Plan;
  readonly rules: RuleChecks;
  readonly oracle: Oracle;
  readonly resources: Resources;
  readonly coverage: Coverage;
  readonly trace: EventTrace;
  readonly holders: readonly Holder[];
  readonly nowUs: number;
  schedule(kind: EventKind, process: RaftProcess, delayUs: number): void;
  send(m: Message): void;
  elected(leader: RaftProcess): void;
  /** A configuration took effect for the first time anywhere. */
  confChanged(where: RaftProcess, before: ConfState, conf: ConfState, isEmpty: boolean): void;
  /** A replica applied a configuration that it is not part of. */
  removed(process: RaftProcess): void;
}
