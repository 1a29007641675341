import { JobSwitch } from '../jobs/job-switch.js';
import { RateShares } from './rate-shares.js';

const MIB = 1024 * 1024;

describe('RateShares', () => {
  it('gives all to the only job, and divides by weight when there are more', () => {
    const shares = new RateShares(8 * MIB);
    const [compaction, flush] = [new JobSwitch(), new JobSwitch()];
    const first = shares.begin(compaction, 1);
    expect(compaction.bytesPerSecond).toBe(8 * MIB);
    const second = shares.begin(flush, 3);
    expect([compaction.bytesPerSecond, flush.bytesPerSecond]).toEqual([2 * MIB, 6 * MIB]);
    first.end();
    expect(flush.bytesPerSecond).toBe(8 * MIB);
    second.end();
    second.end();
  });

  it('limits nobody without a rate', () => {
    const job = new JobSwitch();
    new RateShares(Number.POSITIVE_INFINITY).begin(job, 1);
    expect(job.bytesPerSecond).toBe(0);
  });
});
