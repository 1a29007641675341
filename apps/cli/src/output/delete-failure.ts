import type { DougError } from '@dougdb/rpc-proto';
import type { Failure } from './failure.js';

/** Adds how many keys are certainly gone, if the error is that of a delete of a range that did not come to its end. */
export function deleteFailure(error: DougError, failure: Failure): Failure {
  const deleted = 'deleted' in error ? error.deleted : undefined;
  if (typeof deleted !== 'number') return failure;
  return { ...failure, details: { ...failure.details, deleted } };
}
