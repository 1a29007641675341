import fc from 'fast-check';
import { Machine, put } from '../../test/support/databases.js';
import { bytes, text } from '../../test/support/entries.js';
import { BlockCache } from '../block-cache.js';
import type { DbOptions } from '../contract.js';
import type { Db } from '../db.js';
import { keyBehind } from './bounds.js';

/** Counts reads of tables that hold up the loop, and those that do not. */
function countReads(machine: Machine): { blocking: number; offLoop: number } {
  const reads = { blocking: 0, offLoop: 0 };
  machine.fs.onOperation(({ kind, path, blocking }) => {
    if (kind === 'read' && path.endsWith('.sst')) reads[blocking ? 'blocking' : 'offLoop']++;
    return 'ok';
  });
  return reads;
}

interface Range {
  readonly start: string;
  readonly end: string;
  readonly reverse: boolean;
}

/** Walks a range window by window, each warmed first. */
async function walk(machine: Machine, db: Db, range: Range, blocks: number): Promise<string[]> {
  const { reverse } = range;
  let start = bytes(range.start);
  let end = bytes(range.end);
  const keys: string[] = [];
  for (let windows = 0; ; windows++) {
    const warm = db.warm({ start, end, reverse, blocks });
    const reached = warm instanceof Promise ? await machine.run(warm) : warm;
    const edge = reached === null ? null : keyBehind(reached);
    const window = reverse ? { start: edge ?? start, end } : { start, end: edge ?? end };
    const iterator = db.iterator({ ...window, reverse });
    while (iterator.next()) keys.push(text(iterator.key()));
    iterator.close();
    if (edge === null) return keys;
    if (reverse) end = edge;
    else start = edge;
    if (windows > 300) throw new Error('it does not come forward');
  }
}

/** Keys over several tables and levels; the database is closed again. */
async function fill(machine: Machine, options: Partial<DbOptions>): Promise<void> {
  const db = await machine.open(options);
  let sequence = 0;
  for (let round = 0; round < 5; round++) {
    for (let i = round; i < 200; i += round + 1) put(db, ++sequence, `k${1000 + i}`, 'v'.repeat(9));
    if (round === 3) for (let i = 50; i < 90; i++) db.delete(++sequence, bytes(`k${1000 + i}`));
    await machine.flush(db, `H${round}`);
  }
  // Compactions read on the loop: they are to be over.
  await machine.run(db.compact());
  await machine.run(db.close());
}

/** What was filled, in the cache of nobody. */
async function cold(machine: Machine, options: Partial<DbOptions>): Promise<Db> {
  return machine.open({ ...options, cache: new BlockCache(1 << 20) });
}

const levels = [
  ['level 0 alone', { level0Tables: 100 }],
  ['several levels', { level0Tables: 2, level1Bytes: 2000, tableBytes: 700 }],
] as const;

describe.each(levels)('a range that is warmed, with %s', (_name, options) => {
  it('is walked without a read on the loop, both ways, in windows of any size', async () => {
    const bound = fc.integer({ min: 990, max: 1210 }).map((at) => `k${at}`);
    const machine = new Machine({ blockBytes: 60 });
    await fill(machine, options);
    await fc.assert(
      fc.asyncProperty(
        bound,
        bound,
        fc.boolean(),
        fc.integer({ min: 2, max: 6 }),
        async (a, b, reverse, blocks) => {
          const db = await cold(machine, options);
          const [start = '', end = ''] = [a, b].sort();
          const range = { start, end, reverse };
          const reads = countReads(machine);
          const keys = await walk(machine, db, range, blocks);
          machine.fs.onOperation(null);
          const iterator = db.iterator({
            start: bytes(range.start),
            end: bytes(range.end),
            reverse,
          });
          const expected: string[] = [];
          while (iterator.next()) expected.push(text(iterator.key()));
          iterator.close();
          expect(keys).toEqual(expected);
          expect(reads.blocking).toBe(0);
          await machine.run(db.close());
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is there at once the second time', async () => {
    const machine = new Machine({ blockBytes: 60 });
    await fill(machine, options);
    const db = await cold(machine, options);
    const range = { start: bytes('k1010'), end: bytes('k1190'), blocks: 3 };
    const first = db.warm(range);
    expect(first).toBeInstanceOf(Promise);
    const reached = await machine.run(Promise.resolve(first));
    expect(reached).not.toBeNull();
    const reads = countReads(machine);
    expect(db.warm(range)).toEqual(reached);
    expect(reads).toEqual({ blocking: 0, offLoop: 0 });
    await machine.run(db.close());
  });
});

describe('warming', () => {
  it('has nothing to do for what is in memory, for an empty range, and where nothing is kept', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 1, 'a');
    expect(db.warm({ blocks: 1 })).toBeNull();
    await machine.flush(db, 'H');
    expect(db.warm({ start: bytes('b'), end: bytes('a'), blocks: 1 })).toBeNull();
    expect(() => db.warm({ blocks: 0 })).toThrow('none to read');
    await machine.run(db.close());
    expect(() => db.warm({ blocks: 1 })).toThrow('closed');
  });

  it('works on tables with an index of two levels', async () => {
    const machine = new Machine({ blockBytes: 60, indexBytes: 100 });
    await fill(machine, { level0Tables: 100 });
    const db = await cold(machine, { level0Tables: 100 });
    for (const reverse of [false, true]) {
      const keys = await walk(machine, db, { start: 'k', end: 'l', reverse }, 2);
      expect(keys).toHaveLength(168);
    }
    await machine.run(db.close());
  });

  it('fails with what a read fails with, and holds nothing afterwards', async () => {
    const machine = new Machine({ blockBytes: 60 });
    await fill(machine, { level0Tables: 100 });
    const db = await cold(machine, { level0Tables: 100 });
    machine.fs.onOperation(({ kind, path }) =>
      kind === 'read' && path.endsWith('.sst') ? { fault: 'error', code: 'EIO' } : 'ok',
    );
    const warm = Promise.resolve(db.warm({ blocks: 2 }));
    await expect(machine.run(warm)).rejects.toMatchObject({ code: 'SST_IO' });
    machine.fs.onOperation(null);
    expect(await walk(machine, db, { start: 'k', end: 'l', reverse: false }, 2)).toHaveLength(168);
    await machine.run(db.close());
    expect(machine.fs.openPaths).toEqual([]);
  });
});
