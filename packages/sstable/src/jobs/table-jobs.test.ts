import type { SimFs } from '@dougdb/ports/sim';
import {
  ArrayCursor,
  bytes,
  del,
  type Entry,
  forward,
  put,
  sorted,
  text,
} from '../../test/support/entries.js';
import { DIR, newFs, openTable, writeTable } from '../../test/support/tables.js';
import type { TableMeta } from '../table/table-meta.js';
import { compactTables } from './compaction-job.js';
import { flushMemtable } from './flush-job.js';
import { type Job, runJobBlocking } from './job.js';
import { Pacer } from './pacer.js';
import type { TableDestination } from './table-output.js';

function destination(fs: SimFs, slots = 100): TableDestination {
  return {
    fs,
    dir: DIR,
    format: { blockBytes: 100 },
    slots: Array.from({ length: slots }, (_, i) => ({
      number: 100 + i,
      tableId: new Uint8Array(16).fill(101 + i),
      seed: 101 + i,
    })),
  };
}

const together = { below: [], grandparents: [], maxGrandparentBytes: 1e9 };

function finish<T>(job: Job<T>): T {
  return runJobBlocking(job, { control: { isCancelled: false }, sleep: () => undefined });
}

function contents(fs: SimFs, metas: readonly TableMeta[]): Entry[][] {
  return metas.map((meta) => forward(openTable(fs, meta).cursor()));
}

const numbered = (count: number, sequence: number): Entry[] =>
  Array.from({ length: count }, (_, i) => put(`key${1000 + i}`, sequence));

describe('flushMemtable', () => {
  it('writes all versions into one synced table', async () => {
    const fs = newFs();
    const entries = sorted([...numbered(200, 1), ...numbered(50, 2), del('key1001', 3)]);
    const meta = finish(flushMemtable(new ArrayCursor(entries), destination(fs)));
    await fs.syncDir(DIR);
    fs.crash();
    expect(contents(fs, [meta])).toEqual([entries]);
  });

  it('pauses every few entries', () => {
    const job = flushMemtable(new ArrayCursor(numbered(320, 1)), destination(newFs()));
    let pauses = 0;
    while (job.next().value === undefined) pauses++;
    expect(pauses).toBe(10);
  });

  it.each(['create', 'write', 'datasync'] as const)(
    'leaves nothing behind when %s fails',
    (kind) => {
      const fs = newFs();
      fs.failNext({ kind }, 'EIO');
      const job = flushMemtable(new ArrayCursor(numbered(50, 1)), destination(fs));
      expect(() => finish(job)).toThrow(expect.objectContaining({ code: 'EIO' }));
      expect([fs.list(DIR), fs.openPaths]).toEqual([[], []]);
    },
  );
});

describe('compactTables', () => {
  it('merges runs, drops what nobody can ask for, cuts at user keys', () => {
    const fs = newFs();
    const newer = writeTable(fs, 1, sorted([...numbered(60, 5), del('key1003', 7)]));
    const older = [
      writeTable(fs, 2, numbered(40, 2)),
      writeTable(fs, 3, [put('x', 3), put('y', 3)]),
    ];
    const job = compactTables({
      ...together,
      runs: [[newer], older],
      floor: 6,
      tableBytes: 300,
      destination: destination(fs),
    });
    const metas = finish(job);
    const expected = sorted([...numbered(60, 5), del('key1003', 7), put('x', 3), put('y', 3)]);
    const tables = contents(fs, metas);
    expect(tables.flat()).toEqual(expected);
    expect(tables.length).toBeGreaterThan(2);
    expect(fs.openPaths).toHaveLength(tables.length);
  });

  it('never parts the versions of one key', () => {
    const fs = newFs();
    const versions = sorted([
      ...Array.from({ length: 100 }, (_, i) => put('a', i)),
      ...Array.from({ length: 100 }, (_, i) => put('b', i)),
    ]);
    const input = {
      ...together,
      runs: [[writeTable(fs, 1, versions)]],
      floor: 0,
      tableBytes: 10,
      destination: destination(fs),
    };
    const tables = contents(fs, finish(compactTables(input)));
    expect(tables.map((entries) => new Set(entries.map(({ key }) => key[0])).size)).toEqual([1, 1]);
    expect(tables.flat()).toEqual(versions);
  });

  it('ends a table before it lies over too much of the level below', () => {
    const fs = newFs();
    const grandparents = [0, 1, 2, 3].map((n) => ({
      smallest: bytes(`key10${n}0`),
      largest: bytes(`key10${n}9`),
      sizeBytes: 100,
    }));
    const tables = contents(
      fs,
      finish(
        compactTables({
          ...together,
          runs: [[writeTable(fs, 1, numbered(40, 1))]],
          grandparents,
          maxGrandparentBytes: 150,
          floor: 0,
          tableBytes: 1e6,
          destination: destination(fs),
        }),
      ),
    );
    expect(tables.map(([first]) => text(first?.key ?? bytes('')))).toEqual(['key1000', 'key1020']);
  });

  it('makes no more tables than it has names for: the last takes the rest', () => {
    const fs = newFs();
    const input = {
      ...together,
      runs: [[writeTable(fs, 1, numbered(60, 1))]],
      floor: 0,
      tableBytes: 1,
      destination: destination(fs, 3),
    };
    const tables = contents(fs, finish(compactTables(input)));
    expect(tables.map(({ length }) => length)).toEqual([1, 1, 58]);
  });

  it('pauses when it has written faster than it may', () => {
    const fs = newFs();
    let nowMs = 0;
    const pacer = new Pacer(
      () => nowMs,
      () => 1_000_000,
    );
    const runs = [[writeTable(fs, 1, numbered(9000, 1), 4096)]];
    const job = compactTables({
      ...together,
      runs,
      floor: 0,
      tableBytes: 50_000,
      destination: { ...destination(fs), pacer },
    });
    const sleep = (durationMs: number): void => {
      nowMs += durationMs;
    };
    const metas = runJobBlocking(job, { control: { isCancelled: false }, sleep });
    const bytesWritten = metas.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    expect(bytesWritten).toBeGreaterThan(150_000);
    // Tokens for the last step are owed when the job ends.
    expect(Math.abs(nowMs - bytesWritten / 1000)).toBeLessThan(60);
  });

  it('may write no table at all', () => {
    const fs = newFs();
    const job = compactTables({
      ...together,
      runs: [[writeTable(fs, 1, [del('a', 1)])]],
      floor: 1,
      tableBytes: 300,
      destination: destination(fs),
    });
    expect(finish(job)).toEqual([]);
    expect(fs.list(DIR)).toEqual(['000001.sst']);
  });

  it.each([
    ['create', 2],
    ['write', 2],
    ['datasync', 2],
    ['read', 9],
    ['open', 1],
  ] as const)('leaves nothing behind when %s number %d fails', (kind, nth) => {
    const fs = newFs();
    const metas = [writeTable(fs, 1, numbered(100, 1)), writeTable(fs, 2, numbered(100, 2))];
    let count = 0;
    fs.onOperation((operation) => (operation.kind === kind && ++count === nth ? 'EIO' : 'ok'));
    const job = compactTables({
      ...together,
      runs: metas.map((meta) => [meta]),
      floor: 0,
      tableBytes: 300,
      destination: destination(fs),
    });
    expect(() => finish(job)).toThrow('EIO');
    expect([fs.list(DIR), fs.openPaths]).toEqual([['000001.sst', '000002.sst'], []]);
  });
});
