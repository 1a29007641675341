import { encodeInternal, type OpIdFields } from '@dougdb/rpc-proto';
import { Alone } from './support/alone.js';
import { bytesOf, opId, put } from './support/commands.js';
import { brief } from './support/sink.js';
import {
  briefDeletion,
  briefTxn,
  deleteRange,
  deleteRangeStep,
  deleteStep,
  exists,
  getStep,
  putStep,
  revisionIs,
  scanStep,
  txn,
  valueIs,
} from './support/txns.js';

/** One replica with a=1, b=2, c=3, d=4 at revisions 1 to 4. */
async function abcd(): Promise<Alone> {
  const alone = await Alone.started();
  for (const [at, key] of ['a', 'b', 'c', 'd'].entries()) await alone.write(put(key, `${at + 1}`));
  return alone;
}

async function carryOut(alone: Alone, command: Uint8Array): Promise<string> {
  return briefTxn(await alone.run(alone.node.write(command)));
}

describe('a transaction', () => {
  it('INVARIANT(txn-one-revision): does all of its list at one revision, later steps seeing earlier ones', async () => {
    const alone = await abcd();
    const command = txn({
      if: [revisionIs('a', '=', 1), valueIs('b', '=', '2'), exists('e', false)],
      success: [
        putStep('e', '5'),
        deleteStep('b', true),
        putStep('a', 'x', { returnPrevious: true }),
        getStep('a'),
        scanStep('a', 'z'),
        deleteRangeStep('c', 'f'),
        scanStep('a', 'z', { reverse: true, limit: 1 }),
      ],
    });
    expect(await carryOut(alone, command)).toBe(
      'then 5: put, deleted was b=2@2, put was a=1@1, get a=x@5, ' +
        'scan [a=x@5 c=3@3 d=4@4 e=5@5], deleted 3, scan [a=x@5]',
    );
    expect(await alone.all(['a', 'b', 'c', 'd', 'e'].map((key) => alone.node.read(key)))).toEqual([
      'found x 5',
      ...['absent', 'absent', 'absent', 'absent'],
    ]);
    expect(alone.node.replica.status().revision).toBe(5);
  });
});

