import { crc32 } from '@dougdb/ports';
import { ReplicaError, ReplicaErrorCode } from '../replica-error.js';
import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';

/**
 * The value of a replica in the hard state store (S1), little-endian:
 *
 * | offset | size | field |
 * | --- | --- | --- |
 * | 0 | 1 | format, 1 |
 * | 1 | 8 | term |
 * | 9 | 8 | vote: replica id, 0 for none |
 * | 17 | 8 | counter: one more with each put, so that two values of one term can be told apart |
 * | 25 | 4 | CRC-32 of the bytes before, continued over the replica id (8 bytes) |
 *
 * The checksum covers the replica id, which is the key: a value under a wrong key fails its check.
 */
export interface StoredHardState {
  readonly term: number;
  readonly vote: number;
  readonly counter: number;
}

const FORMAT = 1;
const BODY_BYTES = 25;
export const HARD_STATE_BYTES = BODY_BYTES + 4;

export function encodeHardState(replicaId: number, state: StoredHardState): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(FORMAT);
  writer.u53(state.term);
  writer.u53(state.vote);
  writer.u53(state.counter);
  writer.u32(checksum(writer.take(), replicaId));
  return writer.take();
}

/**
 * @throws ReplicaError REPLICA_HARD_STATE: the value is never replaced by an older one, because an
 * older vote is a second vote
 */
export function decodeHardState(replicaId: number, value: Uint8Array): StoredHardState {
  const fail = (what: string): never => {
    throw new ReplicaError(
      ReplicaErrorCode.HardState,
      `hard state of replica ${replicaId} fails its check (${what}): this node must be replaced`,
    );
  };
  if (value.length === 0) fail('empty');
  if (value[0] !== FORMAT) fail(`format ${value[0]}`);
  if (value.length !== HARD_STATE_BYTES) fail(`${value.length} bytes`);
  const reader = new ByteReader(value, value.length, fail);
  reader.u8();
  const term = reader.u53();
  const vote = reader.u53();
  const counter = reader.u53();
  if (reader.u32() !== checksum(value, replicaId)) fail('checksum');
  return { term, vote, counter };
}

function checksum(value: Uint8Array, replicaId: number): number {
  const id = new ByteWriter();
  id.u53(replicaId);
  return crc32(id.take(), crc32(value, 0, 0, BODY_BYTES));
}
