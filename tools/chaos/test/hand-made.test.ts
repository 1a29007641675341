import { checkHistory } from '../src/index.js';
import { shortHistory } from './short-history.js';

const good: readonly [string, string][] = [
  ['nothing', ''],
  ['a read of a key that was never written', 'a 1-2 get -'],
  ['a read after a write', 'a 1-2 put 1 \n b 3-4 get 1'],
  ['an empty value, which is not absence', 'a 1-2 put _ \n b 3-4 get _'],
  ['a read during a write, old', 'a 1-9 put 1 \n b 2-3 get -'],
  ['a read during a write, new', 'a 1-9 put 1 \n b 2-3 get 1'],
  ['reads during a write, old and then new', 'a 1-9 put 1 \n b 2-3 get - \n b 4-5 get 1'],
  ['equal times, which are concurrent', 'a 1-2 put 1 \n b 2-3 get -'],
  ['two writes at once, either first', 'a 1-9 put 1 \n b 1-9 put 2 \n c 10-11 get 1'],
  ['a delete', 'a 1-2 put 1 \n a 3-4 delete \n a 5-6 get -'],
  ['a delete of something', 'a 1-2 put 1 \n a 3-4 delete existed=true'],
  ['a delete of nothing', 'a 3-4 delete existed=false'],
  ['a delete that names what was there', 'a 1-2 put 1 \n a 3-4 delete existed=true prev=1'],
  ['a put that names what was there', 'a 1-2 put 1 prev=- \n a 3-4 put 2 prev=1'],
  ['an append to nothing', 'a 1-2 append 1 prev=- \n a 3-4 get 1'],
  ['appends at once', 'a 1-9 append 1 \n b 1-9 append 2 \n c 10-11 get 21'],
  ['an append that names what was there', 'a 1-2 put 1 \n a 3-4 append 2 prev=1 \n a 5-6 get 12'],
  ['a swap', 'a 1-2 put 1 \n a 3-4 cas 1 2 \n a 5-6 get 2'],
  ['a swap that names what was there', 'a 1-2 put 1 \n a 3-4 cas 1 2 prev=1'],
  ['a swap of absence', 'a 3-4 cas - 2 \n a 5-6 get 2'],
  ['a swap that removes', 'a 1-2 put 1 \n a 3-4 cas 1 - \n a 5-6 get -'],
  ['a swap that compares unequal', 'a 1-2 put 1 \n a 3-4 cas 2 3 unequal \n a 5-6 get 1'],
  ['an unequal swap that names what was there', 'a 1-2 put 1 \n a 3-4 cas 2 3 unequal prev=1'],
  ['an unequal swap of absence', 'a 1-2 put 1 \n a 3-4 cas - 3 unequal'],
  ['a swap of a value for itself', 'a 1-2 put 1 \n a 3-4 cas 1 1 \n a 5-6 get 1'],
  ['a failed write that nobody saw', 'a 1-2! put 1 \n a 3-4 get -'],
  ['an unknown write that happened', 'a 1- put 1 \n b 3-4 get 1'],
  ['an unknown write that did not', 'a 1- put 1 \n b 3-4 get - \n b 5-6 get -'],
  ['an unknown write that happens late', 'a 1- put 1 \n b 3-4 get - \n b 5-6 get 1'],
  ['an unknown delete', 'a 1-2 put 1 \n b 1- delete \n c 3-4 get 1 \n c 5-6 get -'],
  ['an unknown swap', 'a 1-2 put 1 \n b 1- cas 1 2 \n c 3-4 get 1 \n c 5-6 get 2'],
  ['an unknown swap that compared unequal', 'a 1-2 put 1 \n b 1- cas 2 3 \n c 5-6 get 1'],
  ['an unknown append', 'a 1-2 put 1 \n b 1- append 2 \n c 3-4 get 1 \n c 5-6 get 12'],
  ['an unknown read, whatever it claims', 'a 1-2 put 1 \n b 3- get \n c 5-6 get 1'],
  ['a chain of unknown writes', 'a 1- put 1 \n b 1- cas 1 2 \n c 1- append 3 \n d 5-6 get 23'],
  [
    'an unknown write that only explains what the value was not',
    'a 1-2 put 1 \n b 1- put 2 \n c 3-4 cas 1 9 unequal',
  ],
  [
    'an unknown write that only explains that there was something',
    'b 1- put 2 \n c 3-4 delete existed=true',
  ],
  [
    'unknown writes that each explain one such thing, the second called late',
    'a 1- put 1 \n b 10- put 2 \n c 3-4 delete existed=true \n c 11-12 delete existed=true',
  ],
  [
    'two unknown deletes, both of use',
    'a 1-2 put 1 \n x 1- delete \n y 1- delete \n b 3-4 get - \n b 5-6 put 2 \n b 7-8 get -',
  ],
  [
    'keys that have nothing to do with each other',
    'a 1-2 x:put 1 \n a 3-4 y:get - \n a 5-6 x:get 1',
  ],
  // Each of the next ones fails if one of the shortcuts of the search is taken too far.
  [
    'an unknown write that could be used early, but is needed late',
    `a 1-10 put 1
     b 1-11 put 2
     u 1-   put 1
     v 1-   cas 2 7
     c 12-20 get 1
     c 21-22 put 3
     c 23-24 get 1`,
  ],
  [
    'an unread write after an append',
    'a 1-2 put 1 \n w 3-20 put 9 \n a 3-10 append 2 \n a 11-12 get 12',
  ],
  [
    'an unread write that explains what the value was not',
    'a 1-2 put 0 \n w 3-20 put 9 \n a 4-5 put 1 \n b 21-22 cas 1 7 unequal',
  ],
  [
    'an unread write that explains what an unknown write had not left',
    'a 1-2 put 0 \n w 3-20 put 9 \n u 4- put 1 \n a 5-6 get 1 \n b 21-22 cas 1 7 unequal',
  ],
  [
    'an unread write that explains what an append had not left',
    'a 1-2 put 0 \n w 3-20 put 9 \n a 4-5 put 1 \n a 6-7 append 2 \n b 21-22 cas 12 7 unequal',
  ],
  [
    'an unread write before a swap of unknown outcome that happened',
    'a 1-2 put 1 \n w 3-20 put 9 \n u 4- cas 1 2 \n a 5-6 get 2',
  ],
  [
    'values that come again',
    'a 1-2 put 1 \n a 3-4 put 2 \n a 5-6 put 1 \n b 7-8 get 1 \n a 9-10 delete \n b 11-12 get -',
  ],
];

