import type { SimFs } from '@dougdb/ports/sim';
import { ArrayCursor, del, type Entry, forward, put, sorted } from '../../test/support/entries.js';
import { DIR, newFs, openTable, writeTable } from '../../test/support/tables.js';
import type { TableMeta } from '../table/table-meta.js';
import { compactTables } from './compaction-job.js';
import { flushMemtable } from './flush-job.js';
import type { Job } from './job.js';
import type { TableDestination } from './table-output.js';

function destination(fs: SimFs, from = 100): TableDestination {
  let number = from;
  return {
    fs,
    dir: DIR,
    format: { blockBytes: 100 },
    nextSlot: () => ({ number: number++, tableId: new Uint8Array(16).fill(number), seed: number }),
  };
}

async function finish<T>(job: Job<T>): Promise<T> {
  for (;;) {
    const { done, value } = job.next();
    if (done === true) return value;
    await value;
  }
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
    const meta = await finish(flushMemtable(new ArrayCursor(entries), destination(fs)));
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
    async (kind) => {
      const fs = newFs();
      fs.failNext({ kind }, 'EIO');
      const job = flushMemtable(new ArrayCursor(numbered(50, 1)), destination(fs));
      await expect(
        finish(job).catch((error: unknown) => rethrowInto(job, error)),
      ).rejects.toMatchObject({
        code: 'EIO',
      });
      expect([fs.list(DIR), fs.openPaths]).toEqual([[], []]);
    },
  );
});

describe('compactTables', () => {
  it('merges runs, drops what nobody can ask for, cuts at user keys', async () => {
    const fs = newFs();
    const newer = writeTable(fs, 1, sorted([...numbered(60, 5), del('key1003', 7)]));
    const older = [
      writeTable(fs, 2, numbered(40, 2)),
      writeTable(fs, 3, [put('x', 3), put('y', 3)]),
    ];
    const job = compactTables({
      runs: [[newer], older],
      below: [],
      floor: 6,
      tableBytes: 300,
      destination: destination(fs),
    });
    const metas = await finish(job);
    const expected = sorted([...numbered(60, 5), del('key1003', 7), put('x', 3), put('y', 3)]);
    const tables = contents(fs, metas);
    expect(tables.flat()).toEqual(expected);
    expect(tables.length).toBeGreaterThan(2);
    expect(fs.openPaths).toHaveLength(tables.length);
  });

  it('never parts the versions of one key', async () => {
    const fs = newFs();
    const versions = sorted([
      ...Array.from({ length: 100 }, (_, i) => put('a', i)),
      ...Array.from({ length: 100 }, (_, i) => put('b', i)),
    ]);
    const input = {
      runs: [[writeTable(fs, 1, versions)]],
      below: [],
      floor: 0,
      tableBytes: 10,
      destination: destination(fs),
    };
    const tables = contents(fs, await finish(compactTables(input)));
    expect(tables.map((entries) => new Set(entries.map(({ key }) => key[0])).size)).toEqual([1, 1]);
    expect(tables.flat()).toEqual(versions);
  });

  it('may write no table at all', async () => {
    const fs = newFs();
    const job = compactTables({
      runs: [[writeTable(fs, 1, [del('a', 1)])]],
      below: [],
      floor: 1,
      tableBytes: 300,
      destination: destination(fs),
    });
    await expect(finish(job)).resolves.toEqual([]);
    expect(fs.list(DIR)).toEqual(['000001.sst']);
  });

  it.each([
    ['create', 2],
    ['write', 2],
    ['datasync', 2],
    ['read', 9],
    ['open', 1],
  ] as const)('leaves nothing behind when %s number %d fails', async (kind, nth) => {
    const fs = newFs();
    const metas = [writeTable(fs, 1, numbered(100, 1)), writeTable(fs, 2, numbered(100, 2))];
    let count = 0;
    fs.onOperation((operation) => (operation.kind === kind && ++count === nth ? 'EIO' : 'ok'));
    const job = compactTables({
      runs: metas.map((meta) => [meta]),
      below: [],
      floor: 0,
      tableBytes: 300,
      destination: destination(fs),
    });
    await expect(finish(job).catch((error: unknown) => rethrowInto(job, error))).rejects.toThrow(
      'EIO',
    );
    expect([fs.list(DIR), fs.openPaths]).toEqual([['000001.sst', '000002.sst'], []]);
  });
});

/** As the runner does: a failed promise is thrown into the job. */
function rethrowInto(job: Job<unknown>, error: unknown): never {
  job.throw(error);
  throw error;
}
