import { shortHistory } from '../../test/short-history.js';
import { planKey } from './key-plan.js';
import { Search, type SearchOutcome } from './search.js';

function search(text: string, limit = 100_000): { outcome: SearchOutcome; work: number } {
  const it = new Search(planKey(shortHistory(text).operations), limit, 'verdict');
  return { outcome: it.run(), work: it.work };
}

const list = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => line(i)).join('\n');

describe('the search', () => {
  it('never places a step whose answer contradicts itself', () => {
    const swap = 'a 1-2 cas - 1 prev=1 \n a 3-4 get 1';
    expect(search(swap).outcome).toBe('none');
  });

  it('needs no choice for reads, however many there are at once', () => {
    const reads = list(200, (i) => `r${i} 1-10 get ${i % 2 === 0 ? '-' : 'v'}`);
    expect(search(`${reads}\nw 2-9 put v`)).toEqual({ outcome: 'found', work: 1 });
  });

  it('does not multiply by unknown writes that nobody saw', () => {
    const lost = list(40, (i) => `u${i} 1- put lost${i}`);
    const seen = list(
      30,
      (i) => `a ${i * 4 + 1}-${i * 4 + 2} put v${i}\nb ${i * 4 + 3}-${i * 4 + 4} get v${i}`,
    );
    const { outcome, work } = search(`${lost}\n${seen}`);
    expect(outcome).toBe('found');
    expect(work).toBeLessThanOrEqual(31);
  });

  it('does not multiply by unknown writes that are all alike', () => {
    const deletes = list(40, (i) => `u${i} 1- delete`);
    const gone = list(
      20,
      (i) => `a ${i * 4 + 1}-${i * 4 + 2} put v${i}\nb ${i * 4 + 3}-${i * 4 + 4} get -`,
    );
    const { outcome, work } = search(`${deletes}\n${gone}`);
    expect(outcome).toBe('found');
    expect(work).toBeLessThan(200);
    const oneTooMany = search(
      `${deletes}\n${list(41, (i) => `a ${i * 4 + 1}-${i * 4 + 2} put v${i}\nb ${i * 4 + 3}-${i * 4 + 4} get -`)}`,
    );
    expect(oneTooMany.outcome).toBe('none');
    expect(oneTooMany.work).toBeLessThan(10_000);
  });

  it('refutes a stale read among many clients in little work', () => {
    const busy = list(12, (c) =>
      list(20, (i) => `c${c} ${i * 10 + 1}-${i * 10 + 9} put c${c}.${i}`),
    );
    const { outcome, work } = search(`${busy}\nr 201-202 get c3.5`);
    expect(outcome).toBe('none');
    expect(work).toBeLessThan(100);
  });

  it('finds the one order of a list by what it was read as', () => {
    const appends = list(14, (i) => `p${i} 1-50 append ${i}.`);
    const read = `r 60-61 get ${Array.from({ length: 14 }, (_, i) => `${13 - i}.`).join('')}`;
    const { outcome, work } = search(`${appends}\n${read}`);
    expect(outcome).toBe('found');
    expect(work).toBeLessThan(20);
  });

  it('gives up when it has done the work that it may', () => {
    const appends = list(14, (i) => `p${i} 1-50 append ${i}.`);
    const read = `r 60-61 get ${Array.from({ length: 14 }, (_, i) => `${13 - i}.`).join('')}`;
    expect(search(`${appends}\n${read}`, 5)).toEqual({ outcome: 'gave-up', work: 6 });
  });
});
