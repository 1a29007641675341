import { PartitionDescriptor } from '@dougdb/rpc-proto';
import type { Db } from '@dougdb/sstable';
import { bytesOf, del, opId, put, textOf } from '../../test/support/commands.js';
import { codeOf } from '../error-code.js';
import { logTimeSpan } from './log-time.js';
import { genesisState } from './replica-state.js';
import { ApplyOutcome, EXPIRY_INTERVAL_ENTRIES, StateMachine } from './state-machine.js';

const START = logTimeSpan(60_000_000);
const { Applied, Duplicate, OutOfRange, UnknownSession, Forgotten, Busy } = ApplyOutcome;

function machineFor(start: string, end: string): { machine: StateMachine; written: string[] } {
  const written: string[] = [];
  const db = {
    put: (sequence: number, key: Uint8Array, value: Uint8Array) =>
      written.push(`${sequence} ${textOf(key)}=${textOf(value)}`),
    delete: (sequence: number, key: Uint8Array) => written.push(`${sequence} -${textOf(key)}`),
  };
  const descriptor: PartitionDescriptor = {
    ...PartitionDescriptor.decode(new Uint8Array(0)),
    start: bytesOf(start),
    end: bytesOf(end),
    epoch: { version: 2, conf: 1 },
  };
  const state = genesisState(descriptor, START);
  return { machine: new StateMachine(state, db as unknown as Db), written };
}

/** One entry with these commands. */
function apply(
  machine: StateMachine,
  commands: readonly Uint8Array[],
  logTime = machine.state.logTime + 1,
  epoch = 2,
): ApplyOutcome[] {
  machine.beginEntry(logTime, epoch);
  const outcomes = commands.map((command) => machine.apply(command, 0, command.length));
  machine.endEntry(machine.state.appliedIndex + 1, 5);
  return outcomes;
}

const codeOfRun = (run: () => unknown): unknown => {
  try {
    run();
    return null;
  } catch (error) {
    return codeOf(error);
  }
};

describe('StateMachine', () => {
  it('gives each change of user data the next revision, a blind delete of nothing too', () => {
    const { machine, written } = machineFor('', '');
    expect(apply(machine, [put('a', '1'), del('nothing'), put('a', '2')])).toEqual([
      Applied,
      Applied,
      Applied,
    ]);
    expect(written).toEqual(['1 a=1', '2 -nothing', '3 a=2']);
    expect(machine.state).toMatchObject({ revision: 3, appliedIndex: 2, appliedTerm: 5 });
  });

  it('has the same hash after the same effects, and another one after others', () => {
    const hashAfter = (...commands: Uint8Array[]): number => {
      const { machine } = machineFor('', '');
      apply(machine, commands);
      return machine.state.hash;
    };
    const hash = hashAfter(put('a', '1'), del('b'));
    expect(hashAfter(put('a', '1', opId(1, START, 1)), del('b'))).toBe(hash);
    const others = [
      hashAfter(),
      hashAfter(put('a', '1')),
      hashAfter(del('b'), put('a', '1')),
      hashAfter(put('a', '2'), del('b')),
    ];
    expect(new Set([hash, ...others]).size).toBe(5);
  });

  it('INVARIANT(applied-once): applies an op once, however often it is in the log', () => {
    const { machine, written } = machineFor('', '');
    const once = put('a', '1', opId(1, START, 1));
    expect(apply(machine, [once, once])).toEqual([Applied, Duplicate]);
    expect(machine.revision).toBe(1);
    expect(apply(machine, [put('a', '2'), once])).toEqual([Applied, Duplicate]);
    expect(machine.revision).toBe(1);
    expect(written).toEqual(['1 a=1', '2 a=2']);
    const { hash } = machine.state;
    apply(machine, [once]);
    expect(machine.state.hash).toBe(hash);
  });

  it('INVARIANT(range-at-apply): refuses keys that are not in its range, and changes nothing for them', () => {
    const { machine, written } = machineFor('f', 'm');
    const outside = put('z', '1', opId(1, START, 1));
    const before = { hash: machine.state.hash, revision: machine.state.revision };
    expect(apply(machine, [outside, put('a', '1'), put('m', '1')], undefined, 1)).toEqual([
      OutOfRange,
      OutOfRange,
      OutOfRange,
    ]);
    expect(machine.state).toMatchObject(before);
    expect(machine.state.sessions.size).toBe(0);
    expect(written).toEqual([]);
    // An older epoch alone is no reason: the key is still here.
    expect(apply(machine, [put('g', '1')], undefined, 1)).toEqual([Applied]);
  });

  it('refuses ops of sessions that are too old, finished or too far ahead', () => {
    const { machine } = machineFor('', '');
    const old = START - logTimeSpan(5 * 60_000);
    expect(apply(machine, [put('a', '1', opId(1, old, 1))])).toEqual([UnknownSession]);
    expect(apply(machine, [put('a', '1', opId(2, START, 5, 5))])).toEqual([Applied]);
    expect(apply(machine, [put('a', '1', opId(2, START, 4, 4))])).toEqual([Forgotten]);
    expect(apply(machine, [put('a', '1', opId(2, START, 5 + 1024, 5))])).toEqual([Busy]);
    expect(machine.state.revision).toBe(1);
  });

  it('removes idle sessions at fixed indexes only', () => {
    const { machine } = machineFor('', '');
    apply(machine, [put('a', '1', opId(1, START, 1))], START + 1);
    const late = START + 1 + logTimeSpan(10 * 60_000);
    let expired = 0;
    while (expired === 0) {
      expect(machine.state.sessions.size).toBe(1);
      const index = machine.state.appliedIndex + 1;
      machine.beginEntry(late + index, 2);
      expired = machine.endEntry(index, 5);
    }
    expect(machine.state.appliedIndex).toBe(EXPIRY_INTERVAL_ENTRIES);
    expect(machine.state.sessions.size).toBe(0);
  });

  it('INVARIANT(apply-in-order): stops at an index that does not follow', () => {
    const { machine } = machineFor('', '');
    for (const index of [1, 3]) {
      expect(codeOfRun(() => machine.endEntry(index, 1))).toBe('REPLICA_INVARIANT');
    }
    expect(codeOfRun(() => machine.endEntry(2, 1))).toBeNull();
  });

  it('INVARIANT(log-time-monotonic): stops at a log time that goes back, and at an epoch from the future', () => {
    const { machine } = machineFor('', '');
    expect(codeOfRun(() => machine.beginEntry(START, 2))).toBe('REPLICA_INVARIANT');
    expect(codeOfRun(() => machine.beginEntry(START + 1, 3))).toBe('REPLICA_INVARIANT');
  });

  it('stops at a command that it does not understand, and does not skip it', () => {
    const { machine, written } = machineFor('', '');
    machine.beginEntry(START + 1, 2);
    const unknown = new Uint8Array([...put('a', '1'), 0x22, 0x00]);
    expect(codeOfRun(() => machine.apply(unknown, 0, unknown.length))).toBe('REPLICA_ENTRY_FORMAT');
    expect(written).toEqual([]);
  });

  it('applies sizes that its own limits would refuse: the leader has judged them', () => {
    const { machine } = machineFor('', '');
    const large = put('k'.repeat(9000), 'v'.repeat((1 << 20) + 1));
    expect(apply(machine, [large])).toEqual([Applied]);
  });
});
