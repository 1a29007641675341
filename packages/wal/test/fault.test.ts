import type { Operation, Verdict } from '@dougdb/ports/sim';
import { History } from './history.js';
import { Rig } from './rig.js';
import { seeds } from './scale.js';

const STEPS = 80;

interface Outcome {
  readonly rig: Rig;
  readonly history: History;
  /** The code that open() was rejected with, or ''. */
  readonly openCode: string;
  readonly hit: Operation | null;
}

/** Runs the workload on a disk whose k-th operation that can fail meets a fault. */
async function runWith(seed: number, k: number, verdict: Verdict): Promise<Outcome> {
  const rig = new Rig({}, seed);
  const history = new History(seed);
  let count = 0;
  let hit: Operation | null = null;
  rig.fs.onOperation((operation) => {
    if (operation.kind === 'read' || operation.kind === 'stat' || operation.kind === 'list')
      return 'ok';
    if (++count !== k) return 'ok';
    hit = operation;
    return verdict;
  });
  let openCode = '';
  try {
    const { wal } = await rig.open();
    await history.run(rig, wal, STEPS);
    await rig.close(wal);
  } catch (error) {
    openCode = (error as { code?: string }).code ?? String(error);
  }
  rig.fs.onOperation(null);
  return { rig, history, openCode, hit };
}

describe('Wal on a failing disk', () => {
  it.each(seeds(11, 1))(
    'INVARIANT(acked-entry-survives): acknowledges nothing after a failed operation, and what a restart finds is durable (seed %i)',
    async (seed) => {
      let failures = 0;
      let k = 1;
      for (; ; k++) {
        const { rig, history, openCode, hit } = await runWith(seed, k, 'EIO');
        if (hit === null) break;
        expect([`${k}`, openCode]).toEqual([`${k}`, expect.stringMatching(/^(WAL_FAILED)?$/)]);
        if (history.failed || openCode !== '') failures++;
        // The process ends and is started again; the machine lives, and with it what it has in its cache.
        rig.fs.kill();
        const again = await rig.open();
        const state = history.check(again.wal);
        // What that start has shown must stand, though a failed sync may have dropped it from the disk.
        const after = await rig.afterCrash({ keepUnsyncedPercent: 0 }).open();
        expect([k, history.check(after.wal)]).toEqual([k, state]);
      }
      expect(k).toBeGreaterThan(60);
      expect(failures).toBeGreaterThan(k / 2);
    },
  );

  it.each(seeds(12, 1))(
    'takes a full disk for what it is: nothing is lost, and it goes on when there is space (seed %i)',
    async (seed) => {
      let refusals = 0;
      let k = 1;
      for (; ; k++) {
        const { rig, history, openCode, hit } = await runWith(seed, k, 'ENOSPC');
        if (hit === null) break;
        refusals += history.refusals;
        expect([k, openCode]).toEqual([k, expect.stringMatching(/^(WAL_FAILED|WAL_NO_SPACE)?$/)]);
        const filling =
          hit.path.endsWith('.tmp') && ['create', 'write', 'datasync'].includes(hit.kind);
        if (filling) expect([k, history.failed, openCode]).toEqual([k, false, '']);
        rig.fs.kill();
        const again = await rig.open();
        const state = history.check(again.wal);
        const after = await rig.afterCrash({ keepUnsyncedPercent: 0 }).open();
        expect([k, history.check(after.wal)]).toEqual([k, state]);
      }
      expect(k).toBeGreaterThan(60);
      expect(refusals).toBeGreaterThan(0);
    },
  );
});
