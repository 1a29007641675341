import type { DougError } from '@dougdb/rpc-proto';
import { bytesField, printable } from '../encoding/json-bytes.js';
import { cut } from './display-width.js';
import type { Failure } from './failure.js';

/** Columns of a value that stood in the way, in a message. */
const valueColumns = 60;

/** What stood in the way of a write with a condition, as the client tells it. */
interface Current {
  readonly revision: number;
  readonly value?: Uint8Array;
}

/** Adds what stood in the way, if the error says so. */
export function compareFailure(error: DougError, failure: Failure): Failure {
  if (error.reason !== 'COMPARE_FAILED' || !('current' in error)) return failure;
  const current = error.current as Current | null | undefined;
  if (current === undefined) return failure;
  if (current === null) {
    return {
      ...failure,
      message: 'the condition is not met: the key is not there',
      hint: 'nothing has changed; a put with --if-absent would make the key',
      details: { current: null },
    };
  }
  const { revision, value } = current;
  const told = value === undefined ? '' : `, its value is ${cut(printable(value), valueColumns)}`;
  return {
    ...failure,
    message: `the condition is not met: the key was last written at revision ${revision}${told}`,
    hint: `nothing has changed; it would work with --if-revision ${revision}`,
    details: {
      current: value === undefined ? { revision } : { ...bytesField('value', value), revision },
    },
  };
}
