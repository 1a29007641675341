import { encodeInternal, type LookedWrite, PartitionDescriptor } from '@dougdb/rpc-proto';
import type { Db, Found, MaybePromise } from '@dougdb/sstable';
import { bytesOf, del, opId, put, textOf } from '../../test/support/commands.js';
import { briefLook } from '../../test/support/sink.js';
import { deleteRange, deleteStep, exists, getStep, putStep, txn } from '../../test/support/txns.js';
import { codeOf } from '../error-code.js';
import { decodeReplicaState, encodeReplicaState } from '../format/replica-state-format.js';
import { expiresAtOf, userValueOf } from '../format/stored-value.js';
import { ApplyOutcome } from './apply-outcome.js';
import { logTimeSpan } from './log-time.js';
import { genesisState } from './replica-state.js';
import { EXPIRY_INTERVAL_ENTRIES, StateMachine } from './state-machine.js';

const START = logTimeSpan(60_000_000);
const { Applied, Duplicate, OutOfRange, UnknownSession, Forgotten, Busy } = ApplyOutcome;

const noHost = { looked: () => undefined, pause: () => Promise.resolve() };

/** A database as a map; what it is asked to look at may be made to wait. */
class MapDb {
  readonly written: string[] = [];
  readonly entries = new Map<string, Found>();
  lastSequence = 0;
  /** Looks under way, oldest first, when `waits`. */
  readonly looks: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  waits = false;

  put(sequence: number, key: Uint8Array, value: Uint8Array): void {
    this.lastSequence = sequence;
    this.written.push(`${sequence} ${textOf(key)}=${textOf(value)}`);
    this.entries.set(textOf(key), { sequence, value: value.slice(), marked: false });
  }

  putMarked(sequence: number, key: Uint8Array, value: Uint8Array): void {
    this.lastSequence = sequence;
    const time = expiresAtOf({ value, marked: true });
    const shown = textOf(userValueOf({ value, marked: true }));
    this.written.push(`${sequence} ${textOf(key)}=${shown} until ${time - START}`);
    this.entries.set(textOf(key), { sequence, value: value.slice(), marked: true });
  }

  delete(sequence: number, key: Uint8Array): void {
    this.lastSequence = sequence;
    this.written.push(`${sequence} -${textOf(key)}`);
    this.entries.delete(textOf(key));
  }

  look(key: Uint8Array, { keysOnly }: { keysOnly: boolean }): MaybePromise<Found | null> {
    const entry = this.entries.get(textOf(key));
    const found =
      entry === undefined
        ? null
        : { ...entry, value: keysOnly ? new Uint8Array(0) : entry.value.slice() };
    if (!this.waits) return found;
    return new Promise((resolve, reject) => {
      this.looks.push({ resolve: () => resolve(found), reject });
    });
  }
}

function machineFor(
  start: string,
  end: string,
): { machine: StateMachine; written: string[]; db: MapDb; woken: () => number } {
  const db = new MapDb();
  const { written } = db;
  let woken = 0;
  const descriptor: PartitionDescriptor = {
    ...PartitionDescriptor.decode(new Uint8Array(0)),
    start: bytesOf(start),
    end: bytesOf(end),
    epoch: { version: 2, conf: 1 },
  };
  const state = genesisState(descriptor, START);
  const machine = new StateMachine(state, db as unknown as Db, {
    looked: () => woken++,
    pause: () => Promise.resolve(),
  });
  return { machine, written, db, woken: () => woken };
}

/** One entry with these commands. */
function apply(
  machine: StateMachine,
  commands: readonly Uint8Array[],
  logTime = machine.state.logTime + 1,
  epoch = 2,
): ApplyOutcome[] {
  machine.beginEntry(logTime, epoch);
  const outcomes = commands.map((command) => applyOne(machine, command));
  machine.endEntry(machine.state.appliedIndex + 1, 5);
  return outcomes;
}

function applyOne(machine: StateMachine, command: Uint8Array): ApplyOutcome {
  const outcome = machine.apply(command, 0, command.length);
  if (outcome === null) throw new Error('the test did not expect it to wait');
  return outcome;
}

