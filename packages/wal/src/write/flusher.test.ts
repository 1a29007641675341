import fc from 'fast-check';
import { codeOf, DIR, entries, entry, Rig, show, synced } from '../../test/rig.js';
import { watchSyncs } from '../../test/watching-fs.js';
import { dumpWal, verifyWal, type WalError } from '../index.js';

const SEGMENT_1 = `${DIR}/0000000000000001.wal`;

function frames(rig: Rig): string[] {
  const lines: string[] = [];
  dumpWal(rig.fs, DIR, (line) => {
    if (/^ {2}\d/.test(line)) lines.push(line.trim().split(' ').slice(1, 4).join(' '));
  });
  return lines;
}

describe('group commit', () => {
  it('shares one datasync among all that came while another ran', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    await rig.scheduler.advance(50);
    const before = wal.stats().syncs;
    const order: number[] = [];
    const all: Promise<unknown>[] = [];
    const append = (index: number): void => {
      wal.append(1, [entry(index)], 0);
      all.push(synced(wal).then(() => order.push(index)));
    };
    append(1);
    rig.fs.failNext({ kind: 'datasync', path: SEGMENT_1 }, { fault: 'stall' });
    await rig.scheduler.advance(1);
    expect(rig.fs.stalledCount).toBe(1);
    for (let index = 2; index <= 50; index++) append(index);
    await rig.scheduler.advance(10);
    expect(order).toEqual([]);
    rig.fs.releaseStalled();
    await rig.run(Promise.all(all));
    expect(order).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    expect(wal.stats().syncs - before).toBe(2);
  });

  it('gathers one turn of the loop without a timer', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    const { syncs } = wal.stats();
    const all = [1, 2, 3].map((id) => {
      wal.append(id, [entry(1)], 0);
      return synced(wal);
    });
    const begunMs = rig.scheduler.nowMs;
    await rig.run(Promise.all(all));
    expect(wal.stats().syncs - syncs).toBe(1);
    expect(rig.scheduler.nowMs - begunMs).toBeLessThan(1);
  });

  it('never has two datasyncs of the log under way, and calls back in order when the entries are durable', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            count: fc.integer({ min: 1, max: 6 }),
            waitMs: fc.double({ min: 0, max: 2, noNaN: true }),
          }),
          { minLength: 1, maxLength: 40 },
        ),
        fc.integer(),
        async (bursts, seed) => {
          const rig = new Rig({}, seed);
          const { fs, watch } = watchSyncs(rig.fs, /\.wal$/);
          const { wal } = await rig.open({ fs });
          const order: number[] = [];
          let asked = 0;
          let last = 0;
          let early = 0;
          for (const { count, waitMs } of bursts) {
            for (let i = 0; i < count; i++) {
              wal.append(1, [entry(++last, 1, new Uint8Array(100))], 0);
              const name = asked++;
              let inside = true;
              wal.sync((error) => {
                if (inside || error !== null) early++;
                order.push(name);
              });
              inside = false;
            }
            await rig.scheduler.advance(waitMs);
          }
          await rig.durable(wal);
          expect(order).toEqual(Array.from({ length: asked }, (_, i) => i));
          expect([early, watch.most]).toEqual([0, 1]);
          const { wal: crashed } = await rig.afterCrash().open();
          expect(crashed.log(1).lastIndex()).toBe(last);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('takes what callbacks queue into the next round', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    const done: number[] = [];
    const chain = (index: number): void => {
      wal.append(1, [entry(index)], 0);
      wal.sync(() => {
        done.push(index);
        if (index < 20) chain(index + 1);
      });
    };
    chain(1);
    await rig.scheduler.advance(50);
    expect(done.length).toBe(20);
  });

  it('calls everyone though one of them throws, and lets that error out', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(1, [entry(1)], 0);
    wal.sync(() => {
      throw new Error('a bug of the caller');
    });
    const second = synced(wal);
    let out: unknown;
    await rig.run(second).catch((error: unknown) => {
      out = error;
    });
    await rig.scheduler.advance(1).catch((error: unknown) => {
      out = error;
    });
    expect(String(out)).toContain('a bug of the caller');
    expect(await rig.run(second)).toBeNull();
    wal.append(1, [entry(2)], 0);
    await rig.durable(wal);
  });

  it('answers a sync with nothing queued, in its turn', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    const { syncs } = wal.stats();
    await rig.durable(wal);
    expect(wal.stats().syncs).toBe(syncs);
    wal.append(1, [entry(1)], 0);
    const order: string[] = [];
    await rig.run(
      Promise.all([
        synced(wal).then(() => order.push('a')),
        synced(wal).then(() => order.push('b')),
      ]),
    );
    expect(order).toEqual(['a', 'b']);
  });

  it('closes frames at their size, but for one larger entry', async () => {
    const rig = new Rig({ segmentBytes: 64 * 1024 });
    const { wal } = await rig.open();
    const data = new Uint8Array(300);
    wal.append(
      1,
      Array.from({ length: 10 }, (_, i) => entry(i + 1, 1, data)),
      0,
    );
    wal.append(1, [entry(11, 1, new Uint8Array(5000)), entry(12)], 0);
    await rig.durable(wal);
    const sizes: number[] = [];
    dumpWal(rig.fs, DIR, (line) => {
      const size = / entries .*payload=(\d+)/.exec(line)?.[1];
      if (size !== undefined) sizes.push(Number(size));
    });
    expect(sizes).toEqual([600, 600, 600, 600, 600, 5000, 3]);
  });

  it('holds no more operations in a frame than its count can say', async () => {
    const rig = new Rig({ segmentBytes: 4 * 1024 * 1024, maxFrameBytes: 1024 * 1024 });
    const { wal } = await rig.open();
    const empty = entry(1, 1, '');
    wal.append(
      1,
      Array.from({ length: 70_000 }, (_, i) => ({ ...empty, index: i + 1 })),
      1,
    );
    await rig.durable(wal);
    expect(frames(rig).filter((line) => line.startsWith('entries')).length).toBe(2);
    const { wal: again } = await rig.afterCrash().open();
    expect(again.log(1).lastIndex()).toBe(70_000);
  });
});

