import type {
  KeyValue,
  TxnResult,
  TxnWritten,
  TxnStepResult as WireResult,
  TxnStep as WireStep,
} from '@dougdb/rpc-proto';
import { DougError } from '@dougdb/rpc-proto';
import { type Codec, decodeValue, type Key } from '../codec.js';
import { entryOf } from '../entries.js';
import type { Previous } from '../writes.js';
import type { DeleteStepResult, PutStepResult, ScanStepResult } from './steps.js';

/**
 * The answers of the steps of a list.
 * @param steps - the list that was carried out
 * @throws DougError DECODE, outcome UNKNOWN: it took effect, and the codec refuses what it read
 */
export function decodeResults<V, K extends Key>(
  codec: Codec<V, K>,
  steps: readonly WireStep[],
  result: TxnResult,
): unknown[] {
  try {
    return result.steps.map((answer, at) => decodeStep(codec, steps[at], answer));
  } catch (error) {
    // The default of the code, NOT_APPLIED, would be a lie.
    throw new DougError(
      'DECODE',
      'the transaction was carried out, but the codec refused a key or value that it read',
      { outcome: 'UNKNOWN', cause: DougError.from(error).cause },
    );
  }
}

function decodeStep<V, K extends Key>(
  codec: Codec<V, K>,
  asked: WireStep | undefined,
  { result }: WireResult,
): unknown {
  switch (result?.$case) {
    case 'put':
      return writtenOf(codec, asked, result.value);
    case 'delete': {
      const { existed } = result.value;
      const answer: DeleteStepResult<V> = { existed, ...writtenOf(codec, asked, result.value) };
      return answer;
    }
    case 'get':
      return result.value.kv === undefined ? null : entryOf(codec, result.value.kv, 'with value');
    case 'scan': {
      const isKeysOnly = asked?.step?.$case === 'scan' && asked.step.value.keysOnly;
      const { kvs, more } = result.value;
      const entries = kvs.map((kv) => entryOf(codec, kv, isKeysOnly ? 'key only' : 'with value'));
      const answer: ScanStepResult<V, K> = { entries, more };
      return answer;
    }
    case 'deleteRange':
      return { deleted: result.value.deleted };
    case undefined:
      return undefined;
  }
}

function writtenOf<V, K extends Key>(
  codec: Codec<V, K>,
  asked: WireStep | undefined,
  { previous }: TxnWritten,
): PutStepResult<V> {
  const step = asked?.step;
  const wants = (step?.$case === 'put' || step?.$case === 'delete') && step.value.returnPrevious;
  return wants ? { previous: previous === undefined ? null : previousOf(codec, previous) } : {};
}

function previousOf<V, K extends Key>(codec: Codec<V, K>, kv: KeyValue): Previous<V> {
  return { value: decodeValue(codec, kv.value), revision: kv.revision };
}
