import { codeOf, DIR, entries, entry, Rig, show, synced } from '../../test/rig.js';
import type { Wal, WalError } from '../index.js';

const DATA = new Uint8Array(200);

/** Appends until the WAL refuses; answers how many entries it took. */
async function fill(wal: Wal, from: number): Promise<number> {
  for (let count = 0; count < 1000; count++) {
    const code = await codeOf(() => wal.append(1, [entry(from + count, 1, DATA)], 0));
    if (code === 'nothing') continue;
    expect(code).toBe('WAL_NO_SPACE');
    return count;
  }
  throw new Error('it never refused');
}

describe('the next segment', () => {
  it('is filled with zeros, synced and named before anything is in it', async () => {
    const rig = new Rig();
    await rig.open();
    await rig.scheduler.advance(20);
    expect(rig.fs.list(DIR)).toEqual(['0000000000000001.wal', '0000000000000002.wal']);
    const after = rig.afterCrash();
    expect(after.fs.contents(`${DIR}/0000000000000002.wal`)).toEqual(new Uint8Array(4096));
  });

  it('is waited for if it is late, and nothing is refused meanwhile', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    rig.fs.failNext({ kind: 'write', path: /2\.wal\.tmp$/ }, { fault: 'stall' });
    rig.fs.failNext({ kind: 'datasync', path: /2\.wal\.tmp$/ }, { fault: 'stall' });
    await rig.scheduler.advance(20);
    expect(rig.fs.stalledCount).toBe(1);
    let told = 0;
    for (let index = 1; index <= 40; index++) {
      wal.append(1, [entry(index, 1, DATA)], 0);
      wal.sync(() => told++);
    }
    await rig.scheduler.advance(20);
    // What the first segment holds is durable.
    expect(told).toBeLessThan(20);
    rig.fs.releaseStalled();
    await rig.durable(wal);
    expect(told).toBe(40);
  });

  it('costs no wait at a rotation: its work is done by then', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    const created: string[] = [];
    rig.fs.onOperation(({ kind, path }) => {
      if (kind === 'create' || kind === 'rename') created.push(`${kind} ${path.slice(-8)}`);
      return 'ok';
    });
    await rig.scheduler.advance(50);
    expect(created).toEqual(['rename .wal.tmp']);
    created.length = 0;
    for (let index = 1; wal.stats().segments === 1; index++) {
      wal.append(1, [entry(index, 1, DATA)], 0);
      await rig.durable(wal);
    }
    // Only the one after it was begun.
    expect(created.every((line) => line === 'create .wal.tmp')).toBe(true);
  });

  it('is kept from one start to the next, any other leftover is removed', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    await rig.scheduler.advance(20);
    await rig.close(wal);
    rig.fs.plant(`${DIR}/0000000000000003.wal`, new Uint8Array(4096));
    rig.fs.plant(`${DIR}/0000000000000004.wal.tmp`, new Uint8Array(100).fill(7));
    const created: string[] = [];
    rig.fs.onOperation(({ kind, path }) => {
      if (kind === 'create') created.push(path);
      return 'ok';
    });
    await rig.open();
    expect(rig.fs.list(DIR)).toEqual([
      '0000000000000001.wal',
      '0000000000000002.wal',
      '0000000000000003.wal.tmp',
    ]);
    expect(created).toEqual([`${DIR}/0000000000000003.wal.tmp`]);
  });

  it('of another size than asked for is made anew', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    await rig.scheduler.advance(20);
    await rig.close(wal);
    await rig.open({ segmentBytes: 8192 });
    expect(rig.fs.stat(`${DIR}/0000000000000002.wal`)?.sizeBytes).toBe(8192);
  });

  it('gets a durable name though the process before died of a failed directory sync', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    rig.fs.failNext({ kind: 'syncDir', path: DIR }, 'EIO');
    await rig.scheduler.advance(20);
    expect(await codeOf(() => wal.append(1, [entry(1)], 0))).toBe('WAL_FAILED');
    rig.fs.kill();
    const again = await rig.open();
    again.wal.append(1, entries(1, 3), 0);
    await rig.durable(again.wal);
    const { wal: crashed } = await rig.afterCrash().open();
    expect(crashed.log(1).lastIndex()).toBe(3);
  });
});