describe('a transaction in the log', () => {
  it('is carried out at its place: it sees the commands before it in its entry, and those behind see it', async () => {
    const alone = await Alone.started();
    const { node } = alone;
    const before = node.replica.status().lastIndex;
    const swap = txn({
      if: [valueIs('a', '=', '1')],
      success: [getStep('a'), putStep('a', '2'), putStep('b', '1')],
      failure: [getStep('a')],
    });
    const writes = [node.write(put('a', '1')), node.write(swap), node.write(swap)];
    writes.push(node.write(put('b', '3', null, { ifRevision: 2, returnPrevious: true })));
    const [blind, first, second, last] = await alone.run(Promise.all(writes));
    expect([brief(blind!), briefTxn(first!), briefTxn(second!), brief(last!)]).toEqual([
      'written 1',
      'then 2: get a=1@1, put, put',
      'else 2: get a=2@2',
      'done 3 was 1 2',
    ]);
    expect(node.replica.status().lastIndex).toBe(before + 1);
  });

  it('that does nothing takes no revision; a blind one does not look', async () => {
    const alone = await abcd();
    const nothing = txn({ success: [getStep('a'), deleteStep('x'), deleteRangeStep('x', 'y')] });
    expect(await carryOut(alone, nothing)).toBe('then 4: get a=1@1, nothing deleted, deleted 0');
    expect(await carryOut(alone, txn({ if: [exists('a')] }))).toBe('then 4');
    expect(await carryOut(alone, txn({ if: [exists('x')], success: [putStep('x', '1')] }))).toBe(
      'else 4',
    );
    const look = jest.spyOn(alone.node.db, 'look');
    const iterator = jest.spyOn(alone.node.db, 'iterator');
    expect(await carryOut(alone, txn({ success: [putStep('x', '1'), putStep('y', '2')] }))).toBe(
      'then 5: put, put',
    );
    expect([look.mock.calls, iterator.mock.calls]).toEqual([[], []]);
  });

  it('INVARIANT(applied-once): answers as the first time when it is sent again, from log and state record', async () => {
    const alone = await Alone.started({ settings: { freezeLogEntries: 3, retainLogBytes: 0 } });
    const id = (seq: number): OpIdFields => opId(1, alone.now, seq);
    const long = 'x'.repeat(4000);
    const ops = [
      { op: txn({ success: [putStep('a', long)] }, id(1)), answer: 'then 1: put' },
      { op: txn({ success: [getStep('a')] }, id(2)), answer: `then 1: get a=${long}@1` },
      {
        op: txn({ if: [exists('b')], failure: [putStep('b', '1'), getStep('b')] }, id(3)),
        answer: 'else 2: put, get b=1@2',
      },
      { op: txn({ success: [deleteRangeStep('a', 'z')] }, id(4)), answer: 'then 3: deleted 2' },
    ];
    for (const { op, answer } of ops) expect(await carryOut(alone, op)).toBe(answer);
    await alone.write(put('a', 'later'));
    for (let restarts = 0; restarts < 2; restarts++) {
      for (const { op, answer } of ops) expect(await carryOut(alone, op)).toBe(answer);
      expect(alone.node.replica.status()).toMatchObject({ revision: 4, sessions: 1 });
      await alone.restart();
    }
  });

  it('whose result is too large to be kept still tells which list was carried out', async () => {
    const alone = await Alone.started();
    const id = (seq: number): OpIdFields => opId(1, alone.now, seq);
    const long = 'x'.repeat(4200);
    await alone.write(put('a', long));
    const read = { success: [getStep('a')], failure: [putStep('b', '1'), getStep('a')] };
    const held = txn(read, id(1));
    const failed = txn({ ...read, if: [exists('x')] }, id(2));
    const removed = deleteRange('a', 'b', 1, id(3));
    expect(await carryOut(alone, held)).toBe(`then 1: get a=${long}@1`);
    expect(await carryOut(alone, failed)).toBe(`else 2: put, get a=${long}@1`);
    expect(briefDeletion(await alone.run(alone.node.write(removed)))).toBe('deleted 1 at 3');
    expect(await carryOut(alone, held)).toBe('then 1 not kept');
    expect(await carryOut(alone, failed)).toBe('else 2 not kept');
    expect(briefDeletion(await alone.run(alone.node.write(removed)))).toBe('deleted 1 at 3');
    expect(alone.node.replica.status().revision).toBe(3);
  });

  it('waits for disks inside of its entry, for each key that it looks at', async () => {
    const alone = await Alone.started({
      settings: { freezeLogEntries: 2, retainLogBytes: 0 },
      cacheBytes: 0,
    });
    for (const key of ['a', 'b', 'c', 'd']) await alone.write(put(key, `${key}${key}`));
    await alone.scheduler.advance(50);
    await alone.restart();
    const { node } = alone;
    node.fs.failNext({ kind: 'read', path: /\.sst/ }, { fault: 'stall' });
    const command = txn({
      if: [valueIs('a', '=', 'aa'), valueIs('b', '=', 'bb')],
      success: [getStep('c'), scanStep('a', 'z', { reverse: true, keysOnly: true })],
    });
    const before = node.write(put('d', 'before'));
    const answer = node.write(command);
    const behind = node.write(put('a', 'behind'));
    for (let i = 0; i < 100 && node.fs.stalledCount === 0; i++) await alone.scheduler.advance(0.2);
    expect([node.fs.stalledCount, node.replica.status().state]).toEqual([1, 'serving']);
    expect(node.replica.stateHash()).toBeNull();
    node.fs.releaseStalled();
    expect(await alone.all([before, behind])).toEqual(['written 5', 'written 6']);
    expect(briefTxn(await alone.run(answer))).toBe(
      'then 5: get c=cc@3, scan [d=@5 c=@3 b=@2 a=@1]',
    );
    expect(await carryOut(alone, command)).toBe('else 6');
  });

  it('walks ranges that are not in memory without a read that holds up the process', async () => {
    const alone = await Alone.started({ settings: { freezeLogEntries: 4, retainLogBytes: 0 } });
    for (let i = 0; i < 24; i++) await alone.write(put(`k${100 + i}`, 'v'.repeat(3000)));
    await alone.scheduler.advance(50);
    await alone.restart();
    const { node } = alone;
    const reads = { blocking: 0, offLoop: 0 };
    node.fs.onOperation(({ kind, path, blocking }) => {
      if (kind === 'read' && path.endsWith('.sst')) reads[blocking ? 'blocking' : 'offLoop']++;
      return 'ok';
    });
    const command = txn({
      if: [exists(['k', 'k1']), valueIs(['k110', 'k115'], '=', 'v'.repeat(3000))],
      failure: [scanStep('k', 'l', { reverse: true, keysOnly: true, limit: 2 })],
      success: [putStep('a', '1')],
    });
    expect(await carryOut(alone, command)).toBe('else 24: scan [k123=@24 k122=@23 ...]');
    expect(briefDeletion(await alone.run(node.write(deleteRange('k', 'l', 20))))).toBe(
      'deleted 20 at 25, next k120',
    );
    node.fs.onOperation(null);
    expect(reads.blocking).toBe(0);
    expect(reads.offLoop).toBeGreaterThan(20);
  });
});