describe('back-pressure', () => {
  it('refuses entries while so many bytes wait for the disk, and takes them when a sync has called back', async () => {
    const rig = new Rig({ maxQueuedBytes: 2000 });
    const { wal } = await rig.open();
    // Larger than the limit by itself: nothing waits, so it is taken.
    wal.append(1, [entry(1, 1, new Uint8Array(2500))], 0);
    const before = wal.log(1).lastIndex();
    expect(await codeOf(() => wal.append(1, [entry(2)], 0))).toBe('WAL_BUSY');
    expect(await codeOf(() => wal.append(2, [entry(1)], 7))).toBe('WAL_BUSY');
    expect([wal.log(1).lastIndex(), wal.log(2).commitHint()]).toEqual([before, 0]);
    // What makes the WAL smaller, and hints without entries, are not refused.
    wal.compactPrefix(1, 1, 1);
    wal.append(1, [], 1);
    const told: string[] = [];
    wal.sync((error) => {
      expect([error, wal.stats().queuedBytes]).toEqual([null, 0]);
      wal.append(1, [entry(2)], 0);
      told.push('taken');
    });
    await rig.scheduler.advance(20);
    expect(told).toEqual(['taken']);
    await rig.durable(wal);
    for (let index = 3; index < 40; index++) {
      if (
        (await codeOf(() => wal.append(1, [entry(index, 1, new Uint8Array(100))], 0))) !== 'nothing'
      ) {
        expect(index).toBeGreaterThan(10);
        return;
      }
    }
    throw new Error('it was never refused');
  });
});