describe('a full disk', () => {
  async function fullDisk(): Promise<{ rig: Rig; wal: Wal; taken: number }> {
    const rig = new Rig({ segmentBytes: 16 * 1024 });
    rig.fs.setCapacity(20 * 1024);
    const { wal } = await rig.open();
    await rig.scheduler.advance(20);
    const taken = await fill(wal, 1);
    return { rig, wal, taken };
  }

  it('is told when this segment cannot hold the entries; what was taken becomes durable', async () => {
    const { rig, wal, taken } = await fullDisk();
    expect(taken).toBeGreaterThan(50);
    await rig.durable(wal);
    expect(rig.fs.list(DIR)).toEqual(['0000000000000001.wal']);
    const { wal: crashed } = await rig.afterCrash().open();
    expect(crashed.log(1).lastIndex()).toBe(taken);
  });

  it('leaves room to compact, and passes by itself', async () => {
    const { rig, wal, taken } = await fullDisk();
    wal.compactPrefix(1, taken - 1, 1);
    await rig.durable(wal);
    expect(await codeOf(() => wal.append(1, [entry(taken + 1, 1, DATA)], 0))).toBe('WAL_NO_SPACE');
    rig.fs.setCapacity(1e6);
    await rig.scheduler.advance(1100);
    wal.append(1, [entry(taken + 1, 1, DATA)], 0);
    await rig.durable(wal);
    await rig.close(wal);
    const { wal: again } = await rig.open();
    expect(show(again, 1).length).toBe(4);
  });

  it('holds up what was queued before it was noticed, and promises nothing', async () => {
    const rig = new Rig({ segmentBytes: 16 * 1024 });
    const { wal } = await rig.open();
    rig.fs.setCapacity(20 * 1024);
    let told: WalError | null | undefined;
    for (let index = 1; index <= 100; index++) wal.append(1, [entry(index, 1, DATA)], 0);
    wal.sync((error) => {
      told = error;
    });
    await rig.scheduler.advance(5000);
    expect(told).toBeUndefined();
    expect(await codeOf(() => wal.append(1, [entry(101)], 0))).toBe('WAL_NO_SPACE');
    expect(await codeOf(() => wal.compactPrefix(1, 5, 1))).toBe('WAL_NO_SPACE');
    rig.fs.setCapacity(1e6);
    await rig.scheduler.advance(1100);
    expect(told).toBeNull();
    const { wal: crashed } = await rig.afterCrash().open();
    expect(crashed.log(1).lastIndex()).toBe(100);
  });

  it('at close is told to those who waited', async () => {
    const rig = new Rig({ segmentBytes: 16 * 1024 });
    const { wal } = await rig.open();
    rig.fs.setCapacity(20 * 1024);
    for (let index = 1; index <= 100; index++) wal.append(1, [entry(index, 1, DATA)], 0);
    const told = synced(wal);
    await rig.scheduler.advance(100);
    expect(await codeOf(() => rig.close(wal))).toBe('WAL_NO_SPACE');
    expect((await told)?.code).toBe('WAL_NO_SPACE');
    expect(rig.clock.pendingCount).toBe(0);
    rig.fs.setCapacity(1e6);
    const { wal: again } = await rig.open();
    // What fitted into the first segment was written and synced.
    expect(again.log(1).lastIndex()).toBeGreaterThan(50);
    expect(again.log(1).lastIndex()).toBeLessThan(100);
  });

  it('does not keep a WAL from being opened and read', async () => {
    const { rig, wal, taken } = await fullDisk();
    await rig.durable(wal);
    rig.fs.kill();
    rig.fs.setCapacity(16 * 1024);
    const again = await rig.open();
    expect(again.wal.log(1).lastIndex()).toBe(taken);
    expect(await codeOf(() => again.wal.append(1, [entry(taken + 1)], 0))).toBe('WAL_NO_SPACE');
    expect(await rig.sync(again.wal)).toBeNull();
    rig.fs.setCapacity(1e6);
    await rig.scheduler.advance(1100);
    again.wal.append(1, [entry(taken + 1)], 0);
    await rig.durable(again.wal);
    const { wal: crashed } = await rig.afterCrash().open();
    expect(crashed.log(1).lastIndex()).toBe(taken + 1);
  });

  it('of a WAL that was opened on it ends cleanly', async () => {
    const { rig, wal, taken } = await fullDisk();
    await rig.durable(wal);
    const full = rig.copy();
    full.fs.setCapacity(16 * 1024);
    const again = await full.open();
    await full.close(again.wal);
    expect(full.clock.pendingCount).toBe(0);
    full.fs.setCapacity(1e6);
    expect((await full.open()).wal.log(1).lastIndex()).toBe(taken);
  });
});
