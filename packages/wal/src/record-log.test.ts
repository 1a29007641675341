import { SimFs, SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { codeOf } from '../test/rig.js';
import { RecordLog } from './index.js';

const PATH = '/db/MANIFEST-1';
const ID = new TextEncoder().encode('cluster 7, partition 3');

function disk(): SimFs {
  const fs = new SimFs();
  fs.mkdir('/db');
  fs.syncDirSync('/');
  return fs;
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function write(fs: SimFs, records: readonly Uint8Array[], everySync = 1): Promise<void> {
  const log = RecordLog.create(fs, PATH, ID);
  for (const [i, record] of records.entries()) {
    log.append(record);
    if ((i + 1) % everySync === 0) await log.sync();
  }
  await log.sync();
  await fs.syncDir('/db');
  log.close();
}

function read(fs: SimFs): { records: string[]; tail: 'clean' | 'torn'; log: RecordLog } {
  const records: string[] = [];
  const { log, tail } = RecordLog.open(fs, PATH, ID, (r) =>
    records.push(Buffer.from(r).toString()),
  );
  return { records, tail, log };
}

function size(fs: SimFs): number {
  return fs.stat(PATH)?.sizeBytes ?? 0;
}

function cut(fs: SimFs, at: number): void {
  fs.plant(PATH, fs.contents(PATH).slice(0, at));
}

describe('RecordLog', () => {
  it('of nothing reads nothing', async () => {
    const fs = disk();
    await write(fs, []);
    expect(read(fs)).toMatchObject({ records: [], tail: 'clean' });
  });

  it('gives back records in order, the empty one too, and goes on behind them', async () => {
    const fs = disk();
    await write(fs, ['foo', 'bar', '', 'xxxx'].map(bytes));
    const { log, records, tail } = read(fs);
    expect([records, tail]).toEqual([['foo', 'bar', '', 'xxxx'], 'clean']);
    log.append(bytes('more'));
    await log.sync();
    expect(log.sizeBytes).toBe(size(fs));
    log.close();
    expect(read(fs).records).toEqual(['foo', 'bar', '', 'xxxx', 'more']);
    // A reader at the end stays at the end.
    expect(read(fs).records.length).toBe(5);
  });

  it('is read without a change of the disk', async () => {
    const fs = disk();
    await write(fs, ['foo', '', 'bar'].map(bytes));
    fs.plant(PATH, Uint8Array.of(...fs.contents(PATH), 1, 2, 3));
    const before = fs.hash();
    const seen: string[] = [];
    const onRecord = (record: Uint8Array): number => seen.push(Buffer.from(record).toString());
    const operations: string[] = [];
    fs.onOperation(({ kind }) => {
      operations.push(kind);
      return 'ok';
    });
    expect(RecordLog.read(fs, PATH, ID, onRecord)).toEqual({
      tail: 'torn',
      sizeBytes: size(fs) - 3,
    });
    expect([seen, fs.hash(), fs.openPaths]).toEqual([['foo', '', 'bar'], before, []]);
    expect(new Set(operations)).toEqual(new Set(['open', 'read', 'stat']));
    fs.onOperation(null);
    expect(() => RecordLog.read(fs, PATH, bytes('other'), onRecord)).toThrow(
      expect.objectContaining({ code: 'WAL_CORRUPT' }),
    );
    expect(fs.openPaths).toEqual([]);
  });

  it('takes many records of all sizes, up to several windows of the reader', async () => {
    const random = new SimRandom(301);
    const records = Array.from({ length: 300 }, (_, i) => {
      const length = i % 50 === 0 ? 70_000 : random.int(random.chance(0.1) ? 3000 : 40);
      return new Uint8Array(length).fill(97 + (i % 26));
    });
    records.push(new Uint8Array(3_000_000).fill(65));
    const fs = disk();
    await write(fs, records, 7);
    expect(read(fs).records).toEqual(records.map((r) => Buffer.from(r).toString()));
  });

  it("ends a record at any distance from the reader's window", async () => {
    for (let length = 1024 * 1024 - 160; length < 1024 * 1024; length += 8) {
      const fs = disk();
      await write(fs, [new Uint8Array(length).fill(97), bytes('next')]);
      expect(read(fs).records[1]).toBe('next');
    }
  });

  it('makes durable what it was asked to, and shares a datasync among those who ask together', async () => {
    const scheduler = new SimScheduler();
    const fs = new SimFs({ clock: scheduler.clock() });
    fs.mkdir('/db');
    fs.syncDirSync('/');
    const log = RecordLog.create(fs, PATH, ID);
    fs.syncDirSync('/db');
    let syncs = 0;
    fs.onOperation(({ kind }) => {
      if (kind === 'datasync') syncs++;
      return 'ok';
    });
    log.append(bytes('a'));
    const first = log.sync();
    log.append(bytes('b'));
    const [second, third] = [log.sync(), log.sync()];
    await scheduler.runWhilePending(first);
    expect(read(fs.crashClone()).records).toEqual(['a']);
    await scheduler.runWhilePending(Promise.all([second, third]));
    expect(syncs).toBe(2);
    expect(read(fs.crashClone()).records).toEqual(['a', 'b']);
    await log.sync();
    expect(syncs).toBe(2);
  });

  it('appends many in one write, as it would one by one', async () => {
    const lists = [['a'], ['', 'bb', 'x'.repeat(300_000)], [], ['c', 'dd', 'eee'.repeat(9)]];
    const one = disk();
    await write(one, lists.flat().map(bytes), 100);
    const many = disk();
    const log = RecordLog.create(many, PATH, ID);
    let writes = 0;
    many.onOperation(({ kind }) => {
      if (kind === 'write') writes++;
      return 'ok';
    });
    for (const list of lists) log.appendAll(list.map(bytes));
    await log.sync();
    expect(Buffer.compare(many.contents(PATH), one.contents(PATH))).toBe(0);
    expect(writes).toBe(3);
  });

  it('has the first of them, in order, where the power fails under a write of many', async () => {
    const records = Array.from({ length: 9 }, (_, i) => bytes(`record ${i}`.repeat(i + 1)));
    const whole = disk();
    const log = RecordLog.create(whole, PATH, ID);
    await log.sync();
    await whole.syncDir('/db');
    const from = size(whole);
    log.appendAll(records);
    const counts = new Set<number>();
    for (let at = from; at <= size(whole); at += 3) {
      const torn = whole.crashClone({ keepUnsyncedPercent: 100 });
      cut(torn, at);
      const found = read(torn).records;
      expect(found).toEqual(records.slice(0, found.length).map((r) => Buffer.from(r).toString()));
      counts.add(found.length);
    }
    expect(counts.size).toBe(10);
  });

  it('writes none of them if one is too large, and goes on', async () => {
    const fs = disk();
    const log = RecordLog.create(fs, PATH, ID);
    const before = size(fs);
    const large = new Uint8Array(64 * 1024 * 1024 + 1);
    expect(await codeOf(() => log.appendAll([bytes('a'), large]))).toBe('WAL_USAGE');
    expect(size(fs)).toBe(before);
    log.appendAll([bytes('a')]);
    await log.sync();
    expect(read(fs).records).toEqual(['a']);
  });

  it('has ended when a write of many fails', async () => {
    const fs = disk();
    const log = RecordLog.create(fs, PATH, ID);
    fs.failNext({ kind: 'write' }, 'ENOSPC');
    expect(await codeOf(() => log.appendAll([bytes('a'), bytes('b')]))).toBe('WAL_NO_SPACE');
    expect(await codeOf(() => log.appendAll([bytes('c')]))).toBe('WAL_FAILED');
  });

  it('reports a torn last record, does not deliver it, and takes no more', async () => {
    const fs = disk();
    await write(fs, ['one', 'two'].map(bytes));
    const whole = size(fs);
    for (let at = whole - 1; at > whole - 56; at--) {
      const torn = fs.crashClone();
      cut(torn, at);
      const { log, records, tail } = read(torn);
      expect([at, records, tail]).toEqual([at, ['one'], 'torn']);
      expect(await codeOf(() => log.append(bytes('x')))).toBe('WAL_USAGE');
      expect(await codeOf(() => log.sync())).toBe('WAL_USAGE');
      log.close();
    }
  });

  it('calls zeros or noise behind the last record a torn one', async () => {
    for (const tail of [new Uint8Array(8), new Uint8Array(500), new SimRandom(1).bytes(100)]) {
      const fs = disk();
      await write(fs, [bytes('one')]);
      fs.plant(PATH, Uint8Array.from([...fs.contents(PATH), ...tail]));
      expect(read(fs)).toMatchObject({ records: ['one'], tail: 'torn' });
    }
  });

  it('of records that were appended without a sync between keeps those before the first bad one', async () => {
    const fs = disk();
    await write(fs, ['one', 'two', 'three'].map(bytes), 3);
    const at = Buffer.from(fs.contents(PATH)).indexOf('two');
    fs.corrupt(PATH, at, 1);
    expect(read(fs)).toMatchObject({ records: ['one'], tail: 'torn' });
  });

  it('INVARIANT(torn-is-not-rotten): refuses damage to a record that a later one promises', async () => {
    const fs = disk();
    await write(fs, ['one', 'two', 'three'].map(bytes));
    const frame = (text: string): number => Buffer.from(fs.contents(PATH)).indexOf(text) - 48;
    for (const text of ['one', 'two']) {
      for (let at = frame(text); at < frame(text) + 51; at++) {
        const damaged = fs.crashClone();
        damaged.corrupt(PATH, at, 4);
        expect(() => read(damaged)).toThrow(
          expect.objectContaining({ code: 'WAL_CORRUPT', file: PATH, offset: frame(text) }),
        );
      }
    }
  });

  it('refuses a damaged header, another identity, a newer format, a foreign or empty file', async () => {
    const fs = disk();
    await write(fs, [bytes('one')]);
    for (let at = 0; at < 64 + ID.length; at++) {
      const damaged = fs.crashClone();
      damaged.corrupt(PATH, at, 1);
      expect(await codeOf(() => read(damaged))).toBe('WAL_CORRUPT');
    }
    const other = bytes('cluster 7, partition 4');
    expect(await codeOf(() => RecordLog.open(fs, PATH, other, () => {}))).toBe('WAL_CORRUPT');
    expect(await codeOf(() => RecordLog.open(fs, PATH, new Uint8Array(0), () => {}))).toBe(
      'WAL_CORRUPT',
    );
    for (const length of [0, 10, 64, 70]) {
      cut(fs, length);
      expect(await codeOf(() => read(fs))).toBe('WAL_CORRUPT');
    }
    expect(await codeOf(() => RecordLog.open(fs, '/db/none', ID, () => {}))).toBe('ENOENT');
  });

  it('refuses a second file of the same name, and records and identities that are too large', async () => {
    const fs = disk();
    const log = RecordLog.create(fs, PATH, ID);
    expect(await codeOf(() => RecordLog.create(fs, PATH, ID))).toBe('EEXIST');
    expect(await codeOf(() => log.append(new Uint8Array(64 * 1024 * 1024 + 1)))).toBe('WAL_USAGE');
    const long = new Uint8Array(4097);
    expect(await codeOf(() => RecordLog.create(fs, '/db/x', long))).toBe('WAL_USAGE');
  });

  it('ends for good with a failed write or sync', async () => {
    for (const [kind, verdict, code] of [
      ['write', 'EIO', 'WAL_FAILED'],
      ['write', 'ENOSPC', 'WAL_NO_SPACE'],
      ['datasync', 'EIO', 'WAL_FAILED'],
    ] as const) {
      const fs = disk();
      await write(fs, [bytes('one')]);
      const { log } = read(fs);
      fs.failNext({ kind }, verdict);
      const attempt = async (): Promise<void> => {
        log.append(bytes('two'));
        await log.sync();
      };
      expect(await codeOf(attempt)).toBe(code);
      expect(await codeOf(() => log.append(bytes('three')))).toBe('WAL_FAILED');
      expect(await codeOf(() => log.sync())).toBe('WAL_FAILED');
      log.close();
      fs.kill();
      const again = read(fs);
      expect(again.records[0]).toBe('one');
      // What this start was shown must stand, though the sync before it had failed.
      const after = read(fs.crashClone({ keepUnsyncedPercent: 0 }));
      expect(after.records).toEqual(again.records);
    }
  });

  it('refuses work once it is closed', async () => {
    const fs = disk();
    const log = RecordLog.create(fs, PATH, ID);
    log.append(bytes('one'));
    log.close();
    log.close();
    expect(await codeOf(() => log.append(bytes('two')))).toBe('WAL_CLOSED');
    expect(await codeOf(() => log.sync())).toBe('WAL_CLOSED');
  });

  it('INVARIANT(acked-entry-survives): keeps what it synced through a power loss at any moment', async () => {
    const random = new SimRandom(5);
    const records = Array.from({ length: 30 }, (_, i) =>
      Buffer.from(`${i}`.repeat(1 + random.int(300))),
    );
    for (let mutation = 1; ; mutation++) {
      const fs = disk();
      fs.crashAtMutation(fs.mutationCount + mutation);
      let acked = 0;
      try {
        const log = RecordLog.create(fs, PATH, ID);
        fs.syncDirSync('/db');
        for (const [i, record] of records.entries()) {
          log.append(record);
          if (i % 3 !== 0) continue;
          await log.sync();
          acked = i + 1;
        }
      } catch (error) {
        if (!fs.crashed) throw error;
      }
      for (const keepUnsyncedPercent of [0, 50, 100]) {
        const after = fs.crashClone({ keepUnsyncedPercent, sector: 64 });
        if (acked === 0) continue;
        const found = read(after).records;
        expect(found.length).toBeGreaterThanOrEqual(acked);
        expect(found).toEqual(records.slice(0, found.length).map(String));
      }
      if (!fs.crashed) break;
    }
  });
});
