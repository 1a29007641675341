import { Alone } from './support/alone.js';
import { opId, put } from './support/commands.js';
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
        scanStep('', '', { reverse: true, limit: 1 }),
      ],
    });
    // The whole key space is more than this partition.
    expect(await carryOut(alone, command)).toBe('CROSS_PARTITION NOT_APPLIED');
    const inside = txn({
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
    expect(await carryOut(alone, inside)).toBe(
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

describe('a transaction that would do too much', () => {
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
