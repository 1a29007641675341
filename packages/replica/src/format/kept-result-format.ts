import { ReplicaError, ReplicaErrorCode } from '../replica-error.js';
import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';

/**
 * What a session keeps of a command that looked, beside its revision and whether its compare failed: the
 * result of an outcome in session-row.ts. Little-endian, by its first byte:
 *
 * | offset | size | field |
 * | --- | --- | --- |
 * | 0 | 1 | 0: a put or delete whose previous value was not asked for, or found nothing; 1: one with a previous value |
 * | 1 | 8 | revision of what was there; 0: nothing was |
 * | 9 | | the previous value, to the end |
 *
 * | offset | size | field |
 * | --- | --- | --- |
 * | 0 | 1 | 2: a transaction or a delete of a range |
 * | 1 | | an encoded TxnResult or DeleteRangeResult, by what the command was, to the end |
 */
export type KeptResult = LookResult | OperationResult;

/** Of a put or a delete. */
export interface LookResult {
  readonly previousRevision: number;
  readonly previousValue: Uint8Array | null;
}

/** Of a transaction or a delete of a range. */
export interface OperationResult {
  readonly operation: Uint8Array;
}

const Kind = { NoValue: 0, Value: 1, Operation: 2 } as const;

/** The longest that stands before what can be large. */
export const KEPT_RESULT_HEADER_BYTES = 9;

/** Bytes that encodeKeptResult() makes of it. */
export function keptResultBytes(result: KeptResult): number {
  if ('operation' in result) return 1 + result.operation.length;
  return KEPT_RESULT_HEADER_BYTES + (result.previousValue?.length ?? 0);
}

/** A copy. */
export function encodeKeptResult(result: KeptResult): Uint8Array {
  const writer = new ByteWriter();
  if ('operation' in result) {
    writer.u8(Kind.Operation);
    writer.bytes(result.operation);
  } else {
    const { previousRevision, previousValue } = result;
    writer.u8(previousValue === null ? Kind.NoValue : Kind.Value);
    writer.u53(previousRevision);
    if (previousValue !== null) writer.bytes(previousValue);
  }
  return writer.take().slice();
}

/** Its bytes are copies. @throws ReplicaError REPLICA_STATE_CORRUPT */
export function decodeKeptResult(bytes: Uint8Array): KeptResult {
  const reader = new ByteReader(bytes, bytes.length, fail);
  const kind = reader.u8();
  if (kind === Kind.Operation) return { operation: reader.bytes(bytes.length - 1) };
  const previousRevision = reader.u53();
  if (kind > Kind.Value) fail(`kind ${kind}`);
  if (kind === Kind.Value && previousRevision === 0) fail('a value of nothing');
  const previousValue =
    kind === Kind.Value ? reader.bytes(bytes.length - KEPT_RESULT_HEADER_BYTES) : null;
  reader.finish();
  return { previousRevision, previousValue };
}

function fail(what: string): never {
  throw new ReplicaError(ReplicaErrorCode.StateCorrupt, `result kept by a session: ${what}`);
}
