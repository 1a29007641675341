import { SimScheduler } from '@dougdb/ports/sim';
import fc from 'fast-check';
import { DeadlineQueue, type Expiring } from './deadline-queue.js';

interface Item extends Expiring {
  readonly name: string;
}

const item = (name: string): Item => ({
  name,
  deadlineMs: 0,
  expiry: null,
  earlier: null,
  later: null,
});

function setup() {
  const scheduler = new SimScheduler();
  const clock = scheduler.clock();
  const expired: string[] = [];
  const queue = new DeadlineQueue<Item>(clock, ({ name }, timeoutMs) => {
    expired.push(`${name}/${timeoutMs}@${scheduler.nowMs}`);
  });
  return { scheduler, clock, expired, queue };
}

describe('DeadlineQueue', () => {
  it('expires what is left, each in its time', async () => {
    const { scheduler, clock, expired, queue } = setup();
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(item) as [Item, Item, Item, Item];
    queue.add(a, 100);
    queue.add(b, 50);
    queue.add(c, 100);
    queue.add(d, 100);
    queue.remove(c);
    queue.remove(c);
    expect(queue.size).toBe(3);
    await scheduler.advance(1000);
    expect(expired).toEqual(['b/50@50', 'a/100@100', 'd/100@100']);
    expect(queue.size).toBe(0);
    expect(clock.pendingCount).toBe(0);
  });

  it('keeps one timer, which fires in vain at most once after the last operation', async () => {
    const { scheduler, clock, expired, queue } = setup();
    for (let i = 0; i < 100; i++) {
      const one = item(`${i}`);
      queue.add(one, 1000);
      expect(clock.pendingCount).toBe(1);
      await scheduler.advance(1);
      queue.remove(one);
    }
    await scheduler.advance(1000);
    expect(clock.pendingCount).toBe(0);
    expect(expired).toEqual([]);
  });

  it('stops with close', async () => {
    const { scheduler, clock, expired, queue } = setup();
    queue.add(item('a'), 10);
    queue.close();
    await scheduler.advance(100);
    expect(expired).toEqual([]);
    expect(clock.pendingCount).toBe(0);
    expect(queue.items().map(({ name }) => name)).toEqual(['a']);
  });

  it('expires exactly what was not removed before its deadline', async () => {
    const plan = fc.array(
      fc.record({
        atMs: fc.nat(50),
        timeoutMs: fc.constantFrom(5, 10, 30),
        removeAfterMs: fc.option(fc.nat(40)),
      }),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(plan, async (calls) => {
        const { scheduler, expired, queue } = setup();
        const expected: string[] = [];
        for (const [i, { atMs, timeoutMs, removeAfterMs }] of calls.entries()) {
          const one = item(`${i}`);
          scheduler.schedule(atMs, () => queue.add(one, timeoutMs));
          const isRemoved = removeAfterMs !== null && removeAfterMs < timeoutMs;
          if (isRemoved) scheduler.schedule(atMs + removeAfterMs, () => queue.remove(one));
          else expected.push(`${i}/${timeoutMs}@${atMs + timeoutMs}`);
        }
        await scheduler.advance(200);
        expect(expired.sort()).toEqual(expected.sort());
        expect(queue.size).toBe(0);
      }),
      { numRuns: 50 },
    );
  });
});
