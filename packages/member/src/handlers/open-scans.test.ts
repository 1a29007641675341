import { DougError, limits } from '@dougdb/rpc-proto';
import { OpenScans } from './open-scans.js';

describe('open scans', () => {
  it('are so many at most; the next is BUSY until one has ended, well or not', async () => {
    const scans = new OpenScans();
    const ends: ((error?: Error) => void)[] = [];
    const open = (): Promise<void> =>
      scans.run(
        () =>
          new Promise((resolve, reject) =>
            ends.push((error) => (error === undefined ? resolve() : reject(error))),
          ),
      );
    const running = Array.from({ length: limits.openScans }, open);
    expect(scans.count).toBe(limits.openScans);
    const error = await open().catch((thrown: unknown) => thrown);
    expect(DougError.is(error) && [error.reason, error.outcome, error.retryAfterMs > 0]).toEqual([
      'BUSY',
      'NOT_APPLIED',
      true,
    ]);
    ends[0]?.();
    ends[1]?.(new Error('cut'));
    await running[0];
    await expect(running[1]).rejects.toThrow('cut');
    const more = [open(), open()];
    for (const end of ends) end();
    await Promise.all([...running.slice(2), ...more]);
    expect(scans.count).toBe(0);
  });
});
