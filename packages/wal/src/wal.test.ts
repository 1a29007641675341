import { codeOf, DIR, entries, entry, Rig, show, synced } from '../test/rig.js';
import { COMPACTED, dumpWal, UNAVAILABLE, type Wal, type WalError } from './index.js';

function dump(rig: Rig): string[] {
  const lines: string[] = [];
  dumpWal(rig.fs, DIR, (line) => lines.push(line.trim()));
  return lines;
}

describe('Wal, as its user sees it', () => {
  it('begins empty: an unknown log starts at index 1', async () => {
    const { wal, report } = await new Rig().open();
    expect(report).toEqual({
      logs: [],
      tail: 'clean',
      tornBytes: 0,
      corruptions: [],
      lostFrames: 0,
    });
    const log = wal.log(5);
    expect([log.id, log.firstIndex(), log.lastIndex(), log.commitHint()]).toEqual([5, 1, 0, 0]);
    expect([log.term(0), log.term(1)]).toEqual([0, UNAVAILABLE]);
    expect(log.entries(1, 5, 100)).toEqual([]);
    expect(wal.logIds()).toEqual([]);
  });

  it('reads back what it appended, before and after a restart and a power loss', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(7, entries(1, 3), 2);
    await rig.durable(wal);
    const lines = ['prefix 0/0', '1/1 e1', '2/1 e2', '3/1 e3', 'hint 2'];
    expect(show(wal, 7)).toEqual(lines);
    await rig.close(wal);
    const again = await rig.open();
    expect(again.report).toMatchObject({ tail: 'clean', corruptions: [] });
    expect(again.report.logs).toEqual([
      { id: 7, firstIndex: 1, lastIndex: 3, commitHint: 2, faulty: [] },
    ]);
    expect(show(again.wal, 7)).toEqual(lines);
    again.wal.append(7, [entry(4)], 0);
    await rig.durable(again.wal);
    const { wal: third } = await rig.afterCrash().open();
    expect(show(third, 7)).toEqual([...lines.slice(0, 4), '4/1 e4', 'hint 2']);
  });

  it('shows entries at once and owns a copy of their data', async () => {
    const { wal } = await new Rig().open();
    const data = Buffer.from('before');
    wal.append(1, [{ ...entry(1), data }], 0);
    const large = Buffer.alloc(8000, 7);
    wal.append(1, [{ ...entry(2), data: large }], 0);
    data.fill(0);
    large.fill(0);
    const read = wal.log(1).entries(1, 3, 1e6);
    if (typeof read !== 'object') throw new Error('not read');
    expect(Buffer.from(read[0]!.data).toString()).toBe('before');
    expect(read[1]!.data[7999]).toBe(7);
  });

  it('keeps in memory what is not written yet, though the cache is full', async () => {
    const rig = new Rig({ cacheBytes: 0 });
    const { wal } = await rig.open();
    const all = Array.from({ length: 40 }, (_, i) => entry(i + 1, 1, new Uint8Array(200).fill(i)));
    wal.append(1, all, 0);
    rig.fs.failNext({ kind: 'datasync', path: /1\.wal$/ }, { fault: 'stall' });
    const durable = synced(wal);
    await rig.scheduler.advance(10);
    // The first segment is full and written, the second one has to wait for its sync.
    expect(rig.fs.stalledCount).toBe(1);
    expect(wal.log(1).entries(1, 41, 1e6)).toEqual(all);
    rig.fs.releaseStalled();
    expect(await rig.run(durable)).toBeNull();
    expect(wal.log(1).entries(1, 41, 1e6)).toEqual(all);
  });

  it('keeps type, checksum, empty and large data', async () => {
    const rig = new Rig({ cacheBytes: 0 });
    const { wal } = await rig.open();
    const all = [
      { ...entry(1, 3, new Uint8Array(0)), type: 255 },
      { ...entry(2, 3, new Uint8Array(50_000).fill(9)), type: 1 },
      entry(3, 4),
    ];
    wal.append(1, all, 0);
    await rig.durable(wal);
    expect(wal.log(1).entries(1, 4, 1e6)).toEqual(all);
    await rig.close(wal);
    const again = await rig.open();
    expect(again.wal.log(1).entries(1, 4, 1e6)).toEqual(all);
  });

  it('replaces everything at and above the first index of an append', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(1, entries(1, 5), 0);
    wal.append(1, [entry(3, 2, 'new')], 0);
    expect(show(wal, 1)).toEqual(['prefix 0/0', '1/1 e1', '2/1 e2', '3/2 new', 'hint 0']);
    wal.truncateSuffix(1, 2);
    wal.truncateSuffix(1, 9);
    expect(wal.log(1).lastIndex()).toBe(1);
    await rig.close(wal);
    expect(show((await rig.open()).wal, 1)).toEqual(['prefix 0/0', '1/1 e1', 'hint 0']);
  });

  it('keeps the term of a compacted prefix', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(1, [...entries(1, 3), ...entries(4, 6, 2)], 5);
    wal.compactPrefix(1, 4, 2);
    wal.compactPrefix(1, 2, 1);
    const check = (shown: Wal): void => {
      const log = shown.log(1);
      expect([log.firstIndex(), log.lastIndex(), log.commitHint()]).toEqual([5, 6, 5]);
      expect([log.term(3), log.term(4), log.term(5), log.term(7)]).toEqual([
        COMPACTED,
        2,
        2,
        UNAVAILABLE,
      ]);
      expect(log.entries(4, 6, 100)).toBe(COMPACTED);
    };
    check(wal);
    await rig.close(wal);
    check((await rig.open()).wal);
  });

  it('empties a log that is compacted beyond its end, or at an index where it disagrees', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    for (const id of [1, 2, 3]) wal.append(id, entries(1, 5), 0);
    wal.compactPrefix(1, 9, 3);
    wal.compactPrefix(2, 3, 7);
    wal.compactPrefix(3, 3, 1);
    const expected = [
      ['prefix 9/3', 'hint 0'],
      ['prefix 3/7', 'hint 0'],
      ['prefix 3/1', '4/1 e4', '5/1 e5', 'hint 0'],
    ];
    expect([1, 2, 3].map((id) => show(wal, id))).toEqual(expected);
    wal.append(1, [entry(10, 3)], 0);
    wal.append(2, [entry(4, 7)], 0);
    await rig.close(wal);
    const again = await rig.open();
    expect([1, 2].map((id) => again.wal.log(id).lastIndex())).toEqual([10, 4]);
  });

  it('forgets a removed log whole, and takes it up again', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    const reader = wal.log(1);
    wal.append(1, entries(1, 3), 3);
    wal.append(2, entries(1, 1), 0);
    wal.compactPrefix(1, 1, 1);
    wal.removeLog(1);
    wal.removeLog(99);
    expect(wal.logIds()).toEqual([2]);
    expect([reader.firstIndex(), reader.lastIndex(), reader.commitHint()]).toEqual([1, 0, 0]);
    wal.append(1, [entry(1, 9)], 0);
    expect(reader.term(1)).toBe(9);
    await rig.close(wal);
    const again = await rig.open();
    expect(show(again.wal, 1)).toEqual(['prefix 0/0', '1/9 e1', 'hint 0']);
  });

  it('gives at least one entry, then as many as fit', async () => {
    for (const cacheBytes of [0, 1e6]) {
      const rig = new Rig({ cacheBytes });
      const { wal } = await rig.open();
      wal.append(
        1,
        Array.from({ length: 10 }, (_, i) => entry(i + 1, 1, new Uint8Array(100))),
        0,
      );
      await rig.durable(wal);
      const read = (low: number, high: number, maxBytes: number): number =>
        (wal.log(1).entries(low, high, maxBytes) as readonly unknown[]).length;
      expect(read(1, 11, 0)).toBe(1);
      expect(read(1, 11, 350)).toBe(3);
      expect(read(1, 11, 1e6)).toBe(10);
      expect(read(4, 6, 1e6)).toBe(2);
      expect(read(9, 99, 1e6)).toBe(2);
      expect(read(11, 99, 1e6)).toBe(0);
    }
  });

  it('refuses what breaks its rules, and then nothing has changed', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(1, entries(1, 5), 0);
    wal.compactPrefix(1, 2, 1);
    const bad: (() => void)[] = [
      () => wal.append(1, [entry(7)], 0),
      () => wal.append(1, [entry(2)], 0),
      () => wal.append(1, [entry(6), entry(8)], 0),
      () => wal.append(1, [entry(6), { ...entry(7), type: 256 }], 0),
      () => wal.append(1, [{ ...entry(6), checksum: -1 }], 0),
      () => wal.append(1, [{ ...entry(6), term: 1.5 }], 0),
      () => wal.append(1, [entry(6)], -1),
      () => wal.append(1, [{ ...entry(6), data: new Uint8Array(64 * 1024 * 1024 + 1) }], 0),
      () => wal.append(0, [entry(1)], 0),
      () => wal.append(2 ** 53, [entry(1)], 0),
      () => wal.truncateSuffix(1, 2),
      () => wal.compactPrefix(1, 2 ** 53, 1),
      () => wal.log(-1),
    ];
    for (const run of bad) expect(await codeOf(run)).toBe('WAL_USAGE');
    expect(show(wal, 1)).toEqual(['prefix 2/1', '3/1 e3', '4/1 e4', '5/1 e5', 'hint 0']);
    expect(await codeOf(() => rig.open({ segmentBytes: 100 }))).toBe('WAL_USAGE');
    expect(await codeOf(() => rig.open({ segmentBytes: 4100 }))).toBe('WAL_USAGE');
  });

  it('lets nobody else open it while it holds the lock, and gives it back however it ends', async () => {
    const rig = new Rig({ lock: 'take' });
    const { wal } = await rig.open();
    expect(await codeOf(() => rig.open())).toBe('WAL_LOCKED');
    await rig.close(wal);
    const { wal: second } = await rig.open();
    rig.fs.failNext({ kind: 'datasync', path: /wal$/ }, 'EIO');
    second.append(1, [entry(1)], 0);
    expect((await rig.sync(second))?.code).toBe('WAL_FAILED');
    expect(await codeOf(() => rig.open())).toBe('WAL_LOCKED');
    await rig.close(second);
    rig.fs.failNext({ kind: 'datasync' }, 'EIO');
    expect(await codeOf(() => rig.open())).toBe('WAL_FAILED');
    await rig.open();
    rig.kill();
    await rig.open();
    rig.fs.failNext({ kind: 'lock' }, 'EIO');
    expect(await codeOf(() => rig.open())).toBe('WAL_FAILED');
  });

  it('closes once, leaves no timer, and refuses from then on', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(1, entries(1, 3), 0);
    let told: WalError | null | undefined;
    wal.sync((error) => {
      told = error;
    });
    const first = wal.close();
    expect(wal.close()).toBe(first);
    expect(await codeOf(() => wal.append(1, [entry(4)], 0))).toBe('WAL_CLOSED');
    await rig.run(first);
    expect(told).toBeNull();
    expect((await rig.sync(wal))?.code).toBe('WAL_CLOSED');
    expect(rig.clock.pendingCount).toBe(0);
    const sizes = rig.fs.list(DIR).map((name) => rig.fs.stat(`${DIR}/${name}`)?.sizeBytes);
    // The zeros of the sealed segment are gone; the spare waits.
    expect(sizes).toEqual([expect.any(Number), 4096]);
    expect(sizes[0]).toBeLessThan(300);
  });

  it('INVARIANT(conf-durably-committed): every frame that appends entries of a log carries its hint, never above its last entry', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    const appendLarge = (from: number, to: number, hint: number): void => {
      const data = new Uint8Array(300);
      wal.append(
        1,
        Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, 1, data)),
        hint,
      );
    };
    appendLarge(1, 2, 1);
    appendLarge(3, 12, 11);
    wal.append(2, entries(1, 2), 0);
    await rig.durable(wal);
    appendLarge(13, 13, 0);
    await rig.durable(wal);
    await rig.close(wal);
    const frames: { last: number; hint: number }[] = [];
    for (const line of dump(rig)) {
      if (/^\d+ \w+ seq/.test(line)) frames.push({ last: 0, hint: 0 });
      const frame = frames[frames.length - 1];
      const [, op, value] = /^(append|commitHint) log=1 index=(\d+)/.exec(line) ?? [];
      if (frame === undefined || value === undefined) continue;
      if (op === 'append') frame.last = Number(value);
      else frame.hint = Number(value);
    }
    const withEntries = frames.filter(({ last }) => last > 0);
    expect(withEntries.length).toBeGreaterThan(4);
    for (const { last, hint } of withEntries) {
      // The second message knew 11 to be committed; the frames it was split over tell that as far as they go.
      expect([last, hint]).toEqual([last, last <= 2 ? 1 : Math.min(11, last)]);
    }
    expect(wal.log(1).commitHint()).toBe(11);
  });

  it('reports a hint above the last index as it is', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(1, entries(1, 2), 9);
    wal.append(2, [], 4);
    await rig.close(wal);
    const { report } = await rig.open();
    expect(report.logs).toMatchObject([
      { id: 1, lastIndex: 2, commitHint: 9 },
      { id: 2, lastIndex: 0, commitHint: 4 },
    ]);
  });

  it('takes an entry that is larger than a segment', async () => {
    const rig = new Rig();
    const { wal } = await rig.open();
    wal.append(1, [entry(1), entry(2, 1, new Uint8Array(20_000).fill(5)), entry(3)], 0);
    await rig.durable(wal);
    const { wal: crashed } = await rig.afterCrash().open();
    expect(crashed.log(1).lastIndex()).toBe(3);
    await rig.close(wal);
    const { wal: again } = await rig.open();
    const read = again.log(1).entries(2, 3, 1e6);
    if (typeof read !== 'object') throw new Error('not read');
    expect(read[0]!.data).toEqual(new Uint8Array(20_000).fill(5));
  });

  it('throws once on damage that it meets while reading, and calls the entry faulty from then on', async () => {
    const rig = new Rig({ cacheBytes: 0 });
    const { wal } = await rig.open();
    wal.append(1, entries(1, 4), 0);
    await rig.durable(wal);
    const file = `${DIR}/0000000000000001.wal`;
    const at = Buffer.from(rig.fs.contents(file)).indexOf('e3');
    rig.fs.corrupt(file, at, 1);
    const log = wal.log(1);
    expect((log.entries(1, 5, 100) as readonly unknown[]).length).toBe(2);
    expect(() => log.entries(3, 5, 100)).toThrow(
      expect.objectContaining({ code: 'WAL_CORRUPT', file, offset: at }),
    );
    expect(log.entries(3, 5, 100)).toBe('faulty');
    expect((log.entries(4, 5, 100) as readonly unknown[]).length).toBe(1);
    expect(log.term(3)).toBe(1);
  });

  it('hides nothing behind a sector that cannot be read', async () => {
    const rig = new Rig({ cacheBytes: 0 });
    const { wal } = await rig.open();
    wal.append(1, entries(1, 4), 0);
    await rig.durable(wal);
    rig.fs.onOperation(({ kind, length }) => (kind === 'read' && length > 2 ? 'EIO' : 'ok'));
    expect((wal.log(1).entries(1, 5, 100) as readonly unknown[]).length).toBe(4);
    rig.fs.onOperation(({ kind }) => (kind === 'read' ? 'EIO' : 'ok'));
    expect(await codeOf(() => wal.log(1).entries(1, 5, 100))).toBe('WAL_CORRUPT');
    rig.fs.onOperation(null);
  });

  it('tells what it did', async () => {
    const rig = new Rig();
    const events: string[] = [];
    const values = new Map<string, number>();
    const add = (name: string) => (amount: number) => {
      values.set(name, (values.get(name) ?? 0) + amount);
    };
    const note = (event: string): void => {
      events.push(event);
    };
    const logger = { debug: note, info: note, warn: note, error: note, child: () => logger };
    const { wal } = await rig.open({
      logger,
      metrics: {
        counter: ({ name }) => ({ add: add(name) }),
        gauge: ({ name }) => ({ set: (value) => values.set(name, value) }),
        histogram: ({ name }) => ({ observe: () => add(name)(1) }),
        onCollect() {},
      },
    });
    wal.append(1, entries(1, 3), 0);
    await Promise.all([rig.run(synced(wal))]);
    expect(events).toEqual(['wal.segment.opened', 'wal.opened']);
    const { bytes, syncs, segments, queuedBytes } = wal.stats();
    expect([segments, queuedBytes, syncs]).toEqual([1, 0, 2]);
    expect(Object.fromEntries(values)).toEqual({
      doug_wal_segments: 1,
      doug_wal_bytes_total: bytes,
      doug_wal_syncs_total: 2,
      doug_wal_fsync_seconds: 2,
    });
  });
});
