import fc from 'fast-check';
import { DEFAULT_DRAIN_HOPS, SimScheduler } from './scheduler.js';

describe('SimScheduler', () => {
  it('runs events by time, and in order of scheduling at one time', async () => {
    const scheduler = new SimScheduler();
    const seen: string[] = [];
    for (const [name, delayMs] of [
      ['c', 2],
      ['a', 1],
      ['d', 2],
      ['b', 1],
    ] as const) {
      scheduler.schedule(delayMs, () => seen.push(`${name}@${scheduler.nowMs}`));
    }
    for (let left = 4; left > 0; left--) expect(await scheduler.step()).toBe(true);
    expect(await scheduler.step()).toBe(false);
    expect(seen).toEqual(['a@1', 'b@1', 'c@2', 'd@2']);
    expect(scheduler.executedCount).toBe(4);
  });

  it('agrees with sorting for any schedule with cancellations', async () => {
    const plan = fc.array(fc.tuple(fc.nat(50), fc.boolean()), { maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(plan, async (events) => {
        const scheduler = new SimScheduler();
        const seen: number[] = [];
        const timers = events.map(([delayMs], i) =>
          scheduler.schedule(delayMs, () => seen.push(i)),
        );
        events.forEach(([, cancelled], i) => {
          if (cancelled) timers[i]!.cancel();
        });
        const expected = events
          .map(([delayMs, cancelled], i) => ({ delayMs, cancelled, i }))
          .filter(({ cancelled }) => !cancelled)
          .sort((a, b) => a.delayMs - b.delayMs || a.i - b.i)
          .map(({ i }) => i);
        expect(scheduler.pendingCount).toBe(expected.length);
        for (const _ of expected) expect(scheduler.stepSync()).toBe(true);
        expect(scheduler.stepSync()).toBe(false);
        expect(seen).toEqual(expected);
        expect(scheduler.pendingCount).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it('runs up to and with a time, then stands there', async () => {
    const scheduler = new SimScheduler();
    const seen: number[] = [];
    for (const delayMs of [5, 10, 10.001, 20])
      scheduler.schedule(delayMs, () => seen.push(delayMs));
    await scheduler.runUntil(10);
    expect(seen).toEqual([5, 10]);
    expect(scheduler.nowMs).toBe(10);
    await scheduler.advance(5);
    expect(scheduler.nowMs).toBe(15);
    expect(scheduler.nextUs).toBe(20_000);
    await scheduler.runUntil(1);
    expect(scheduler.nowMs).toBe(15);
  });

  it('runs up to the event after which something holds', async () => {
    const scheduler = new SimScheduler();
    const seen: number[] = [];
    for (const delayMs of [5, 10, 20]) scheduler.schedule(delayMs, () => seen.push(delayMs));
    expect(await scheduler.runUntilTrue(() => seen.includes(10), 100)).toBe(true);
    expect([seen, scheduler.nowMs]).toEqual([[5, 10], 10]);
    expect(await scheduler.runUntilTrue(() => seen.includes(10), 100)).toBe(true);
    expect(scheduler.nowMs).toBe(10);
    expect(await scheduler.runUntilTrue(() => false, 15)).toBe(false);
    expect([seen, scheduler.nowMs]).toEqual([[5, 10], 15]);
  });

  it('lets promises run on between two events', async () => {
    const scheduler = new SimScheduler();
    const seen: string[] = [];
    scheduler.schedule(1, () => {
      void (async () => {
        for (let i = 0; i < 10; i++) await Promise.resolve();
        seen.push(`after ten awaits at ${scheduler.nowMs}`);
      })();
    });
    scheduler.schedule(2, () => seen.push('next'));
    await scheduler.advance(5);
    expect(seen).toEqual(['after ten awaits at 1', 'next']);
  });

  it('goes on after the documented hops, or when the drain of the test says so', async () => {
    const order = async (drain?: () => Promise<void>): Promise<string[]> => {
      const scheduler = new SimScheduler(drain ? { drain } : {});
      const seen: string[] = [];
      scheduler.schedule(1, () => {
        void (async () => {
          for (let i = 0; i < DEFAULT_DRAIN_HOPS * 2; i++) await Promise.resolve();
          seen.push('chain');
        })();
      });
      scheduler.schedule(2, () => seen.push('next'));
      await scheduler.advance(5);
      return seen;
    };
    expect(await order()).toEqual(['next', 'chain']);
    const macrotask = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    expect(await order(macrotask)).toEqual(['chain', 'next']);
  });

  it('awaits a promise that needs virtual time', async () => {
    const scheduler = new SimScheduler();
    const clock = scheduler.clock();
    const sleep = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        clock.setTimer(ms, resolve);
      });
    const work = async (): Promise<string> => {
      await sleep(10);
      await sleep(30);
      return 'done';
    };
    await expect(scheduler.runWhilePending(work())).resolves.toBe('done');
    expect(scheduler.nowMs).toBe(40);
    await expect(scheduler.runWhilePending(Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('says so when the promise can never settle', async () => {
    const scheduler = new SimScheduler();
    const never = new Promise<void>(() => {});
    await expect(scheduler.runWhilePending(never)).rejects.toThrow('no event is left');
    const forEver = (): void => {
      scheduler.schedule(1, forEver);
    };
    forEver();
    await expect(scheduler.runWhilePending(never, 100)).rejects.toThrow('after 100 events');
  });

  it('hands on what an event throws', async () => {
    const scheduler = new SimScheduler();
    scheduler.schedule(1, () => {
      throw new Error('planted');
    });
    await expect(scheduler.advance(2)).rejects.toThrow('planted');
  });
});

describe('SimClock', () => {
  it('tells integer microseconds as milliseconds, from its own birth', async () => {
    const scheduler = new SimScheduler();
    await scheduler.advance(100);
    const clock = scheduler.clock();
    expect(clock.monotonicMs()).toBe(0);
    await clock.advance(0.0014);
    expect(clock.monotonicMs()).toBe(0.001);
    await clock.runUntil(101.5);
    expect(clock.monotonicMs()).toBe(1.5);
  });

  it('never runs a timer early', async () => {
    const clock = new SimScheduler().clock();
    let firedAt = -1;
    clock.setTimer(0.0001, () => {
      firedAt = clock.monotonicMs();
    });
    expect(await clock.runNext()).toBe(true);
    expect(firedAt).toBe(0.001);
    expect(await clock.runNext()).toBe(false);
  });

  it('runs deferred calls before later timers, in order, and at the same time', async () => {
    const clock = new SimScheduler().clock();
    const seen: string[] = [];
    clock.setTimer(0.001, () => seen.push(`timer ${clock.monotonicMs()}`));
    clock.defer(() => {
      seen.push(`a ${clock.monotonicMs()}`);
      clock.defer(() => seen.push(`c ${clock.monotonicMs()}`));
    });
    clock.defer(() => seen.push(`b ${clock.monotonicMs()}`));
    await clock.advance(1);
    expect(seen).toEqual(['a 0', 'b 0', 'c 0', 'timer 0.001']);
  });

  it('runs fast or slow by its drift, timers as well', async () => {
    const scheduler = new SimScheduler();
    const fast = scheduler.clock({ driftRatio: 2 });
    const slow = scheduler.clock({ driftRatio: 0.5 });
    const firedAt: number[] = [];
    fast.setTimer(100, () => firedAt.push(scheduler.nowMs, fast.monotonicMs()));
    slow.setTimer(100, () => firedAt.push(scheduler.nowMs, slow.monotonicMs()));
    await scheduler.runUntil(1000);
    expect(firedAt).toEqual([50, 100, 200, 100]);
    expect(() => scheduler.clock({ driftRatio: 0 })).toThrow(RangeError);
  });

  it('never fires before its own monotonic clock has passed the delay', async () => {
    const ratio = fc.double({ min: 0.5, max: 2, noNaN: true });
    await fc.assert(
      fc.asyncProperty(ratio, fc.nat(1e9), fc.nat(1e6), async (driftRatio, startUs, delayUs) => {
        const scheduler = new SimScheduler();
        const clock = scheduler.clock({ driftRatio });
        await scheduler.runUntil(startUs / 1000);
        const localUs = (): number => Math.round(clock.monotonicMs() * 1000);
        const fromUs = localUs();
        clock.setTimer(delayUs / 1000, () => {});
        await clock.runNext();
        expect(localUs() - fromUs).toBeGreaterThanOrEqual(delayUs);
        expect(localUs() - fromUs).toBeLessThanOrEqual(delayUs + 3);
      }),
      { numRuns: 200 },
    );
  });

  it('refuses a delay that is no number', () => {
    expect(() => new SimScheduler().clock().setTimer(Number.NaN, () => {})).toThrow(RangeError);
  });

  it('jumps the wall clock either way and leaves the monotonic one alone', async () => {
    const scheduler = new SimScheduler({ startWallMs: 1_000_000 });
    const clock = scheduler.clock({ wallOffsetMs: 500 });
    await scheduler.advance(10);
    expect(clock.wallMs()).toBe(1_000_510);
    clock.jumpWall(-3_600_000);
    expect(clock.wallMs()).toBe(-2_599_490);
    expect(clock.monotonicMs()).toBe(10);
    expect(scheduler.clock().wallMs()).toBe(1_000_010);
  });

  it('runs nothing after close, of its own', async () => {
    const scheduler = new SimScheduler();
    const [one, other] = [scheduler.clock(), scheduler.clock()];
    const seen: string[] = [];
    one.setTimer(1, () => seen.push('one'));
    one.defer(() => seen.push('one'));
    other.setTimer(1, () => seen.push('other'));
    one.close();
    one.setTimer(1, () => seen.push('late')).cancel();
    one.defer(() => seen.push('late'));
    expect(one.pendingCount).toBe(0);
    expect(other.pendingCount).toBe(1);
    await scheduler.advance(5);
    expect(seen).toEqual(['other']);
    expect(other.pendingCount).toBe(0);
  });

  it('holds its events back while it is paused, then runs them in bulk, in order', async () => {
    const scheduler = new SimScheduler();
    const [one, other] = [scheduler.clock(), scheduler.clock()];
    const seen: string[] = [];
    const note = (name: string) => (): void => {
      seen.push(`${name}@${scheduler.nowMs}`);
    };
    one.setTimer(1, note('a'));
    one.setTimer(2, note('b'));
    const cancelled = one.setTimer(3, note('c'));
    other.setTimer(2, note('other'));
    one.pause();
    await scheduler.advance(10);
    expect(seen).toEqual(['other@2']);
    expect(one.pendingCount).toBe(3);
    cancelled.cancel();
    one.resume();
    await scheduler.advance(10);
    expect(seen).toEqual(['other@2', 'a@10', 'b@10']);
    expect(one.pendingCount).toBe(0);
    one.setTimer(1, note('d')).cancel();
    one.pause();
    one.close();
    one.resume();
    await scheduler.advance(10);
    expect(seen).toHaveLength(3);
    expect(scheduler.pendingCount).toBe(0);
  });

  it('can cancel a timer after a pause, and an event that has run', async () => {
    const scheduler = new SimScheduler();
    const clock = scheduler.clock();
    const seen: string[] = [];
    const first = clock.setTimer(1, () => seen.push('first'));
    const second = clock.setTimer(2, () => seen.push('second'));
    clock.pause();
    await scheduler.advance(5);
    clock.resume();
    second.cancel();
    await scheduler.advance(5);
    first.cancel();
    expect(seen).toEqual(['first']);
    expect(scheduler.pendingCount).toBe(0);
  });
});
