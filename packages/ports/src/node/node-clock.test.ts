import { drainLoop, NodeClock } from './node-clock.js';

describe('NodeClock', () => {
  const clock = new NodeClock();

  it('never runs a timer early, fractions of a millisecond included', async () => {
    const early: number[] = [];
    const delays = [0, 0.3, 1, 1.9, 2.5, 4.99];
    const waits = delays.map((delayMs) => {
      const fromMs = clock.monotonicMs();
      return new Promise<void>((resolve) => {
        clock.setTimer(delayMs, () => {
          if (clock.monotonicMs() - fromMs < delayMs) early.push(delayMs);
          resolve();
        });
      });
    });
    await Promise.all(waits);
    expect(early).toEqual([]);
  });

  it('does not run a cancelled timer; cancelling a finished one does nothing', async () => {
    let ran = 0;
    const cancelled = clock.setTimer(0, () => {
      ran += 100;
    });
    cancelled.cancel();
    await new Promise<void>((resolve) => {
      const finished = clock.setTimer(2, () => {
        ran++;
        finished.cancel();
        resolve();
      });
    });
    expect(ran).toBe(1);
  });

  it('defers in the order of the calls, after microtasks', async () => {
    const seen: number[] = [];
    for (const i of [1, 2, 3]) clock.defer(() => seen.push(i));
    await Promise.resolve();
    expect(seen).toEqual([]);
    await drainLoop();
    expect(seen).toEqual([1, 2, 3]);
  });

  it('tells the time of the system', () => {
    const before = Date.now();
    const wallMs = clock.wallMs();
    expect(wallMs).toBeGreaterThanOrEqual(before);
    expect(wallMs).toBeLessThanOrEqual(Date.now());
    expect(clock.monotonicMs()).toBeLessThanOrEqual(clock.monotonicMs());
  });

  it('refuses a delay that is no number', () => {
    expect(() => clock.setTimer(Number.NaN, () => {})).toThrow(RangeError);
  });
});

describe('NodeClock over a long time', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('waits longer than the 24.8 days that setTimeout can', () => {
    const dayMs = 86_400_000;
    let ran = false;
    new NodeClock().setTimer(60 * dayMs, () => {
      ran = true;
    });
    jest.advanceTimersByTime(59 * dayMs);
    expect(ran).toBe(false);
    jest.advanceTimersByTime(dayMs);
    expect(ran).toBe(true);
  });

  it('can cancel a timer after its first part', () => {
    let ran = false;
    const timer = new NodeClock().setTimer(2 ** 31 + 5, () => {
      ran = true;
    });
    jest.advanceTimersByTime(2 ** 31);
    timer.cancel();
    jest.advanceTimersByTime(2 ** 31);
    expect(ran).toBe(false);
    expect(jest.getTimerCount()).toBe(0);
  });
});
