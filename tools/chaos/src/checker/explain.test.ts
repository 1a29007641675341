import { shortHistory } from '../../test/short-history.js';
import { operationsByKey } from './check-history.js';
import { explainKey, formatExplanation } from './explain.js';

function explained(text: string): string {
  const { operations, timeUnit } = shortHistory(text);
  const own = operationsByKey(operations).get('k') ?? [];
  return formatExplanation(explainKey('k', own, 10_000), timeUnit);
}

describe('the explanation', () => {
  it('names the first answer that no order explains, and where the longest one ends', () => {
    const text = explained(`
      a 11-20 put 1
      a 31-40 put 2
      b 51-60 get 1
      b 71-80 get 7
    `);
    expect(text).toBe(
      [
        'key "k": no order explains line 3; without its answer and what returned later there is one',
        '    line 3  process b  get = "1"  40..49',
        '  the longest order found has 2 operations:',
        '    line 1  process a  put "1"  0..9',
        '    line 2  process a  put "2"  20..29',
        '  the value is then "2", and none of these can come next (times in ns since the first call):',
        '    line 3  process b  get = "1"  40..49: it needs "1"',
        '',
      ].join('\n'),
    );
  });

  it('shows every kind of operation with what it was told', () => {
    const text = explained(`
      a 1-2 put 1 prev=-
      a 3-4 append 2
      a 5-6 cas 12 -
      b 5-  put 3
      a 7-8 delete existed=true prev=3
      a 9-10 cas 1 2 unequal
      a 11-12 cas - 4
      c 13-14 get 3
    `);
    for (const shown of [
      'line 1  process a  put "1" (before absent)  0..1',
      'line 2  process a  append "2"  2..3',
      'line 3  process a  cas "12" -> absent  4..5',
      'line 4  process b  put "3"  4..outcome unknown',
      'line 5  process a  delete (existed true, before "3")  6..7',
      'line 6  process a  cas "1" -> "2" = unequal  8..9',
      'line 7  process a  cas absent -> "4"  10..11',
      'the value is then "4"',
    ]) {
      expect(text).toContain(shown);
    }
  });

  it.each([
    ['a 1-2 get 1', 'get = "1"  0..1: nobody wrote "1"'],
    ['a 1-2! put 1 \n b 3-4 get 1', '"1" was written only by line 1, which certainly failed'],
    ['a 1-2 put 1 \n b 3-4 get -', 'it needs the key to be absent'],
    ['a 1-2 put 1 \n b 3-4 cas 1 2 unequal', 'the value must be another'],
    ['a 1-2 delete existed=true', 'the value must be another'],
    ['a 1-2 delete existed=true prev=-', 'what it was told contradicts itself'],
    ['a 1-2 put 1 \n a 3-9 cas 1 2 \n b 3-9 cas 1 3', 'it needs "1"'],
    ['a 1-2 append 1 \n a 3-4 get 2', 'it needs "2"'],
    ['a 1-9 put 1 \n b 1-9 put 2 \n c 10-11 get 1 \n c 12-13 get 2', 'it needs "2"'],
    ['a 1-2 put 1 \n b 3-4 put 2 prev=-', 'put "2" (before absent)  2..3: it needs the key to be'],
  ])('says why it does not fit: %s', (history, why) => {
    expect(explained(history)).toContain(why);
  });

  it('shows the end of a long order, and some of many that do not fit', () => {
    const puts = Array.from({ length: 20 }, (_, i) => `a ${i * 2 + 1}-${i * 2 + 2} put v${i}`);
    const gets = Array.from({ length: 15 }, (_, i) => `g${i} 50-60 get v0`);
    const text = explained([...puts, ...gets].join('\n'));
    expect(text).toContain('the longest order found has 20 operations, of which the last 8:');
    expect(text).not.toContain('put "v11"');
    expect(text).toContain('put "v12"');
    expect(text).toContain('line 21  process g0  get = "v0"  49..59: it needs "v0"');
  });

  it('shortens long values', () => {
    expect(explained(`a 1-2 get ${'x'.repeat(100)}`)).toContain(`get = "${'x'.repeat(57)}..."`);
  });

  it('says when an earlier operation may be to blame, because the work was bounded', () => {
    const appends = Array.from({ length: 12 }, (_, i) => `p${i} 1-50 append ${i}.`);
    const text = [
      ...appends,
      'r 60-61 get 11.10.9.8.7.6.5.4.3.2.1.0.',
      'r 62-63 get nothing',
      'r 64-65 get nothing',
    ].join('\n');
    const { operations, timeUnit } = shortHistory(text);
    const explanation = explainKey('k', operations, 3);
    expect(explanation.isEarliest).toBe(false);
    expect(formatExplanation(explanation, timeUnit)).not.toContain('without its answer');
  });
});