describe('the sync marker', () => {
  it('promises the last frame of a burst within 100 ms, once', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    for (let index = 1; index <= 3; index++) {
      wal.append(1, [entry(index)], 0);
      await rig.durable(wal);
      await rig.scheduler.advance(10);
    }
    const lastMs = rig.scheduler.nowMs;
    await rig.scheduler.runUntil(lastMs + 100);
    expect(frames(rig)).toEqual([
      'entries seq=1 synced=0',
      'entries seq=2 synced=1',
      'entries seq=3 synced=2',
      'marker seq=4 synced=3',
    ]);
    const { syncs } = wal.stats();
    await rig.scheduler.advance(1000);
    expect(frames(rig).length).toBe(4);
    expect(wal.stats().syncs).toBe(syncs);
    expect(rig.clock.pendingCount).toBe(0);
    // Durable, so that a power loss leaves the promise.
    expect(frames(rig.afterCrash()).length).toBe(4);
  });

  it('brings out operations that nobody syncs', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(1, entries(1, 5), 0);
    await rig.durable(wal);
    await rig.scheduler.advance(300);
    wal.compactPrefix(1, 3, 1);
    await rig.scheduler.advance(300);
    expect(show((await rig.afterCrash().open()).wal, 1)[0]).toBe('prefix 3/1');
    expect(frames(rig).slice(-2)).toEqual(['entries seq=3 synced=2', 'marker seq=4 synced=3']);
  });

  it('moves to the next segment where this one has no room for it', async () => {
    for (let length = 3700; length < 3860; length += 8) {
      const rig = new Rig();
      const { wal } = await rig.open();
      wal.append(1, [entry(1, 1, new Uint8Array(length))], 0);
      await rig.durable(wal);
      await rig.scheduler.advance(300);
      const { ok, logs } = verifyWal(rig.fs, DIR);
      expect([length, ok, logs.length]).toEqual([length, true, 1]);
      expect(frames(rig).some((line) => line.startsWith('marker'))).toBe(true);
    }
  });
});

describe('a failed write or sync', () => {
  it.each([
    ['write', 'write'],
    ['sync', 'datasync'],
  ] as const)('is told to every waiter in order, and is the end (%s)', async (_name, kind) => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(1, [entry(1)], 0);
    await rig.durable(wal);
    rig.fs.failNext({ kind, path: SEGMENT_1 }, 'EIO');
    const told: string[] = [];
    const sync = (name: string): void =>
      wal.sync((error: WalError | null) => told.push(`${name} ${error?.code}`));
    wal.append(1, [entry(2)], 0);
    sync('a');
    sync('b');
    await rig.scheduler.advance(5);
    expect(told).toEqual(['a WAL_FAILED', 'b WAL_FAILED']);
    sync('c');
    await rig.scheduler.advance(5);
    expect(told[2]).toBe('c WAL_FAILED');
    for (const run of [
      () => wal.append(1, [entry(3)], 0),
      () => wal.compactPrefix(1, 1, 1),
      () => wal.truncateSuffix(1, 1),
      () => wal.removeLog(1),
    ]) {
      expect(await codeOf(run)).toBe('WAL_FAILED');
    }
    // It can still be read, and no operation reaches the disk any more.
    expect(wal.log(1).lastIndex()).toBe(2);
    const { mutationCount } = rig.fs;
    await rig.scheduler.advance(2000);
    await rig.close(wal);
    expect(rig.fs.mutationCount).toBe(mutationCount);
    expect(rig.clock.pendingCount).toBe(0);
  });

  it('while it closes is a rejection', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(1, [entry(1)], 0);
    rig.fs.failNext({ kind: 'datasync', path: SEGMENT_1 }, 'EIO');
    expect(await codeOf(() => rig.close(wal))).toBe('WAL_FAILED');
    expect(rig.clock.pendingCount).toBe(0);
  });
});