/** One entry; what each of its commands answers. */
function answers(machine: StateMachine, ...commands: Uint8Array[]): string[] {
  machine.beginEntry(machine.state.logTime + 1, 2);
  const told = commands.map((command) => {
    const outcome = applyOne(machine, command);
    const { looked, revision } = machine;
    const again = outcome === Duplicate ? 'again ' : '';
    return again + (looked === null ? `written ${revision}` : briefLook(looked));
  });
  machine.endEntry(machine.state.appliedIndex + 1, 5);
  return told;
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

describe('a command that looks first', () => {
  it('puts only where its condition is met, and takes no revision where it is not', () => {
    const { machine, written } = machineFor('', '');
    expect(
      answers(
        machine,
        put('a', '1', null, { ifAbsent: true }),
        put('a', '2', null, { ifAbsent: true }),
        put('a', '3', null, { ifRevision: 1 }),
        put('a', '4', null, { ifRevision: 1 }),
        put('a', '5', null, { ifRevision: 99 }),
        put('b', '6', null, { ifRevision: 1 }),
      ),
    ).toEqual([
      'done 1 was nothing',
      'refused 1 was 1',
      'done 2 was 1',
      'refused 2 was 2',
      'refused 2 was 2',
      'refused 2 was nothing',
    ]);
    expect(written).toEqual(['1 a=1', '2 a=3']);
    expect(machine.state.revision).toBe(2);
  });

  it('deletes only what is there, and takes no revision for nothing', () => {
    const { machine, written } = machineFor('', '');
    expect(
      answers(
        machine,
        del('a', null, { returnExisted: true }),
        put('a', '1'),
        del('a', null, { ifRevision: 7 }),
        del('a', null, { returnExisted: true }),
        del('a', null, { returnPrevious: true }),
        del('a', null, { ifRevision: 1 }),
        del('a'),
      ),
    ).toEqual([
      'done 0 was nothing',
      'written 1',
      'refused 1 was 1',
      'done 2 was 1',
      'done 2 was nothing',
      'refused 2 was nothing',
      'written 3',
    ]);
    expect(written).toEqual(['1 a=1', '2 -a', '3 -a']);
  });

  it('tells the value that was there, or stands in the way, if it is asked to', () => {
    const { machine } = machineFor('', '');
    const returnPrevious = true;
    expect(
      answers(
        machine,
        put('a', '1', null, { returnPrevious }),
        put('a', '', null, { returnPrevious }),
        put('a', '3', null, { returnPrevious }),
        put('a', '4', null, { ifAbsent: true, returnPrevious }),
        del('a', null, { returnPrevious, ifRevision: 9 }),
        del('a', null, { returnPrevious }),
      ),
    ).toEqual([
      'done 1 was nothing',
      'done 2 was 1 1',
      'done 3 was  2',
      'refused 3 was 3 3',
      'refused 3 was 3 3',
      'done 4 was 3 3',
    ]);
  });

  it('sees what an earlier command of its entry did', () => {
    const { machine } = machineFor('', '');
    expect(
      answers(
        machine,
        put('a', '1'),
        put('a', '2', null, { ifRevision: 1, returnPrevious: true }),
        del('a'),
        put('a', '3', null, { ifAbsent: true }),
        del('a', null, { returnPrevious: true }),
      ),
    ).toEqual(['written 1', 'done 2 was 1 1', 'written 3', 'done 4 was nothing', 'done 5 was 3 4']);
  });

  it('leaves the hash as it is where nothing changes, and changes it as a blind one does', () => {
    const hashAfter = (...commands: Uint8Array[]): number => {
      const { machine } = machineFor('', '');
      apply(machine, commands);
      return machine.state.hash;
    };
    const hash = hashAfter(put('a', '1'), del('a'));
    expect(
      hashAfter(
        del('a', null, { returnExisted: true }),
        put('a', '1', null, { ifAbsent: true }),
        put('a', '2', null, { ifAbsent: true }),
        put('a', '2', null, { ifRevision: 9 }),
        del('a', null, { ifRevision: 1 }),
        del('a', null, { ifRevision: 1 }),
      ),
    ).toBe(hash);
  });

  it('INVARIANT(applied-once): answers as the first time when it is sent again, whatever is there by then', () => {
    const { machine, written } = machineFor('', '');
    const ops = [
      put('a', '1', opId(1, START, 1), { ifAbsent: true }),
      put('a', '2', opId(1, START, 2), { ifAbsent: true, returnPrevious: true }),
      del('b', opId(1, START, 3), { returnExisted: true }),
      put('a', '3', opId(1, START, 4), { ifRevision: 1, returnPrevious: true }),
      del('a', opId(1, START, 5), { returnPrevious: true }),
      put('a', '4', opId(1, START, 6)),
    ];
    const first = [
      'done 1 was nothing',
      'refused 1 was 1 1',
      'done 1 was nothing',
      'done 2 was 1 1',
      'done 3 was 3 2',
      'written 4',
    ];
    expect(answers(machine, ...ops)).toEqual(first);
    const again = first.map((answer) => `again ${answer}`);
    expect(answers(machine, ...ops)).toEqual(again);
    answers(machine, put('b', 'x'), del('a'));
    const hash = machine.state.hash;
    expect(answers(machine, ...[...ops].reverse())).toEqual([...again].reverse());
    expect(machine.state.hash).toBe(hash);
    expect(written).toHaveLength(6);
    // From the state record, too.
    const state = decodeReplicaState(encodeReplicaState(machine.state));
    const restored = new StateMachine(state, new MapDb() as unknown as Db, noHost);
    expect(answers(restored, ...ops)).toEqual(again);
  });

  it('keeps of a large previous value that there was one, and whether the compare failed', () => {
    const { machine } = machineFor('', '');
    const [small, large] = ['x'.repeat(4096), 'x'.repeat(4097)];
    const returnPrevious = true;
    answers(machine, put('a', small), put('b', large));
    const ops = [
      put('a', '', opId(1, START, 1), { returnPrevious, ifAbsent: true }),
      put('b', '', opId(1, START, 2), { returnPrevious, ifAbsent: true }),
      put('b', '', opId(1, START, 3), { returnPrevious }),
      put('c', large, opId(1, START, 4), { ifAbsent: true }),
      put('c', '', opId(1, START, 5), { ifRevision: 4 }),
    ];
    expect(answers(machine, ...ops)).toEqual([
      `refused 2 was ${small} 1`,
      `refused 2 was ${large} 2`,
      `done 3 was ${large} 2`,
      'done 4 was nothing',
      'done 5 was 4',
    ]);
    expect(answers(machine, ...ops)).toEqual([
      `again refused 2 was ${small} 1`,
      'again refused 2 not kept',
      'again done 3 not kept',
      'again done 4 was nothing',
      'again done 5 was 4',
    ]);
  });

  it('is refused by range and session before it looks', () => {
    const { machine, db } = machineFor('f', 'm');
    db.waits = true;
    const conditions = { ifAbsent: true };
    const old = START - logTimeSpan(5 * 60_000);
    expect(
      apply(machine, [
        put('a', '1', null, conditions),
        put('g', '1', opId(1, old, 1), conditions),
        put('g', '1', opId(2, START, 2000), conditions),
      ]),
    ).toEqual([OutOfRange, UnknownSession, Busy]);
    expect(db.looks).toEqual([]);
  });

  it('waits for the disk, inside its entry, and goes on with what was there', async () => {
    const { machine, db, woken, written } = machineFor('', '');
    answers(machine, put('a', '1'));
    db.waits = true;
    const command = put('a', '2', opId(1, START, 1), { ifRevision: 1, returnPrevious: true });
    machine.beginEntry(machine.state.logTime + 1, 2);
    expect(machine.apply(command, 0, command.length)).toBeNull();
    expect([machine.isLooking, machine.isInsideEntry, machine.state.revision]).toEqual([
      true,
      true,
      1,
    ]);
    expect(written).toEqual(['1 a=1']);
    db.looks[0]?.resolve();
    await machine.lookEnded();
    expect([machine.isLooking, woken()]).toEqual([false, 1]);
    expect(machine.resume(command)).toBe(Applied);
    expect(briefLook(machine.looked!)).toBe('done 2 was 1 1');
    expect(() => machine.resume(command)).toThrow('without a look');
    machine.endEntry(3, 5);
    expect(written).toEqual(['1 a=1', '2 a=2']);
    expect(answers(machine, command)).toEqual(['again done 2 was 1 1']);
  });

  it('that finds damage takes no effect, now or after waiting', async () => {
    const { machine, db, written } = machineFor('', '');
    const command = put('a', '2', opId(1, START, 1), { ifAbsent: true });
    const damage = Object.assign(new Error('a bad block'), { code: 'SST_CORRUPT' });
    db.waits = true;
    machine.beginEntry(START + 1, 2);
    expect(machine.apply(command, 0, command.length)).toBeNull();
    db.looks[0]?.reject(damage);
    await machine.lookEnded();
    expect(codeOfRun(() => machine.resume(command))).toBe('SST_CORRUPT');
    db.look = () => {
      throw damage;
    };
    const other = put('b', '2', null, { ifAbsent: true });
    expect(codeOfRun(() => machine.apply(other, 0, other.length))).toBe('SST_CORRUPT');
    expect([written, machine.state.revision, machine.state.hash]).toEqual([[], 0, 0]);
  });

  it('INVARIANT(look-at-place): stops at a database that holds more than the commands before it', () => {
    const { machine, db, written } = machineFor('', '');
    answers(machine, put('a', '1'));
    // As if tables of a later frontier had been found.
    db.put(2, bytesOf('a'), bytesOf('from the future'));
    machine.beginEntry(machine.state.logTime + 1, 2);
    const command = put('a', '2', null, { ifRevision: 2 });
    expect(codeOfRun(() => machine.apply(command, 0, command.length))).toBe('REPLICA_INVARIANT');
    expect(written).toHaveLength(2);
    expect(machine.state.revision).toBe(1);
  });
});

describe('a command of several keys', () => {
  it('INVARIANT(txn-atomic): stops if something came between what it found and what it does', async () => {
    const { machine, db, written } = machineFor('', '');
    db.waits = true;
    const command = txn({ success: [deleteStep('a'), putStep('b', '1')] });
    machine.beginEntry(machine.state.logTime + 1, 2);
    expect(machine.apply(command, 0, command.length)).toBeNull();
    db.put(1, bytesOf('c'), bytesOf('from nowhere'));
    db.looks[0]?.resolve();
    await machine.lookEnded();
    expect(codeOfRun(() => machine.resume(command))).toBe('REPLICA_INVARIANT');
    expect(written).toEqual(['1 c=from nowhere']);
    expect(machine.state.revision).toBe(0);
  });

  it('INVARIANT(range-at-apply): is refused if one of its keys is not, or no longer, here, before it looks', () => {
    const { machine, db, written } = machineFor('f', 'm');
    db.waits = true;
    const id = opId(1, START, 1);
    const outside = [
      txn({ success: [putStep('g', '1'), putStep('m', '1')] }, id),
      txn({ if: [exists(['g', 'n'])], success: [putStep('g', '1')] }, id),
      txn({ success: [putStep('g', '1')], failure: [getStep('a')] }, id),
      deleteRange('f', 'n', 1, id),
      deleteRange('a', 'g', 1, id),
    ];
    expect(apply(machine, outside, undefined, 1)).toEqual(outside.map(() => OutOfRange));
    expect([written, db.looks, machine.state.sessions.size]).toEqual([[], [], 0]);
  });

  it('holds on to no bytes of an entry that is over', () => {
    const { machine } = machineFor('', '');
    apply(machine, [txn({ success: [putStep('a', '1')] })]);
    expect(machine.looked?.result).toHaveLength(6);
    expect(apply(machine, [put('b', '1')])).toEqual([Applied]);
    expect(machine.looked).toBeNull();
  });
});

const expire = (...keys: readonly (readonly [string, number])[]): Uint8Array =>
  encodeInternal({
    $case: 'expire',
    value: { keys: keys.map(([key, revision]) => ({ key: bytesOf(key), revision })) },
  });
const compact = (revision: number): Uint8Array =>
  encodeInternal({ $case: 'compact', value: { revision } });

/** Log times behind START at which the entries stand. */
function entryAt(machine: StateMachine, at: number, commands: readonly Uint8Array[]): void {
  machine.beginEntry(START + at, 2);
  for (const command of commands) {
    expect(machine.apply(command, 0, command.length)).toBe(Applied);
  }
  const { appliedIndex } = machine.state;
  machine.endEntry(appliedIndex + 1, 1);
}

describe('a time to live', () => {
  const MS = logTimeSpan(1);

  it('counts from the log time of its entry, also in a transaction', () => {
    const { machine, written } = machineFor('', '');
    const inTxn = txn({ success: [putStep('b', '2', { ttlMs: 2 })] });
    entryAt(machine, 100, [put('a', '1', null, { ttlMs: 1 }), inTxn]);
    entryAt(machine, 200, [put('a', '3', null, { ttlMs: 1 }), put('b', '4')]);
    expect(written).toEqual([
      `1 a=1 until ${100 + MS}`,
      `2 b=2 until ${100 + 2 * MS}`,
      `3 a=3 until ${200 + MS}`,
      '4 b=4',
    ]);
    expect(machine.state.firstTtlRevision).toBe(1);
  });

  it('is no part of what a write tells of the version before', () => {
    const { machine } = machineFor('', '');
    entryAt(machine, 100, [put('a', 'value', null, { ttlMs: 1 })]);
    entryAt(machine, 200, [put('a', '2', null, { returnPrevious: true })]);
    expect(briefLook(machine.looked as LookedWrite)).toBe('done 2 was value 1');
    entryAt(machine, 300, [put('a', '3', null, { ttlMs: 1 })]);
    entryAt(machine, 400, [del('a', null, { ifRevision: 3, returnPrevious: true })]);
    expect(briefLook(machine.looked as LookedWrite)).toBe('done 4 was 3 3');
  });

  it('INVARIANT(expire-at-revision): ends by an entry that is late enough, at the revision that had it', () => {
    const { machine, written } = machineFor('', '');
    const ttl = { ttlMs: 1 };
    entryAt(
      machine,
      100,
      ['a', 'b', 'c', 'd'].map((key) => put(key, '1', null, ttl)),
    );
    entryAt(machine, 200, [put('b', '2'), put('c', '2', null, ttl), del('d')]);
    written.length = 0;
    const all = expire(['c', 3], ['a', 1], ['b', 2], ['d', 4], ['e', 9], ['a', 1]);
    // A step too early: another clock thought that it is over.
    entryAt(machine, 99 + MS, [all]);
    expect([written, machine.state.revision, machine.revision]).toEqual([[], 7, 7]);
    entryAt(machine, 100 + MS, [all, expire(['b', 5]), expire(['c', 6])]);
    expect(written).toEqual(['8 -a']);
    entryAt(machine, 200 + MS, [expire(['c', 6], ['a', 8])]);
    expect(written).toEqual(['8 -a', '9 -c']);
  });

  it('of many keys ends at one revision', () => {
    const { machine, written } = machineFor('', '');
    entryAt(
      machine,
      100,
      ['b', 'a', 'c'].map((key) => put(key, '1', null, { ttlMs: 1 })),
    );
    written.length = 0;
    entryAt(machine, 200 + MS, [expire(['c', 3], ['a', 2], ['b', 1])]);
    expect(written).toEqual(['4 -a', '4 -b', '4 -c']);
  });
});

describe('a compaction', () => {
  it('moves the history floor, never back and never beyond what there is, and takes no revision', () => {
    const { machine } = machineFor('', '');
    entryAt(
      machine,
      100,
      ['a', 'b', 'c'].map((key) => put(key, '1')),
    );
    const floors: number[] = [];
    const hashes = new Set<number>();
    for (const [i, revision] of [2, 1, 0, 2, 9].entries()) {
      entryAt(machine, 200 + i, [compact(revision)]);
      floors.push(machine.state.historyFloor);
      hashes.add(machine.state.hash);
    }
    expect(floors).toEqual([2, 2, 2, 2, 3]);
    expect([hashes.size, machine.state.revision]).toEqual([2, 3]);
    const again = decodeReplicaState(encodeReplicaState(machine.state));
    expect(again.historyFloor).toBe(3);
  });
});
