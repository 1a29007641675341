import { codes, type DougError } from '@dougdb/rpc-proto';

/** What is known of an op when one of its attempts has failed. */
export interface FailedAttempt {
  /** Reads take effect nowhere: they are sent again freely. */
  readonly isRead: boolean;
  /** A write without an op id is never sent twice (S17). */
  readonly hasOpId: boolean;
  /** An earlier attempt may have taken effect. */
  readonly maybeApplied: boolean;
}

/**
 * What to do after a failed attempt.
 * - `give-up`: the caller gets the error.
 * - `reroute`: send at once to whom the route hint names; if the hint said nothing new, after a pause.
 * - `backoff`: send again after a pause.
 * - `other-replica`: send again after a pause, and to another replica if one may serve it.
 * - `new-id`: send at once under a new op id.
 */
export type Reaction = 'give-up' | 'reroute' | 'backoff' | 'other-replica' | 'new-id';

/** The reaction to an error, from the retry column of the table of codes. */
export function reactTo(error: DougError, attempt: FailedAttempt): Reaction {
  const mayResend = attempt.isRead || attempt.hasOpId || !mayHaveApplied(error, attempt);
  switch (codes[error.reason].retry) {
    case 'at-once':
      return mayResend ? 'reroute' : 'give-up';
    case 'backoff':
      return mayResend ? 'backoff' : 'give-up';
    case 'other-replica':
      return mayResend ? 'other-replica' : 'give-up';
    case 'with-op-id':
      return mayResend ? 'backoff' : 'give-up';
    case 'new-id':
      // A new id makes it a new op: only when the old one can never take effect (S16).
      return attempt.hasOpId && !mayHaveApplied(error, attempt) ? 'new-id' : 'give-up';
    case 'resume':
    case 'no':
      return 'give-up';
  }
}

/** Whether an op may have taken effect, given the answer to its last attempt. Never true for a read. */
export function mayHaveApplied(error: DougError, attempt: FailedAttempt): boolean {
  // INVARIANT(outcome-of-all-attempts): NOT_APPLIED only if every attempt ended NOT_APPLIED (S17).
  return !attempt.isRead && (attempt.maybeApplied || error.outcome === 'UNKNOWN');
}
