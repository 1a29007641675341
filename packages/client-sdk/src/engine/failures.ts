import { DougError } from '@dougdb/rpc-proto';
import type { Operation } from './operation.js';

// How a call of the SDK fails. INVARIANT(outcome-of-all-attempts): NOT_APPLIED is said only if every
// attempt ended NOT_APPLIED; an attempt that is still under way may take effect.

/**
 * The final word after the answer to the last attempt.
 * @param maybeApplied - this attempt or an earlier one may have taken effect; false for a read
 */
export function refused(op: Operation, error: DougError, maybeApplied: boolean): DougError {
  const { route, retryAfterMs } = error;
  if (!maybeApplied) {
    if (error.outcome === 'NOT_APPLIED') return error;
    const options = { outcome: 'NOT_APPLIED' as const, route, retryAfterMs, cause: error };
    return new DougError(error.reason, error.message, options);
  }
  if (error.outcome === 'UNKNOWN') return error;
  // The refusal speaks for the last attempt only. A session's verdict keeps its name.
  if (error.reason === 'SESSION_EXPIRED') {
    return new DougError('SESSION_EXPIRED', error.message, { outcome: 'UNKNOWN', route });
  }
  return new DougError(
    'IN_DOUBT',
    `an earlier attempt of the ${op.kind} may have taken effect; the last one was refused: ${error.code}: ${error.message}`,
    { outcome: 'UNKNOWN', cause: error },
  );
}

/** The time is up. @param maybeApplied - an attempt is under way or may have taken effect */
export function timedOut(op: Operation, timeoutMs: number, maybeApplied: boolean): DougError {
  const cause = op.lastError ?? undefined;
  const last = cause === undefined ? '' : `; the last answer was ${cause.code}: ${cause.message}`;
  return maybeApplied
    ? new DougError(
        'IN_DOUBT',
        `no answer to the ${op.kind} within ${timeoutMs} ms, it may have taken effect${last}`,
        { outcome: 'UNKNOWN', cause },
      )
    : new DougError('DEADLINE', `the ${op.kind} was not served within ${timeoutMs} ms${last}`, {
        outcome: 'NOT_APPLIED',
        cause,
      });
}

/** The caller's signal fired. */
export function aborted(signal: AbortSignal | null, maybeApplied: boolean): DougError {
  return new DougError(
    'ABORTED',
    maybeApplied
      ? 'aborted by the signal after it was sent: it may have taken effect'
      : 'aborted by the signal',
    { outcome: maybeApplied ? 'UNKNOWN' : 'NOT_APPLIED', cause: signal?.reason },
  );
}

/** The client was closed. */
export function closed(maybeApplied: boolean): DougError {
  return new DougError(
    'CLOSED',
    maybeApplied
      ? 'the client was closed after it was sent: it may have taken effect'
      : 'the client is closed',
    { outcome: maybeApplied ? 'UNKNOWN' : 'NOT_APPLIED' },
  );
}
