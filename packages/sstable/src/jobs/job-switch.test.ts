import { JobSwitch } from './job-switch.js';

describe('JobSwitch', () => {
  it('is one for both who hold its memory', () => {
    const here = new JobSwitch();
    const there = new JobSwitch(structuredClone(here.memory));
    expect([there.isCancelled, there.bytesPerSecond]).toEqual([false, 0]);
    here.bytesPerSecond = 5 * 1024 * 1024;
    here.cancel();
    expect([there.isCancelled, there.bytesPerSecond]).toEqual([true, 5 * 1024 * 1024]);
  });

  it('never slows a job to a stop, and takes any rate', () => {
    const job = new JobSwitch();
    job.bytesPerSecond = 1;
    expect(job.bytesPerSecond).toBe(1024);
    job.bytesPerSecond = Number.POSITIVE_INFINITY;
    expect(job.bytesPerSecond).toBe((2 ** 31 - 1) * 1024);
    job.bytesPerSecond = 0;
    expect(job.bytesPerSecond).toBe(0);
  });

  it('does not sleep once it is cancelled', () => {
    const job = new JobSwitch();
    job.cancel();
    // Would hang the test.
    job.sleep(Number.POSITIVE_INFINITY);
    expect(job.isCancelled).toBe(true);
  });
});
