import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { createClient } from './core.js';
import { FakeCluster } from './testing/index.js';

it('puts and gets', async () => {
  const scheduler = new SimScheduler();
  const clock = scheduler.clock();
  const cluster = new FakeCluster({ clock: scheduler.clock(), splitAt: ['m'] });
  const random = new SimRandom(1);
  const db = await scheduler.runWhilePending(
    createClient({ transport: cluster, clock, random }, { endpoints: cluster.endpoints }),
  );
  const run = <T>(p: Promise<T>) => scheduler.runWhilePending(p);
  expect(await run(db.put('a', '1'))).toEqual({ revision: 1 });
  expect(await run(db.put('z', '2'))).toEqual({ revision: 1 });
  expect(await run(db.get('a'))).toEqual({ key: 'a', value: '1', revision: 1 });
  expect(await run(db.get('b'))).toBeNull();
  expect(await run(db.get('z', { consistency: 'eventual' }))).toEqual({
    key: 'z',
    value: '2',
    revision: 1,
    ageMs: 12,
  });
  const all = [];
  const it = db.scan();
  for (;;) {
    const s = await run(it.next());
    if (s.done) break;
    all.push(s.value);
  }
  expect(all.map((x) => x.key)).toEqual(['a', 'z']);
  await db.close();
  expect(clock.pendingCount).toBe(0);
});
