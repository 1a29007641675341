import { crc32 } from '@dougdb/ports';
import type { ConfState } from '@dougdb/raft-core';
import { PartitionDescriptor } from '@dougdb/rpc-proto';
import { broken, ReplicaError, ReplicaErrorCode } from '../replica-error.js';
import type { ReplicaState } from '../state/replica-state.js';
import { SessionTable } from '../state/session-table.js';
import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';

/**
 * The state of a partition as of an entry (S5), named by a manifest edit. Little-endian:
 *
 * | size | field |
 * | --- | --- |
 * | 1 | format, 3; older ones belong to clusters of older versions, which a member refuses |
 * | 8 | applied index |
 * | 8 | applied term |
 * | 8 | revision |
 * | 8 | log time |
 * | 4 | rolling hash of the applied effects |
 * | 8 | history floor: the oldest revision that may be read |
 * | 8 | the first revision at which a key had a time to live; 0: none ever had |
 * | 4 + n | descriptor: length, an encoded dougdb.v1.PartitionDescriptor |
 * | | ConfState: four lists {count u32, count times a replica id u64}: voters, learners, outgoing voters, next learners |
 * | 1 | ConfState: 1 if the joint configuration is left by itself |
 * | | sessions: {count u32, rows}, see session-row.ts |
 * | 4 | CRC-32 of all bytes before |
 *
 * It says nothing of the replica that wrote it: every replica writes the same bytes at an index.
 */
const FORMAT = 3;
const CHECKSUM_BYTES = 4;
/** The session table has bounds of its own below this. */
export const STATE_CAP_BYTES = 4 << 20;

/** @throws ReplicaError if the record is over its cap */
export function encodeReplicaState(state: ReplicaState): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(FORMAT);
  writer.u53(state.appliedIndex);
  writer.u53(state.appliedTerm);
  writer.u53(state.revision);
  writer.u53(state.logTime);
  writer.u32(state.hash);
  writer.u53(state.historyFloor);
  writer.u53(state.firstTtlRevision);
  writer.block(PartitionDescriptor.encode(state.descriptor).finish());
  encodeConfState(writer, state.confState);
  state.sessions.encode(writer);
  writer.u32(crc32(writer.take()));
  if (writer.size > STATE_CAP_BYTES) broken('state-cap', `a state of ${writer.size} bytes`);
  return writer.take();
}

/** @throws ReplicaError REPLICA_STATE_CORRUPT */
export function decodeReplicaState(bytes: Uint8Array): ReplicaState {
  const end = bytes.length - CHECKSUM_BYTES;
  if (end < 1) fail(`${bytes.length} bytes`);
  const format = bytes[0]!;
  if (format !== FORMAT) fail(`format ${format}, which this version does not know`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(end, true) !== crc32(bytes, 0, 0, end)) fail('checksum');
  const reader = new ByteReader(bytes, end, fail);
  reader.u8();
  const state: ReplicaState = {
    appliedIndex: reader.u53(),
    appliedTerm: reader.u53(),
    revision: reader.u53(),
    logTime: reader.u53(),
    hash: reader.u32(),
    historyFloor: reader.u53(),
    firstTtlRevision: reader.u53(),
    descriptor: decodeDescriptor(reader.block()),
    confState: decodeConfState(reader),
    sessions: SessionTable.decode(reader, fail),
  };
  reader.finish();
  if (state.historyFloor > state.revision) fail('a history floor above the revision');
  return state;
}

function decodeDescriptor(bytes: Uint8Array): PartitionDescriptor {
  try {
    return PartitionDescriptor.decode(bytes);
  } catch (cause) {
    throw new ReplicaError(ReplicaErrorCode.StateCorrupt, 'replica state: descriptor', { cause });
  }
}

function encodeConfState(writer: ByteWriter, conf: ConfState): void {
  for (const ids of [conf.voters, conf.learners, conf.votersOutgoing, conf.learnersNext]) {
    writer.u32(ids.length);
    for (const id of ids) writer.u53(id);
  }
  writer.u8(conf.autoLeave ? 1 : 0);
}

function decodeConfState(reader: ByteReader): ConfState {
  const ids = (): number[] => {
    const result: number[] = [];
    for (let left = reader.u32(); left > 0; left--) result.push(reader.u53());
    return result;
  };
  const [voters, learners, votersOutgoing, learnersNext] = [ids(), ids(), ids(), ids()];
  return { voters, learners, votersOutgoing, learnersNext, autoLeave: reader.u8() === 1 };
}

function fail(what: string): never {
  throw new ReplicaError(ReplicaErrorCode.StateCorrupt, `replica state: ${what}`);
}
