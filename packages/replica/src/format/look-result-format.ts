import { ReplicaError, ReplicaErrorCode } from '../replica-error.js';
import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';

/**
 * What a session keeps of a write that looked, beside its revision and whether its compare failed: the
 * result of an outcome in session-row.ts. Little-endian:
 *
 * | offset | size | field |
 * | --- | --- | --- |
 * | 0 | 1 | 1: the previous value follows; 0: it was not asked for, or nothing was there |
 * | 1 | 8 | revision of what was there; 0: nothing was |
 * | 9 | | the previous value, to the end |
 */
export interface LookResult {
  readonly previousRevision: number;
  readonly previousValue: Uint8Array | null;
}

export const LOOK_RESULT_HEADER_BYTES = 9;

/** Bytes that encodeLookResult() makes of it. */
export function lookResultBytes({ previousValue }: LookResult): number {
  return LOOK_RESULT_HEADER_BYTES + (previousValue?.length ?? 0);
}

/** A copy. */
export function encodeLookResult({ previousRevision, previousValue }: LookResult): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(previousValue === null ? 0 : 1);
  writer.u53(previousRevision);
  if (previousValue !== null) writer.bytes(previousValue);
  return writer.take().slice();
}

/** The value is a copy. @throws ReplicaError REPLICA_STATE_CORRUPT */
export function decodeLookResult(bytes: Uint8Array): LookResult {
  const reader = new ByteReader(bytes, bytes.length, fail);
  const hasValue = reader.u8();
  const previousRevision = reader.u53();
  if (hasValue > 1 || (hasValue === 1 && previousRevision === 0)) fail('a value of nothing');
  const valueBytes = hasValue === 1 ? bytes.length - LOOK_RESULT_HEADER_BYTES : 0;
  const previousValue = hasValue === 1 ? reader.bytes(valueBytes) : null;
  reader.finish();
  return { previousRevision, previousValue };
}

function fail(what: string): never {
  throw new ReplicaError(ReplicaErrorCode.StateCorrupt, `result kept by a session: ${what}`);
}
