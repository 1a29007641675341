import { type CodeName, DougError, type OutcomeName, type RouteHint } from '@dougdb/rpc-proto';
import { MAX_COMMAND_KEYS, MAX_RESULT_BYTES } from './plan/command-bounds.js';
import { ApplyOutcome } from './state/apply-outcome.js';

/** Pause that a refused client is asked for, where the cause takes a while to pass. */
const BUSY_RETRY_MS = 20;
const NO_SPACE_RETRY_MS = 1000;

/**
 * Every error that a replica answers with, in one place: code, outcome, and whom to ask instead
 * (`route` names descriptor, leader and log time as known here). An outcome is NOT_APPLIED only where
 * it is certain that this attempt will never take effect (S17).
 */
export class Refusals {
  readonly #route: () => RouteHint;

  constructor(route: () => RouteHint) {
    this.#route = route;
  }

  /** Another replica leads: NOT_LEADER; nobody is known to: NO_LEADER. */
  notLeader(message: string): DougError {
    const route = this.#route();
    const reason = route.leaderNodeId === 0 ? 'NO_LEADER' : 'NOT_LEADER';
    return new DougError(reason, message, { route, outcome: 'NOT_APPLIED' });
  }

  /** A leader that cannot serve, or none: the client pauses and asks again. */
  noLeader(message: string): DougError {
    return this.#notApplied('NO_LEADER', message);
  }

  epochMismatch(message: string): DougError {
    return this.#notApplied('EPOCH_MISMATCH', message);
  }

  crossPartition(message: string): DougError {
    return this.#notApplied('CROSS_PARTITION', message);
  }

  notForClients(): DougError {
    return this.#notApplied('INVALID_ARGUMENT', 'a command that only leaders make');
  }

  starting(): DougError {
    return this.#notApplied('STARTING', 'this replica is still applying its log');
  }

  suspended(): DougError {
    return this.noLeader('this replica was stopped for a test');
  }

  draining(): DougError {
    return this.#notApplied('DRAINING', 'this node is going down');
  }

  corrupt(): DougError {
    return this.#notApplied('CORRUPT', 'stored data of this replica failed a check');
  }

  deadline(message: string): DougError {
    return this.#notApplied('DEADLINE', message);
  }

  invalid(message: string): DougError {
    return this.#notApplied('INVALID_ARGUMENT', message);
  }

  futureRevision(message: string): DougError {
    return this.#notApplied('FUTURE_REVISION', message);
  }

  compacted(message: string): DougError {
    return this.#notApplied('COMPACTED', message);
  }

  busy(message: string): DougError {
    return this.#notApplied('BUSY', message, BUSY_RETRY_MS);
  }

  noSpace(): DougError {
    return this.#notApplied('NO_SPACE', 'no disk space for the log', NO_SPACE_RETRY_MS);
  }

  /** Appended to the log, and its fate is not known here any more. */
  inDoubt(message: string): DougError {
    return new DougError('IN_DOUBT', message, { outcome: 'UNKNOWN', route: this.#route() });
  }

  /** Appended to the log, and its caller waits no longer. */
  expired(): DougError {
    return this.inDoubt('the time ran out after the write was proposed');
  }

  /** What a command that was committed and had no effect is answered. */
  atApply(outcome: Exclude<ApplyOutcome, 0 | 1>): DougError {
    switch (outcome) {
      case ApplyOutcome.OutOfRange:
        return this.epochMismatch('a key is not in the range of this partition any more');
      case ApplyOutcome.UnknownSession:
        return this.#notApplied(
          'SESSION_EXPIRED',
          'the session is not known here and too old to begin: start one at the log time of the route',
        );
      case ApplyOutcome.Forgotten:
        return this.#with(
          'SESSION_EXPIRED',
          'the op is below the first incomplete one of its session',
          'UNKNOWN',
        );
      case ApplyOutcome.Busy:
        return this.busy('too many open ops in the session, or too many sessions');
      case ApplyOutcome.TooManyKeys:
        return this.#notApplied(
          'INVALID_ARGUMENT',
          `the command touches more than ${MAX_COMMAND_KEYS} keys`,
        );
      case ApplyOutcome.ResultTooLarge:
        return this.#notApplied(
          'TOO_LARGE',
          `the command answers more than ${MAX_RESULT_BYTES} bytes`,
        );
    }
  }

  #notApplied(reason: CodeName, message: string, retryAfterMs = 0): DougError {
    return this.#with(reason, message, 'NOT_APPLIED', retryAfterMs);
  }

  #with(reason: CodeName, message: string, outcome: OutcomeName, retryAfterMs = 0): DougError {
    return new DougError(reason, message, { outcome, retryAfterMs, route: this.#route() });
  }
}
