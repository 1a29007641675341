import { log } from '../../test/harness/host.js';
import { Unstable } from './unstable.js';

const terms = (entries: readonly { term: number; index: number }[]) =>
  entries.map((e) => `${e.term}/${e.index}`);

describe('Unstable', () => {
  it('hands each entry out once', () => {
    const unstable = new Unstable(5);
    unstable.append(log([1, 1], 5));
    expect(terms(unstable.takeUnhanded())).toEqual(['1/5', '1/6']);
    expect(unstable.hasUnhanded).toBe(false);
    expect(unstable.takeUnhanded()).toEqual([]);
    unstable.append(log([1], 7));
    expect(terms(unstable.takeUnhanded())).toEqual(['1/7']);
  });

  it('hands out again what replaced entries that were handed out', () => {
    const unstable = new Unstable(5);
    unstable.append(log([1, 1, 1], 5));
    unstable.takeUnhanded();
    unstable.truncateFrom(6);
    unstable.append(log([2], 6));
    expect(terms(unstable.takeUnhanded())).toEqual(['2/6']);
    expect(terms(unstable.slice(5, 7))).toEqual(['1/5', '2/6']);
  });

  it('may replace entries below what it holds', () => {
    const unstable = new Unstable(5);
    unstable.append(log([1], 5));
    unstable.truncateFrom(3);
    unstable.append(log([2, 2], 3));
    expect([unstable.offset, unstable.lastIndex]).toEqual([3, 4]);
    expect(terms(unstable.takeUnhanded())).toEqual(['2/3', '2/4']);
  });

  it('lets go of what is durable', () => {
    const unstable = new Unstable(5);
    unstable.append(log([1, 1, 1], 5));
    unstable.takeUnhanded();
    unstable.stabilizeTo(6);
    expect([unstable.offset, unstable.lastIndex]).toEqual([7, 7]);
    unstable.stabilizeTo(4);
    expect(unstable.offset).toBe(7);
    unstable.stabilizeTo(7);
    expect([unstable.offset, unstable.lastIndex]).toEqual([8, 7]);
  });
});
