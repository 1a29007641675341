import { crc32 } from '@dougdb/ports';
import { PartitionDescriptor, ReplicaRole } from '@dougdb/rpc-proto';
import fc from 'fast-check';
import { bytesOf, opId, put, viewOf } from '../../test/support/commands.js';
import { codeOf } from '../error-code.js';
import { confStateOf, genesisState, type ReplicaState } from '../state/replica-state.js';
import { SessionVerdict } from '../state/session-table.js';
import { ByteWriter } from './byte-writer.js';
import { encodeKeptResult } from './kept-result-format.js';
import { decodeReplicaState, encodeReplicaState } from './replica-state-format.js';

const descriptor = PartitionDescriptor.decode(
  PartitionDescriptor.encode({
    partitionId: 7,
    keyspace: 1,
    start: bytesOf('a'),
    end: bytesOf('m'),
    epoch: { version: 3, conf: 2 },
    replicas: [
      { replicaId: 12, nodeId: 2, role: ReplicaRole.REPLICA_ROLE_VOTER },
      { replicaId: 11, nodeId: 1, role: ReplicaRole.REPLICA_ROLE_VOTER },
      { replicaId: 13, nodeId: 3, role: ReplicaRole.REPLICA_ROLE_LEARNER },
    ],
  }).finish(),
);

function filled(): ReplicaState {
  const state = genesisState(descriptor, 1000);
  for (let session = 1; session <= 3; session++) {
    const command = put('k', 'v', opId(session, 900, session));
    expect(state.sessions.begin(command, viewOf(command), 1000)).toBe(SessionVerdict.Apply);
    const result = { compareFailed: true, bytes: bytesOf('result') };
    state.sessions.record(session, session === 2 ? result : null);
  }
  state.appliedIndex = 2 ** 40;
  state.appliedTerm = 9;
  state.revision = 3;
  state.hash = 0xfedc_ba98;
  state.historyFloor = 2;
  state.firstTtlRevision = 1;
  return state;
}

const codeOfDecoding = (bytes: Uint8Array): unknown => {
  try {
    decodeReplicaState(bytes);
    return null;
  } catch (error) {
    return codeOf(error);
  }
};

describe('replica state format', () => {
  const zeros = '00000000';
  /** The state at genesis behind its format. */
  const atGenesis =
    '0100000000000000' + // applied index
    '0100000000000000' + // applied term
    '0000000000000000' + // revision
    '3412000000000000' + // log time
    zeros + // hash
    '0000000000000000' + // history floor
    '0000000000000000' + // first revision with a time to live
    '10000000' +
    '080710011a0161' +
    '22016d' +
    '2a0408031002' +
    zeros.repeat(4) + // ConfState
    '00' +
    zeros; // sessions

  it('has these bytes at genesis, on every replica', () => {
    const bytes = encodeReplicaState(genesisState({ ...descriptor, replicas: [] }, 0x1234));
    expect(Buffer.from(bytes).toString('hex')).toBe(`03${atGenesis}bef87219`);
  });

  it('is refused in a format that is not known', () => {
    for (const format of [0, 1, 2, 4]) {
      const bytes = encodeReplicaState(filled());
      bytes[0] = format;
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(
        bytes.length - 4,
        crc32(bytes, 0, 0, bytes.length - 4),
        true,
      );
      expect(() => decodeReplicaState(bytes)).toThrow(`format ${format}`);
    }
  });

  it('has a history floor up to its revision', () => {
    const state = filled();
    state.historyFloor = 3;
    expect(decodeReplicaState(encodeReplicaState(state)).historyFloor).toBe(3);
    state.historyFloor = 4;
    expect(codeOfDecoding(encodeReplicaState(state))).toBe('REPLICA_STATE_CORRUPT');
  });

  it('has these bytes for a session with each kind of outcome', () => {
    const state = genesisState({ ...descriptor, replicas: [] }, 1000);
    const results = [
      null,
      {
        compareFailed: false,
        bytes: encodeKeptResult({ previousRevision: 4, previousValue: null }),
      },
      { compareFailed: false, bytes: null },
      {
        compareFailed: true,
        bytes: encodeKeptResult({ previousRevision: 6, previousValue: bytesOf('v') }),
      },
      { compareFailed: true, bytes: null },
      { compareFailed: true, bytes: encodeKeptResult({ operation: bytesOf('r') }) },
    ];
    for (const [i, result] of results.entries()) {
      const command = put('k', 'v', opId(1, 900, i + 1));
      expect(state.sessions.begin(command, viewOf(command), 1000)).toBe(SessionVerdict.Apply);
      state.sessions.record(i + 5, result);
    }
    const writer = new ByteWriter();
    state.sessions.encode(writer);
    expect(Buffer.from(writer.take()).toString('hex')).toBe(
      '01000000' +
        `0100${'5a'.repeat(14)}` +
        '8403000000000000' + // startedAt
        'e803000000000000' + // last use
        '0100000000000000' + // firstIncomplete
        '0600' +
        '0000' +
        '01' +
        '0500000000000000' +
        '0100' +
        '02' +
        '0600000000000000' +
        '0900' +
        '000400000000000000' +
        '0200' +
        '03' +
        '0700000000000000' +
        '0300' +
        '06' +
        '0800000000000000' +
        '0a00' +
        '01060000000000000076' +
        '0400' +
        '07' +
        '0900000000000000' +
        '0500' +
        '06' +
        '0a00000000000000' +
        '0200' +
        '0272',
    );
  });

  it('takes voters and learners from the descriptor, ascending', () => {
    expect(confStateOf(descriptor)).toEqual({
      voters: [11, 12],
      learners: [13],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    });
  });

  it('gives back what was put in, byte for byte when written again', () => {
    const bytes = encodeReplicaState(filled());
    const state = decodeReplicaState(bytes);
    expect(state).toMatchObject({
      appliedIndex: 2 ** 40,
      appliedTerm: 9,
      revision: 3,
      logTime: 1000,
      hash: 0xfedc_ba98,
      historyFloor: 2,
      firstTtlRevision: 1,
      descriptor,
      confState: confStateOf(descriptor),
    });
    const again = put('k', 'v', opId(2, 900, 2));
    expect(state.sessions.begin(again, viewOf(again), 1001)).toBe(SessionVerdict.Duplicate);
    expect(state.sessions.result).toEqual(bytesOf('result'));
    expect(encodeReplicaState(decodeReplicaState(bytes))).toEqual(bytes);
  });

  it('refuses every changed byte and every shorter record', () => {
    const bytes = encodeReplicaState(filled());
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at]! ^= 4;
      expect(codeOfDecoding(damaged)).toBe('REPLICA_STATE_CORRUPT');
      expect(codeOfDecoding(bytes.subarray(0, at))).toBe('REPLICA_STATE_CORRUPT');
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
        expect(codeOfDecoding(garbage)).toBe('REPLICA_STATE_CORRUPT');
      }),
    );
  });
});