const bad: readonly [string, string][] = [
  ['a value that nobody wrote', 'a 1-2 get 1'],
  ['a lost write', 'a 1-2 put 1 \n b 3-4 get -'],
  ['a stale read', 'a 1-2 put 1 \n a 3-4 put 2 \n b 5-6 get 1'],
  ['a read of the future', 'a 1-2 get 1 \n b 3-4 put 1'],
  ['reads that go back', 'a 1-9 put 1 \n b 2-3 get 1 \n c 4-5 get -'],
  [
    'reads that disagree on the order of two writes',
    'a 1-9 put 1 \n b 1-9 put 2 \n c 10-11 get 1 \n c 12-13 get 2',
  ],
  ['a value of another key', 'a 1-2 x:put 1 \n b 3-4 y:get 1'],
  ['an empty value for absence', 'a 1-2 put _ \n b 3-4 get -'],
  ['a delete that did nothing', 'a 1-2 put 1 \n a 3-4 delete \n a 5-6 get 1'],
  ['a delete of something where nothing was', 'a 3-4 delete existed=true'],
  ['a delete of nothing where something was', 'a 1-2 put 1 \n a 3-4 delete existed=false'],
  ['a delete that names the wrong value', 'a 1-2 put 1 \n a 3-4 delete prev=2'],
  ['a delete that contradicts itself', 'a 1-2 put 1 \n a 3-4 delete existed=false prev=1'],
  ['a delete that contradicts itself, the other way', 'a 3-4 delete existed=true prev=-'],
  ['a put that names the wrong value', 'a 1-2 put 1 \n a 3-4 put 2 prev=-'],
  ['an append that is lost', 'a 1-2 put 1 \n a 3-4 append 2 \n a 5-6 get 1'],
  ['an append that happens twice', 'a 1-2 append 1 \n a 3-4 get 11'],
  ['an append that names the wrong value', 'a 1-2 put 1 \n a 3-4 append 2 prev=-'],
  ['appends out of order', 'a 1-2 append 1 \n a 3-4 append 2 \n a 5-6 get 21'],
  ['a swap of what was not there', 'a 1-2 put 1 \n a 3-4 cas 2 3'],
  ['a swap of absence where something was', 'a 1-2 put 1 \n a 3-4 cas - 3'],
  ['a swap that is lost', 'a 1-2 put 1 \n a 3-4 cas 1 2 \n a 5-6 get 1'],
  ['two swaps of the same value', 'a 1-2 put 1 \n a 3-9 cas 1 2 \n b 3-9 cas 1 3'],
  ['a swap that contradicts itself', 'a 1-2 put 1 \n a 3-4 cas 1 2 prev=3'],
  ['a swap that compares equal values unequal', 'a 1-2 put 1 \n a 3-4 cas 1 2 unequal'],
  ['an unequal swap that names the expected value', 'a 1-2 put 1 \n a 3-4 cas 1 2 unequal prev=1'],
  ['an unequal swap that names the wrong value', 'a 1-2 put 1 \n a 3-4 cas 2 3 unequal prev=4'],
  ['an unequal swap that wrote', 'a 1-2 put 1 \n a 3-4 cas 2 3 unequal \n a 5-6 get 3'],
  ['a swap of a value for itself that was not there', 'a 3-4 cas 1 1'],
  ['a failed write that was read', 'a 1-2! put 1 \n b 3-4 get 1'],
  ['a failed delete that happened', 'a 1-2 put 1 \n a 3-4! delete \n b 5-6 get -'],
  ['an unknown write that was undone', 'a 1- put 1 \n b 3-4 get 1 \n b 5-6 get -'],
  [
    'an unknown write that happens twice',
    'a 1- put 1 \n b 3-4 get 1 \n b 5-6 put 2 \n b 7-8 get 1',
  ],
  ['an unknown write that was read before its call', 'b 1-2 get 1 \n a 3- put 1 \n b 5-6 get 1'],
  [
    'an unknown delete that happens twice',
    'a 1-2 put 1 \n x 1- delete \n b 3-4 get - \n b 5-6 put 2 \n b 7-8 get -',
  ],
  ['an unknown swap of what was never there', 'a 1-2 put 1 \n b 1- cas 2 3 \n c 5-6 get 3'],
  ['an unknown append that happens twice', 'b 1- append 2 \n c 3-4 get 2 \n c 5-6 get 22'],
  [
    'one unknown write for two deletes of something',
    'a 1- put 1 \n c 3-4 delete existed=true \n c 11-12 delete existed=true',
  ],
  [
    'two unknown writes for two deletes of something, the second called too late',
    'a 1- put 1 \n b 13- put 2 \n c 3-4 delete existed=true \n c 11-12 delete existed=true',
  ],
];

