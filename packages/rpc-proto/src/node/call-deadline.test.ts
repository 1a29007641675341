import { monotonicDeadlineMs } from './call-deadline.js';

describe('monotonicDeadlineMs', () => {
  it.each([
    ['a date', () => new Date(Date.now() + 1_000), 1_000],
    ['milliseconds', () => Date.now() + 1_000, 1_000],
    ['no deadline', () => Number.POSITIVE_INFINITY, 5_000],
    ['more patience than the server has', () => Date.now() + 99_000, 5_000],
    ['a time that is over', () => Date.now() - 1_000, -1_000],
  ])('takes %s', (_what, deadline, expected) => {
    const before = performance.now();
    const left = monotonicDeadlineMs(deadline(), 5_000) - before;
    expect(Math.abs(left - expected)).toBeLessThan(500);
  });
});
