import { Alone } from './support/alone.js';
import { put } from './support/commands.js';

describe('the space that a replica takes', () => {
  it('does not grow with the number of times that a key was written, where no history is kept', async () => {
    const alone = await Alone.started({ memtableBytes: 10_000, settings: { historyMs: 0 } });
    const { db } = alone.node;
    const levelBytes = () => db.stats().levels.reduce((sum, level) => sum + level.bytes, 0);
    for (let round = 0; round < 40; round++) {
      const value = 'x'.repeat(1000);
      await alone.all(
        Array.from({ length: 20 }, (_, i) => alone.node.write(put('k', `${value}${i}`))),
      );
      // The floor moves at most once a second.
      await alone.scheduler.advance(1001);
      await alone.run(db.flushed());
    }
    await alone.run(db.compact());
    expect(db.stats().flushes).toBeGreaterThan(10);
    expect(levelBytes()).toBeLessThan(80_000);
  });
});
