import { SimScheduler } from '@dougdb/ports/sim';
import { Successors } from './successors.js';

describe('successors', () => {
  it('of many leaderships given away at once are many nodes, none of them on its way down', async () => {
    const scheduler = new SimScheduler();
    const successors = new Successors({
      clock: scheduler.clock(),
      counts: () =>
        new Map([
          [1, 6],
          [2, 2],
          [3, 1],
          [4, 0],
        ]),
      isDraining: (nodeId) => nodeId === 4,
    });
    const all = [2, 3, 4, 5];
    expect([1, 2, 3, 4, 5, 6].map(() => successors.choose(all))).toEqual([5, 3, 5, 2, 3, 5]);
    expect(successors.choose([4])).toBe(0);
    expect(successors.choose([])).toBe(0);
    await scheduler.advance(1_100);
    expect(successors.choose(all)).toBe(5);
  });
});
