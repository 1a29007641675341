import fc from 'fast-check';
import type { KeyBounds } from '../src/contract.js';
import type { Db } from '../src/db.js';
import { dumpTable } from '../src/node/index.js';
import { drain, dump, get, Machine, put, tiny } from './support/databases.js';
import { bytes, text } from './support/entries.js';

jest.setTimeout(120_000);

const usage = expect.objectContaining({ code: 'SST_USAGE' });
const CHILD = '/data/child';
const bounds: KeyBounds = { start: bytes('key13'), end: bytes('key27') };
const isInside = (line: string): boolean => line >= 'key13' && line < 'key27';

/** Keys 10 to 39 in three levels and more than one table each. */
async function parent(machine: Machine): Promise<{ db: Db; lines: string[] }> {
  const db = await machine.open();
  for (let i = 1; i <= 90; i++) {
    put(db, i, `key${10 + ((i * 7) % 30)}`);
    if (i % 15 === 0) await machine.flush(db, `H${i}`);
  }
  await machine.run(db.compact());
  db.delete(91, bytes('key20'));
  await machine.flush(db, 'H91');
  return { db, lines: dump(db) };
}

/** All keys that any table in the directory holds. */
function keysOnDisk(machine: Machine, dir: string): Set<string> {
  const keys = new Set<string>();
  for (const name of machine.fs.list(dir).filter((file) => file.endsWith('.sst'))) {
    dumpTable(machine.fs, `${dir}/${name}`, ({ key }) => keys.add(text(key)));
  }
  return keys;
}

function expectClipped(db: Db, lines: readonly string[]): void {
  const inside = lines.filter(isInside);
  expect(dump(db)).toEqual(inside);
  expect(drain(db.iterator({ reverse: true }))).toEqual([...inside].reverse());
  for (const key of ['key10', 'key12', 'key27', 'key39']) {
    expect([get(db, key), db.look(bytes(key))]).toEqual([null, null]);
  }
  expect(get(db, 'key13')).not.toBeNull();
  expect(get(db, 'key26')).not.toBeNull();
  const iterator = db.iterator({ start: bytes('key10'), end: bytes('key40') });
  expect([iterator.seek(bytes('key11')), text(iterator.key())]).toEqual([true, 'key13']);
  expect(iterator.seek(bytes('key27'))).toBe(false);
  iterator.close();
  expect(db.approximateSize({ lt: bytes('key13') })).toBe(0);
  expect(db.approximateSize({ gte: bytes('key27') })).toBe(0);
  const versions = db.versions({ after: 0 });
  while (versions.next()) expect(isInside(text(versions.key()))).toBe(true);
  versions.close();
}

