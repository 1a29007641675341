import type { Operation, Verdict } from '@dougdb/ports/sim';
import { History } from './history.js';
import { Rig } from './rig.js';
import { FULL, LONG_MS } from './scale.js';
import { Session, WORKLOADS, type Workload } from './workloads.js';

/** What the k-th operation meets; null: this kind of operation cannot meet it, and is not counted. */
type Plan = (operation: Operation, k: number) => Verdict | null;

const READS = ['read', 'stat', 'list', 'open', 'freeBytes'];

const PLANS: Readonly<Record<string, Plan>> = {
  EIO: ({ kind }) => (READS.includes(kind) ? null : 'EIO'),
  ENOSPC: ({ kind }) => (READS.includes(kind) ? null : 'ENOSPC'),
  'a short write': ({ kind, length }, k) =>
    kind === 'write' ? { fault: 'short-write', writtenBytes: (k * 37) % length } : null,
};

interface Outcome {
  readonly rig: Rig;
  readonly history: History;
  /** The code that open() or close() was rejected with, or ''. */
  readonly code: string;
  readonly hit: Operation | null;
}

/** Runs the workload on a disk whose k-th operation that can fail so meets a fault. */
async function runWith(workload: Workload, plan: Plan, k: number): Promise<Outcome> {
  const rig = new Rig(workload.options, 3);
  const history = new History(3);
  let count = 0;
  let hit: Operation | null = null;
  rig.fs.onOperation((operation) => {
    const verdict = plan(operation, k);
    if (verdict === null || ++count !== k) return 'ok';
    hit = operation;
    return verdict;
  });
  let code = '';
  try {
    await workload.run(new Session(rig, history, 3));
  } catch (error) {
    code = (error as { code?: string }).code ?? String(error);
  }
  rig.fs.onOperation(null);
  return { rig, history, code, hit };
}

const cases = Object.entries(PLANS).flatMap(([fault, plan]) =>
  WORKLOADS.map((workload) => [fault, workload.name, plan, workload] as const),
);

describe('Wal on a failing disk', () => {
  it.each(cases)(
    'INVARIANT(acked-entry-survives): with %s at each operation of "%s" nothing acknowledged is lost, nothing is acknowledged after a failure, and the next start shows what is durable',
    async (fault, _, plan, workload) => {
      let failures = 0;
      let tried = 0;
      // In a short run every third one; writes are few.
      const stride = FULL || fault === 'a short write' ? 1 : 3;
      for (let k = 1; ; k += stride) {
        const { rig, history, code, hit } = await runWith(workload, plan, k);
        if (hit === null) break;
        const what = `${k} ${hit.kind} ${hit.path}`;
        expect([what, code]).toEqual([what, expect.stringMatching(/^(WAL_FAILED|WAL_NO_SPACE)?$/)]);
        tried++;
        if (history.failed || code !== '') failures++;
        // A full disk while the next segment is filled is no failure: nothing was promised in it.
        const filling =
          hit.path.endsWith('.tmp') && ['create', 'write', 'datasync'].includes(hit.kind);
        if (filling && fault !== 'EIO')
          expect([what, history.failed, code]).toEqual([what, false, '']);
        // The process ends and is started again; the machine lives, and with it what it has in its cache.
        rig.kill();
        history.killed();
        const again = await rig.open();
        const state = history.check(again.wal);
        // What that start has shown must stand, though a failed sync may have dropped it from the disk.
        const after = await rig.afterCrash({ keepUnsyncedPercent: 0 }).open();
        expect([what, history.check(after.wal)]).toEqual([what, state]);
      }
      expect(tried).toBeGreaterThan(8);
      expect(failures).toBeGreaterThan(tried / 5);
    },
    LONG_MS,
  );
});