describe('a history with', () => {
  it.each(good)('%s is linearizable', (_, text) => {
    expect(checkHistory(shortHistory(text)).verdict).toBe('linearizable');
  });

  it.each(bad)('%s is not linearizable', (_, text) => {
    expect(checkHistory(shortHistory(text)).verdict).toBe('not-linearizable');
  });
});

describe('the report', () => {
  it('counts all operations and names the keys', () => {
    const history = shortHistory(`
      a 1-2  good:put 1
      a 3-4! good:put 2
      b 1-2  worse:get 1
      b 3-   bad:get
      c 1-2  bad:get 1
    `);
    expect(checkHistory(history)).toMatchObject({
      verdict: 'not-linearizable',
      operations: 5,
      keys: 3,
      notLinearizable: ['worse', 'bad'],
      undecided: [],
    });
  });

  it('is the same for the same lines in any order', () => {
    const lines = good
      .slice(0, 20)
      .map(([, text], i) =>
        text.replaceAll(/^ ?(\w)/gm, `${i}$1`).replaceAll(/(\d+-\d*!?) /g, `$1 k${i}:`),
      );
    const all = lines.join('\n').split('\n');
    const found = { verdict: 'linearizable', keys: 19, operations: 42 };
    expect(checkHistory(shortHistory(all.join('\n')))).toMatchObject(found);
    expect(checkHistory(shortHistory(all.reverse().join('\n')))).toMatchObject(found);
  });

  it('is undecided where the bound on work is met, and a violation elsewhere still counts', () => {
    const writes = Array.from({ length: 14 }, (_, i) => `p${i} 1-50 hard:append ${i}.`);
    const reads = 'r 60-61 hard:get 13.12.11.10.9.8.7.6.5.4.3.2.1.0.';
    const hard = [...writes, reads, 'e 1-2 easy:get -'].join('\n');
    expect(checkHistory(shortHistory(hard), { maxWork: 5 })).toMatchObject({
      verdict: 'undecided',
      undecided: ['hard'],
      notLinearizable: [],
    });
    expect(checkHistory(shortHistory(hard)).verdict).toBe('linearizable');
    const bad = `${hard}\nx 1-2 bad:get 1`;
    expect(checkHistory(shortHistory(bad), { maxWork: 5 })).toMatchObject({
      verdict: 'not-linearizable',
      undecided: ['hard'],
      notLinearizable: ['bad'],
    });
  });
});
