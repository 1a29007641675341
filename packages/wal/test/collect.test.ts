import { dumpWal, type PinnedSegment, type Wal } from '../src/index.js';
import { History } from './history.js';
import { showWal } from './model.js';
import { DIR, entries, entry, Rig, show } from './rig.js';
import { seeds } from './scale.js';

function segments(rig: Rig): number[] {
  return rig.fs
    .list(DIR)
    .filter((name) => name.endsWith('.wal'))
    .map((name) => Number.parseInt(name, 16));
}

function operations(rig: Rig): string[] {
  const lines: string[] = [];
  dumpWal(rig.fs, DIR, (line) => {
    if (line.startsWith('    ')) lines.push(line.trim());
  });
  return lines;
}

/** Fills segments with a log that is compacted behind itself. */
async function churn(rig: Rig, wal: Wal, id: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const next = wal.log(id).lastIndex() + 1;
    wal.append(id, [entry(next, 1, new Uint8Array(300))], next - 1);
    if (next > 3) wal.compactPrefix(id, next - 2, 1);
    await rig.durable(wal);
  }
}

describe('garbage collection', () => {
  it('lets segments go when nothing in them is needed', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    await churn(rig, wal, 1, 100);
    await rig.scheduler.advance(300);
    expect(wal.stats().segments).toBeLessThanOrEqual(2);
    expect(segments(rig)[0]).toBeGreaterThan(5);
    const { wal: again } = await rig.afterCrash().open();
    expect(again.log(1).lastIndex()).toBe(100);
  });

  it('knows over a restart how much was written behind an entry that is kept', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(7, entries(1, 3), 0);
    for (let index = 1; index <= 40; index++) {
      wal.append(1, [entry(index, 1, new Uint8Array(300))], 0);
      await rig.durable(wal);
    }
    const { bytes } = wal.stats();
    // What this process has written its own figure tells.
    expect(wal.log(7).bytesBehind(3)).toBe(0);
    await rig.close(wal);
    const { wal: again } = await rig.open();
    const behind = [3, 4].map((index) => again.log(7).bytesBehind(index));
    // Less the segment that the entry stands in.
    expect(behind[0]).toBeGreaterThan(bytes - 2 * 4096);
    expect(behind[0]).toBeLessThan(bytes + 4096);
    expect(behind[1]).toBe(0);
    const ages = [1, 20, 40].map((index) => again.log(1).bytesBehind(index));
    expect(ages).toEqual([...ages].sort((a, b) => b - a));
    expect(ages[2]).toBe(0);
    expect(again.log(99).bytesBehind(1)).toBe(0);
  });

  it('takes along the little that an idle log has left in old segments: entries, hint, prefix', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(7, entries(1, 6), 5);
    wal.compactPrefix(7, 2, 1);
    wal.append(8, [], 9);
    wal.compactPrefix(9, 4, 2);
    const lines = [7, 8, 9].map((id) => show(wal, id));
    await churn(rig, wal, 1, 100);
    expect(segments(rig)[0]).toBeGreaterThan(5);
    expect(operations(rig).some((line) => line.startsWith('rewrite log=7'))).toBe(true);
    expect([7, 8, 9].map((id) => show(wal, id))).toEqual(lines);
    await rig.close(wal);
    const { wal: again } = await rig.open();
    expect([7, 8, 9].map((id) => show(again, id))).toEqual(lines);
  });

  it('leaves a segment that holds much alone until its log lets go', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(7, [entry(1, 1, new Uint8Array(800)), entry(2, 1, new Uint8Array(800))], 0);
    await churn(rig, wal, 1, 60);
    expect(segments(rig)[0]).toBe(1);
    expect(operations(rig).filter((line) => line.startsWith('rewrite log=7'))).toEqual([]);
    wal.compactPrefix(7, 2, 1);
    await rig.scheduler.advance(300);
    expect(segments(rig)[0]).toBeGreaterThan(4);
    expect(wal.log(7).firstIndex()).toBe(3);
  });

  it('of a WAL that has grown large takes a quarter of a segment along, in several flushes if need be', async () => {
    const rig = new Rig({ collectAboveBytes: 3 * 4096, cacheBytes: 0 });
    const { wal } = await rig.open();
    // More than is copied of a small WAL, less than of a large one.
    wal.append(7, [entry(1, 1, new Uint8Array(800))], 0);
    await churn(rig, wal, 1, 4);
    expect(operations(rig).filter((line) => line.startsWith('rewrite log=7'))).toEqual([]);
    await churn(rig, wal, 1, 40);
    expect(operations(rig).some((line) => line.startsWith('rewrite log=7'))).toBe(true);
    expect(segments(rig)[0]).toBeGreaterThan(1);
    expect(wal.log(7).entries(1, 2, 1000)).toMatchObject([{ index: 1, data: new Uint8Array(800) }]);
  });

  it('tells the host which logs pin the oldest segment of a large WAL, once for each segment begun', async () => {
    const told: PinnedSegment[] = [];
    const rig = new Rig({
      collectAboveBytes: 3 * 4096,
      onPinned: (pinned) => told.push(pinned),
    });
    const { wal } = await rig.open();
    expect(wal.pinned()).toBeNull();
    wal.append(
      7,
      [1, 2].map((index) => entry(index, 1, new Uint8Array(700))),
      0,
    );
    wal.append(8, [entry(1, 1, new Uint8Array(900)), entry(2)], 0);
    await churn(rig, wal, 1, 60);
    const newest = segments(rig).length;
    expect(newest).toBeGreaterThan(4);
    // The first three are not many, and of the newest nothing was told yet.
    expect(told.length).toBeGreaterThan(newest - 5);
    expect(told.length).toBeLessThanOrEqual(newest);
    const pinned = {
      segment: 1,
      logs: [
        { id: 7, entries: 2, bytes: 1400, throughIndex: 2 },
        { id: 8, entries: 2, bytes: 902, throughIndex: 2 },
      ],
    };
    expect(told[0]).toMatchObject(pinned);
    expect(told[0]?.totalBytes).toBeGreaterThan(3 * 4096);
    expect(wal.pinned()).toMatchObject(pinned);
    // The host does what it is asked for.
    for (const { id, throughIndex } of told[0]?.logs ?? []) wal.compactPrefix(id, throughIndex, 1);
    await churn(rig, wal, 1, 5);
    await rig.scheduler.advance(50);
    expect(segments(rig)[0]).toBeGreaterThan(4);
    const before = told.length;
    await churn(rig, wal, 1, 20);
    expect(told.length).toBe(before);
  });

  it('keeps a segment with a damaged entry that it cannot copy', async () => {
    const rig = new Rig({ cacheBytes: 0, mode: 'replicated' });
    const { wal } = await rig.open();
    wal.append(7, entries(1, 2), 0);
    await rig.durable(wal);
    const file = `${DIR}/0000000000000001.wal`;
    rig.fs.corrupt(file, Buffer.from(rig.fs.contents(file)).indexOf('e2'), 1);
    await churn(rig, wal, 1, 60);
    expect(segments(rig)[0]).toBe(1);
    await rig.close(wal);
    const { wal: again, report } = await rig.open();
    expect(report.logs.find((log) => log.id === 7)?.faulty).toEqual([{ index: 2, term: 1 }]);
    expect(again.log(7).entries(2, 3, 100)).toBe('faulty');
    again.removeLog(7);
    await churn(rig, again, 1, 5);
    await rig.scheduler.advance(300);
    expect(segments(rig)[0]).toBeGreaterThan(1);
  });

  it('INVARIANT(segments-die-in-order): removes the oldest first, each name gone for good before the next', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(7, [entry(1, 1, new Uint8Array(1500))], 0);
    await churn(rig, wal, 1, 60);
    const steps: string[] = [];
    rig.fs.onOperation(({ kind, path }) => {
      if (kind === 'remove' && /\.wal$/.test(path))
        steps.push(`remove ${Number.parseInt(path.slice(-20), 16)}`);
      if (kind === 'syncDir') steps.push('syncDir');
      return 'ok';
    });
    wal.compactPrefix(7, 1, 1);
    await rig.durable(wal);
    await rig.scheduler.advance(50);
    const removed = steps.filter((step) => step.startsWith('remove'));
    expect(removed.length).toBeGreaterThan(3);
    expect(removed).toEqual(removed.map((_, i) => `remove ${i + 1}`));
    for (const [i, step] of steps.entries()) {
      if (step.startsWith('remove') && i > 0) expect(steps[i - 1]).toBe('syncDir');
    }
    expect(steps[steps.length - 1]).toBe('syncDir');
  });

  it.each(seeds(21, 2))(
    'INVARIANT(rewrite-keeps-tail): collect, restart, collect, restart, with a power loss anywhere, shows what the history shows (seed %i)',
    async (seed) => {
      // Small segments, little data: almost everything is copied again and again.
      const options = { segmentBytes: 4096, maxFrameBytes: 512 };
      const draw = { logs: 4, maxDataBytes: 200 };
      const runUntil = async (
        mutation: number,
      ): Promise<{ rig: Rig; history: History; removed: number }> => {
        const rig = new Rig(options, seed);
        const history = new History(seed, draw);
        let removed = 0;
        rig.fs.onOperation(({ kind, path }) => {
          if (kind === 'remove' && path.endsWith('.wal')) removed++;
          return 'ok';
        });
        rig.fs.crashAtMutation(mutation);
        try {
          for (let session = 0; session < 3; session++) {
            const { wal } = await rig.open();
            history.check(wal);
            await history.run(rig, wal, 45);
            await rig.close(wal);
            if (rig.fs.crashed) break;
            history.acked = history.states.length - 1;
          }
        } catch (error) {
          if (!rig.fs.crashed) throw error;
        }
        return { rig, history, removed };
      };
      const whole = await runUntil(Number.POSITIVE_INFINITY);
      expect(whole.removed).toBeGreaterThan(2);
      const stride = 5;
      for (
        let mutation = 1 + (seed % stride);
        mutation <= whole.rig.fs.mutationCount;
        mutation += stride
      ) {
        const { rig, history } = await runUntil(mutation);
        for (const keepUnsyncedPercent of [0, 50]) {
          const disk = rig.afterCrash({ keepUnsyncedPercent });
          const { wal } = await disk.open();
          history.check(wal);
          const shown = showWal(wal);
          // Collects once more, and starts once more.
          await churn(disk, wal, 99, 16);
          await disk.close(wal);
          const { wal: last } = await disk.open();
          const lines = showWal(last)
            .split('\n')
            .filter((line) => !line.startsWith('log 99 '));
          expect(lines.join('\n')).toBe(shown);
        }
      }
    },
  );
});
