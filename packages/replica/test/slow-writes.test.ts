import { Alone } from './support/alone.js';
import { put } from './support/commands.js';

describe('a leader whose flushes are behind', () => {
  it('lets writes wait longer and longer before it refuses them, and is fast again afterwards', async () => {
    const alone = await Alone.started({ memtableBytes: 4000 });
    const { node } = alone;
    node.fs.onOperation(({ kind, path }) =>
      kind === 'datasync' && path.endsWith('.sst') ? { fault: 'stall' } : 'ok',
    );
    const clock = alone.scheduler.clock();
    const took: number[] = [];
    let last = '';
    for (let i = 0; i < 400 && !last.includes('BUSY'); i++) {
      // So far apart that a pause is over before the next pair comes.
      await alone.scheduler.advance(30);
      const first = node.write(put(`k${i}`, 'x'.repeat(1000)));
      await alone.scheduler.advance(0);
      const begun = clock.monotonicMs();
      last = await alone.write(put(`l${i}`, 'x'));
      took.push(clock.monotonicMs() - begun);
      await alone.run(first);
    }
    expect(last).toContain('BUSY');
    const accepted = took.slice(0, -1);
    expect(accepted[0]).toBeLessThanOrEqual(1);
    expect(Math.max(...accepted)).toBeGreaterThan(2);
    expect(Math.max(...accepted)).toBeLessThan(30);
    node.fs.onOperation(null);
    node.fs.releaseStalled();
    await alone.scheduler.advance(1000);
    expect(node.db.pressure.state).toBe('free');
    const begun = clock.monotonicMs();
    for (let i = 0; i < 3; i++) await alone.write(put('m', `${i}`));
    expect(clock.monotonicMs() - begun).toBeLessThanOrEqual(3);
  });
});