describe('a command that is refused by the leader', () => {
  it('changes nothing: keys of several partitions, keys of another one, what is over a limit, what only leaders make', async () => {
    const alone = await abcd();
    const outcome = async (command: Uint8Array, epoch = 0): Promise<string> =>
      brief(await alone.run(alone.node.write(command, { epoch })));
    // The partition is [a, z) at epoch 1.
    const both = txn({ success: [putStep('a', 'x'), putStep('z', 'x')] });
    expect(await outcome(both)).toBe('CROSS_PARTITION NOT_APPLIED');
    expect(await outcome(both, 2)).toBe('EPOCH_MISMATCH NOT_APPLIED');
    expect(await outcome(txn({ success: [putStep('z', 'x'), putStep('a', 'x')] }))).toBe(
      'EPOCH_MISMATCH NOT_APPLIED',
    );
    expect(await outcome(txn({ failure: [scanStep('b', '')] }))).toBe(
      'CROSS_PARTITION NOT_APPLIED',
    );
    expect(await outcome(deleteRange('a', 'zz'))).toBe('CROSS_PARTITION NOT_APPLIED');
    expect(await outcome(deleteRange('', 'b'))).toBe('EPOCH_MISMATCH NOT_APPLIED');
    const steps = Array.from({ length: 129 }, () => getStep('a'));
    expect(await outcome(txn({ success: steps }))).toBe('INVALID_ARGUMENT NOT_APPLIED');
    expect(await outcome(txn({}))).toBe('INVALID_ARGUMENT NOT_APPLIED');
    expect(await outcome(deleteRange('a', 'b', 1025))).toBe('INVALID_ARGUMENT NOT_APPLIED');
    const unordered = txn({ success: [scanStep('b', 'a')] });
    expect(await outcome(unordered)).toBe('INVALID_ARGUMENT NOT_APPLIED');
    const expiry = { keys: [{ key: bytesOf('a'), revision: 1 }] };
    const internal = [
      encodeInternal({ $case: 'expire', value: expiry }),
      encodeInternal({ $case: 'compact', value: { revision: 1 } }),
    ];
    for (const command of internal) expect(await outcome(command)).toMatch(/ NOT_APPLIED$/);
    const { replica } = alone.node;
    expect([replica.status().revision, replica.status().state]).toEqual([4, 'serving']);
  });
});

describe('a transaction that would do too much', () => {
  it('INVARIANT(commands-bounded): is refused where its answer is more than an answer carries', async () => {
    const alone = await Alone.started();
    const large = 'v'.repeat(1 << 20);
    for (const key of ['a', 'b', 'c']) await alone.write(put(key, large));
    const read = txn({ success: [putStep('e', '1'), scanStep('a', 'd')] });
    expect(await carryOut(alone, read)).toMatch(/^then 4: put, scan \[a=v/);
    await alone.write(put('d', large));
    const tooMuch = txn({ success: [putStep('e', '2'), scanStep('a', 'z'), getStep('a')] });
    expect(await carryOut(alone, tooMuch)).toBe('TOO_LARGE NOT_APPLIED');
    expect(await alone.read('e')).toBe('found 1 4');
    const keys = txn({ success: [scanStep('a', 'z', { keysOnly: true })] });
    expect(await carryOut(alone, keys)).toBe('then 5: scan [a=@1 b=@2 c=@3 d=@5 e=@4]');
  });

  it('INVARIANT(commands-bounded): is refused at its place, with nothing done, and nothing remembered of it', async () => {
    const alone = await Alone.started();
    for (let i = 0; i < 1024; i += 256) {
      const puts = Array.from({ length: 128 }, (_, k) => [
        putStep(`m${1000 + i + 2 * k}`, 'v'),
        putStep(`m${1001 + i + 2 * k}`, 'v'),
      ]);
      await carryOut(alone, txn({ success: puts.slice(0, 64).flat() }));
      await carryOut(alone, txn({ success: puts.slice(64).flat() }));
    }
    expect(alone.node.replica.status().revision).toBe(8);
    const id = opId(1, alone.now, 1);
    const tooMany = txn({ success: [putStep('n', '1'), deleteRangeStep('m', 'n')] }, id);
    expect(await carryOut(alone, tooMany)).toBe('INVALID_ARGUMENT NOT_APPLIED');
    expect(await alone.read('n')).toBe('absent');
    expect(alone.node.replica.status().revision).toBe(8);
    // The next op of the session is another one, and so is the same one, when there is less to do.
    const other = txn({ success: [deleteStep('m1000')] }, opId(1, alone.now, 2));
    expect(await carryOut(alone, other)).toBe('then 9: deleted');
    expect(await carryOut(alone, tooMany)).toBe('then 10: put, deleted 1023');
    expect(await carryOut(alone, tooMany)).toBe('then 10: put, deleted 1023');
    expect(await carryOut(alone, other)).toBe('then 9: deleted');
  });
});

describe('a delete of a range', () => {
  it('deletes its first keys at one revision and tells where to go on', async () => {
    const alone = await abcd();
    const remove = async (command: Uint8Array): Promise<string> =>
      briefDeletion(await alone.run(alone.node.write(command)));
    expect(await remove(deleteRange('b', 'z', 2))).toBe('deleted 2 at 5, next d');
    expect(await remove(deleteRange('d', 'z'))).toBe('deleted 1 at 6');
    expect(await remove(deleteRange('b', 'z'))).toBe('deleted 0 at 6');
    expect(alone.node.replica.status().revision).toBe(6);
  });
});
