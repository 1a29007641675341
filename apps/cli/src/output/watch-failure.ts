import type { DougError } from '@dougdb/rpc-proto';
import type { Failure } from './failure.js';

/** Adds where another watch goes on, if the error is the end of one. */
export function watchFailure(error: DougError, failure: Failure): Failure {
  const token = 'token' in error ? error.token : undefined;
  if (typeof token !== 'string') return failure;
  const told = { ...failure, details: { token } };
  // What was refused would be refused again.
  const isOver = error.reason === 'COMPACTED' || error.reason === 'INVALID_ARGUMENT';
  return isOver ? told : { ...told, hint: `go on with --from ${token}` };
}