describe('a clipped database', () => {
  it('does not show the keys outside, and does not take them', async () => {
    const machine = new Machine(tiny);
    const { db, lines } = await parent(machine);
    await machine.run(db.close());
    const clipped = await machine.open({ bounds });
    expect(clipped.bounds).toEqual(bounds);
    expectClipped(clipped, lines);
    for (const key of ['key10', 'key27']) {
      expect(() => put(clipped, 200, key)).toThrow(usage);
      expect(() => clipped.delete(200, bytes(key))).toThrow(usage);
    }
    expect(clipped.deleteRange(200, {}, 1)).toMatchObject({ deleted: 1 });
    expect(get(clipped, 'key13')).toBeNull();
  });

  it('stays clipped when it is opened again, and cannot be widened', async () => {
    const machine = new Machine(tiny);
    const { db, lines } = await parent(machine);
    await machine.run(db.close());
    await machine.run((await machine.open({ bounds })).close());
    const again = await machine.open();
    expectClipped(again, lines);
    await machine.run(again.close());
    for (const wider of [
      { start: null, end: null },
      { start: bytes('key12'), end: bytes('key20') },
      { start: bytes('key20'), end: bytes('key20') },
    ]) {
      await expect(machine.open({ bounds: wider })).rejects.toThrow(usage);
    }
    const narrower = await machine.open({ bounds: { start: bytes('key14'), end: bytes('key16') } });
    expect(dump(narrower)).toEqual(lines.filter((line) => line >= 'key14' && line < 'key16'));
  });

  it('loses the keys outside from its tables by compaction, whole tables without reading them', async () => {
    const machine = new Machine(tiny);
    const { db, lines } = await parent(machine);
    await machine.run(db.close());
    expect([...keysOnDisk(machine, '/data/db')].filter((key) => !isInside(key))).not.toEqual([]);
    const clipped = await machine.open({ bounds });
    const before = clipped.stats().levels.reduce((sum, level) => sum + level.tables, 0);
    await machine.run(clipped.compact());
    const after = clipped.stats().levels.reduce((sum, level) => sum + level.tables, 0);
    expect(after).toBeLessThan(before);
    await machine.run(clipped.compactRange({}));
    expectClipped(clipped, lines);
    await machine.run(clipped.close());
    expect([...keysOnDisk(machine, '/data/db')].filter((key) => !isInside(key))).toEqual([]);
  });

  it('can be made as a checkpoint: links of tables that have keys inside, and nothing else', async () => {
    const machine = new Machine(tiny);
    const { db, lines } = await parent(machine);
    const made = await machine.run(
      db.checkpoint(CHILD, { bounds, identity: bytes('child'), hostState: bytes('born') }),
    );
    expect(made.tables).toBeLessThan(
      db.stats().levels.reduce((sum, level) => sum + level.tables, 0),
    );
    const child = await machine.open({ dir: CHILD, identity: bytes('child') });
    expectClipped(child, lines);
    await machine.run(child.compactRange({}));
    expectClipped(child, lines);
    // The parent's own names for the shared tables are untouched.
    expect(dump(db)).toEqual(lines);
    await machine.run(db.verifyChecksums());
    await expect(
      machine.run(child.checkpoint('/data/other', { bounds: { start: null, end: null } })),
    ).rejects.toThrow(usage);
  });

  it('can be narrowed by a freeze, together with its state', async () => {
    const machine = new Machine(tiny);
    const { db, lines } = await parent(machine);
    put(db, 100, 'key39', 'newer');
    put(db, 101, 'key26', 'newer');
    const whole = db.iterator();
    db.freeze(bytes('split'), { bounds });
    const shown = lines.map((line) => (line.startsWith('key26') ? 'key26=newer#101' : line));
    expectClipped(db, shown);
    expect(() => put(db, 102, 'key39')).toThrow(usage);
    expect(() => db.freeze(bytes('H'), { bounds: { start: null, end: null } })).toThrow(usage);
    await machine.run(db.flushed());
    await machine.run(db.compactRange({}));
    expectClipped(db, shown);
    // An iterator from before sees its moment.
    expect(drain(whole)).toContain('key39=newer#100');
    machine.crash(0);
    const again = await machine.open();
    expect([text(again.hostState!), again.bounds]).toEqual(['split', bounds]);
    expectClipped(again, shown);
  });

  it('drops nothing before the narrower bounds are durable', async () => {
    const machine = new Machine(tiny);
    const { db, lines } = await parent(machine);
    put(db, 100, 'key26', 'newer');
    // The flush that carries the bounds hangs, compactions go on.
    let isHanging = false;
    machine.fs.onOperation(({ kind, path }) => {
      if (isHanging || kind !== 'datasync' || !path.endsWith('.sst')) return 'ok';
      isHanging = true;
      return { fault: 'stall' };
    });
    db.freeze(bytes('split'), { bounds });
    await machine.settle(1);
    await machine.run(db.compactRange({}));
    expect([isHanging, db.stats().compactions > 0]).toEqual([true, true]);
    expectClipped(
      db,
      lines.map((line) => (line.startsWith('key26') ? 'key26=newer#100' : line)),
    );
    machine.crash(0);
    machine.fs.onOperation(null);
    const again = await machine.open();
    expect([text(again.hostState!), dump(again)]).toEqual(['H91', lines]);
  });

  it('is clipped as a whole or not at all, wherever the power fails', async () => {
    const seen = new Set<string>();
    for (let k = 1; ; k++) {
      const machine = new Machine(tiny);
      const { db, lines } = await parent(machine);
      const before = machine.installed.length;
      machine.fs.crashAtOperation(machine.fs.operationCount + k);
      const work = async (): Promise<void> => {
        db.freeze(bytes('split'), { bounds });
        await db.flushed();
        await db.compactRange({});
      };
      await machine.run(work()).catch(() => undefined);
      if (!machine.fs.crashed) break;
      const wasTold = machine.installed.length > before;
      for (const keep of [0, 50, 100]) {
        const after = new Machine(tiny);
        const clock = after.scheduler.clock();
        after.fs = machine.fs.crashClone({ keepUnsyncedPercent: keep, clock, garbage: true });
        const again = await after.open();
        const state = text(again.hostState!);
        seen.add(state);
        if (state === 'split') expectClipped(again, lines);
        else expect([dump(again), again.bounds.start]).toEqual([lines, null]);
        if (wasTold) expect(state).toBe('split');
        await after.run(again.compact());
        await after.run(again.verifyChecksums());
        await after.run(again.close());
      }
    }
    expect([...seen].sort()).toEqual(['H91', 'split']);
  });

  it('opens clipped or not at all, wherever the power fails', async () => {
    let crashes = 0;
    for (let k = 1; ; k++) {
      const machine = new Machine(tiny);
      const { db, lines } = await parent(machine);
      await machine.run(db.close());
      machine.fs.crashAtOperation(machine.fs.operationCount + k);
      const opened = await machine.open({ bounds }).catch(() => null);
      if (opened !== null) await machine.run(opened.compact()).catch(() => undefined);
      if (!machine.fs.crashed) break;
      crashes++;
      for (const keep of [0, 50, 100]) {
        const after = new Machine(tiny);
        const clock = after.scheduler.clock();
        after.fs = machine.fs.crashClone({ keepUnsyncedPercent: keep, clock, garbage: true });
        const again = await after.open();
        if (again.bounds.start === null) expect(dump(again)).toEqual(lines);
        else expectClipped(again, lines);
        await after.run(again.close());
        const clipped = await after.open({ bounds });
        expectClipped(clipped, lines);
        await after.run(clipped.close());
      }
    }
    expect(crashes).toBeGreaterThan(20);
  });

  it('shows what a filter of all keys would, for any bounds', async () => {
    const machine = new Machine(tiny);
    const { db, lines } = await parent(machine);
    const limit = fc.option(
      fc.nat(45).map((n) => `key${n}`),
      { nil: null },
    );
    let number = 0;
    await fc.assert(
      fc.asyncProperty(limit, limit, async (start, end) => {
        fc.pre(start === null || end === null || start < end);
        const dir = `/data/child${++number}`;
        const clip = {
          start: start === null ? null : bytes(start),
          end: end === null ? null : bytes(end),
        };
        await machine.run(db.checkpoint(dir, { bounds: clip }));
        const child = await machine.open({ dir });
        const expected = lines.filter(
          (line) => (start === null || line >= start) && (end === null || line < end),
        );
        expect(dump(child)).toEqual(expected);
        await machine.run(child.compactRange({}));
        expect(dump(child)).toEqual(expected);
        await machine.run(child.close());
      }),
      { numRuns: 40 },
    );
  });
});
