import fc from 'fast-check';
import { History } from './history.js';
import { Rig } from './rig.js';
import { SCALE } from './scale.js';

describe('Wal against a plain model', () => {
  it('shows what the model shows, through restarts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }),
        async (seed, runs) => {
          const rig = new Rig({ cacheBytes: seed % 2 === 0 ? 0 : 4096 }, seed);
          const history = new History(seed);
          for (const steps of runs) {
            const { wal, report } = await rig.open();
            expect(report.tail).toBe('clean');
            expect(history.check(wal)).toBe(history.states.lastIndexOf(history.model.show()));
            await history.run(rig, wal, steps);
            expect(history.check(wal)).toBe(history.states.lastIndexOf(history.model.show()));
            await rig.close(wal);
            history.acked = history.states.length - 1;
          }
        },
      ),
      { numRuns: 80 * SCALE },
    );
  });
});
