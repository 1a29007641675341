import { DougError } from '@dougdb/rpc-proto';

// How a call that the facade has sent more than once fails. INVARIANT(outcome-of-all-attempts):
// NOT_APPLIED is said only if every attempt ended so.

/** What is said of the last attempt and all before it. @param maybeApplied - false for a read */
export function finalError(error: DougError, maybeApplied: boolean): DougError {
  const { reason, message, route, retryAfterMs, outcome } = error;
  if (!maybeApplied) {
    if (outcome === 'NOT_APPLIED') return error;
    return new DougError(reason, message, {
      outcome: 'NOT_APPLIED',
      route,
      retryAfterMs,
      cause: error,
    });
  }
  if (outcome === 'UNKNOWN') return error;
  // A session's verdict keeps its name.
  if (reason === 'SESSION_EXPIRED') {
    return new DougError(reason, message, { outcome: 'UNKNOWN', route });
  }
  return new DougError(
    'IN_DOUBT',
    `an earlier attempt may have taken effect; the last one was refused: ${error.code}: ${message}`,
    { outcome: 'UNKNOWN', cause: error },
  );
}

/** The time is up before the next attempt. @param last - the answer to the last one */
export function outOfTime(last: DougError, maybeApplied: boolean): DougError {
  const told = `the last answer was ${last.code}: ${last.message}`;
  return maybeApplied
    ? new DougError('IN_DOUBT', `out of time, it may have taken effect; ${told}`, {
        outcome: 'UNKNOWN',
        cause: last,
      })
    : new DougError('DEADLINE', `out of time; ${told}`, { outcome: 'NOT_APPLIED', cause: last });
}
