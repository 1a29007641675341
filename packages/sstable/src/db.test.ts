import { findOrderDamage } from '../test/support/check-levels.js';
import { drain, dump, get, Machine, put, tiny } from '../test/support/databases.js';
import { bytes, text } from '../test/support/entries.js';
import { dumpManifest, verifyDb } from './node/index.js';

const usage = expect.objectContaining({ code: 'SST_USAGE' });
const closed = expect.objectContaining({ code: 'SST_CLOSED' });

describe('Db', () => {
  it('is empty when it is new', async () => {
    const machine = new Machine();
    const db = await machine.open();
    expect(db.hostState).toBeNull();
    expect([db.lastSequence, db.memtableBytes, db.wantsFreeze, db.stalled]).toEqual([
      0,
      0,
      false,
      false,
    ]);
    expect(dump(db)).toEqual([]);
    await machine.run(db.close());
    expect(machine.fs.openPaths).toEqual([]);
  });

  it('reads what was written, from memtables and tables', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 1, 'a');
    put(db, 2, 'b');
    put(db, 2, 'c');
    await machine.flush(db, 'H1');
    put(db, 3, 'b');
    db.delete(4, bytes('c'));
    expect([get(db, 'a'), get(db, 'b'), get(db, 'c'), get(db, 'd')]).toEqual([
      'a@1#1',
      'b@3#3',
      null,
      null,
    ]);
    expect([get(db, 'b', 2), get(db, 'c', 3), get(db, 'a', 0)]).toEqual(['b@2#2', 'c@2#2', null]);
    expect(dump(db)).toEqual(['a=a@1#1', 'b=b@3#3']);
    expect(drain(db.iterator({ reverse: true, sequence: 2 }))).toEqual([
      'c=c@2#2',
      'b=b@2#2',
      'a=a@1#1',
    ]);
  });

  it('owns what get answers, and copies what it is given', async () => {
    const machine = new Machine();
    const db = await machine.open();
    const [key, value, state] = [bytes('k'), bytes('v'), bytes('H')];
    db.put(1, key, value);
    db.freeze(state);
    for (const given of [key, value, state]) given.fill(0);
    await machine.run(db.flushed());
    const found = await db.get(bytes('k'));
    found?.value.fill(0);
    expect(get(db, 'k')).toBe('v#1');
    expect(text(db.hostState!)).toBe('H');
  });

  it('asks for a freeze when the memtable is full', async () => {
    const machine = new Machine({ memtableBytes: 2000 });
    const db = await machine.open();
    let sequence = 0;
    while (!db.wantsFreeze) put(db, ++sequence, `key${sequence}`, 'x'.repeat(100));
    expect(db.memtableBytes).toBeGreaterThanOrEqual(2000);
    expect(db.memtableBytes).toBeLessThan(2300);
    await machine.flush(db, 'H');
    expect([db.memtableBytes, db.wantsFreeze]).toEqual([0, false]);
  });

  it('refuses sequences that go back, repeat a key or are no sequences', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 5, 'a');
    put(db, 5, 'b');
    for (const sequence of [4, -1, 5.5, Number.NaN, 2 ** 48]) {
      expect(() => put(db, sequence, 'x')).toThrow(usage);
    }
    expect(() => put(db, 5, 'a')).toThrow(usage);
    expect(db.lastSequence).toBe(5);
    db.freeze(bytes('H'));
    expect(() => put(db, 5, 'x')).toThrow(usage);
    put(db, 6, 'x');
    await machine.run(db.flushed());
    await machine.run(db.close());
    const again = await machine.open();
    expect(again.lastSequence).toBe(5);
    expect(() => put(again, 5, 'x')).toThrow(usage);
    put(again, 6, 'x');
  });

  it('refuses keys and values that are too long', async () => {
    const db = await new Machine().open();
    expect(() => db.put(1, new Uint8Array(65_536), bytes(''))).toThrow(usage);
    expect(() => db.put(1, bytes('a'), new Uint8Array(64 * 1024 * 1024 + 1))).toThrow(usage);
    db.put(1, new Uint8Array(65_535), bytes(''));
    db.put(1, new Uint8Array(0), bytes('empty'));
    expect(get(db, '')).toBe('empty#1');
  });

  it('keeps what was installed over a restart, and only that', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 1, 'a');
    await machine.flush(db, 'H1');
    put(db, 2, 'b');
    await machine.run(db.close());
    const again = await machine.open();
    expect(text(again.hostState!)).toBe('H1');
    expect(dump(again)).toEqual(['a=a@1#1']);
    expect(again.lastSequence).toBe(1);
  });

  it('installs a freeze without writes: the state alone, no table', async () => {
    const machine = new Machine();
    const db = await machine.open();
    await machine.flush(db, 'H1');
    await machine.flush(db, 'H2');
    expect(machine.installed).toEqual(['H1', 'H2']);
    expect(db.stats().levels.every(({ tables }) => tables === 0)).toBe(true);
    await machine.run(db.close());
    expect(text((await machine.open()).hostState!)).toBe('H2');
  });

  it('installs freezes in their order, and tells the host in that order', async () => {
    const machine = new Machine();
    const db = await machine.open();
    for (let i = 1; i <= 9; i++) {
      if (i % 3 !== 0) put(db, i, `key${i}`);
      db.freeze(bytes(`H${i}`));
    }
    expect(machine.installed).toEqual([]);
    expect(db.hostState).toBeNull();
    await machine.run(db.flushed());
    expect(machine.installed).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => `H${i}`));
    expect(db.stats()).toMatchObject({ flushes: 9, memtables: 1, memtableBytes: 0 });
  });

  it('is stalled while too many memtables wait or level 0 is too full', async () => {
    const machine = new Machine({ level0Tables: 1000 });
    const db = await machine.open();
    for (let i = 1; i <= 12; i++) {
      put(db, i, `key${i}`);
      db.freeze(bytes(`H${i}`));
      expect(db.stalled).toBe(i > 4);
    }
    await machine.run(db.flushed());
    expect(db.stats().levels[0]?.tables).toBe(12);
    expect(db.stalled).toBe(true);
  });

  it('compacts by itself, drops old versions and tombstones below the floor, removes their files', async () => {
    const machine = new Machine(tiny);
    const db = await machine.open();
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 10; i++) put(db, round * 10 + i + 1, `key${i}`);
      db.setHistoryFloor(round * 10);
      await machine.flush(db, `H${round}`);
    }
    for (let i = 0; i < 10; i++) db.delete(201 + i, bytes(`key${i}`));
    db.setHistoryFloor(210);
    await machine.flush(db, 'gone');
    await machine.run(db.compact());
    put(db, 211, 'key0');
    await machine.flush(db, 'a');
    put(db, 212, 'key9');
    await machine.flush(db, 'b');
    await machine.run(db.compact());
    expect(dump(db)).toEqual(['key0=key0@211#211', 'key9=key9@212#212']);
    const { levels, compactions } = db.stats();
    expect(compactions).toBeGreaterThan(5);
    const tables = levels.reduce((sum, level) => sum + level.tables, 0);
    expect(machine.names().filter((name) => name.endsWith('.sst'))).toHaveLength(tables);
    await machine.run(db.verifyChecksums());
  });

  it('is stalled when freezes without a table pile up', async () => {
    const machine = new Machine();
    const db = await machine.open();
    machine.fs.onOperation(({ kind }) => (kind === 'write' || kind === 'create' ? 'ENOSPC' : 'ok'));
    for (let i = 0; i < 17; i++) {
      expect(db.stalled).toBe(false);
      db.freeze(new Uint8Array(4096));
    }
    expect(db.stalled).toBe(true);
  });

  it('keeps every version above the history floor through compactions', async () => {
    const machine = new Machine(tiny);
    const db = await machine.open();
    db.setHistoryFloor(40);
    for (let sequence = 1; sequence <= 100; sequence++) {
      put(db, sequence, 'hot');
      if (sequence % 10 === 0) await machine.flush(db, `H${sequence}`);
    }
    await machine.run(db.compact());
    for (let sequence = 40; sequence <= 100; sequence++) {
      expect(get(db, 'hot', sequence)).toBe(`hot@${sequence}#${sequence}`);
    }
    expect(() => db.get(bytes('hot'), 39)).toThrow(usage);
    expect(() => db.iterator({ sequence: 39 })).toThrow(usage);
    db.setHistoryFloor(10);
    expect(() => db.get(bytes('hot'), 39)).toThrow(usage);
  });

  it('shows an iterator its own moment, whatever is written, flushed and compacted meanwhile', async () => {
    const machine = new Machine(tiny);
    const db = await machine.open();
    for (let i = 0; i < 30; i++) put(db, i + 1, `key${10 + i}`);
    await machine.flush(db, 'H0');
    put(db, 31, 'key10', 'newer');
    const before = dump(db);
    const iterators = [db.iterator({}), db.iterator({})];
    iterators[0]?.next();
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 30; i++) put(db, 100 + round * 30 + i, `key${10 + i}`, `round ${round}`);
      db.delete(130 + round * 30 - 1, bytes('key11'));
      db.setHistoryFloor(100 + round * 30);
      await machine.flush(db, `H${round + 1}`);
      await machine.run(db.compact());
    }
    const [first, second] = iterators.map((iterator) => drain(iterator));
    expect(second).toEqual(before);
    expect(first).toEqual(before.slice(1));
    const onDisk = machine.names().filter((name) => name.endsWith('.sst'));
    const inUse = db.stats().levels.reduce((sum, level) => sum + level.tables, 0);
    expect(onDisk).toHaveLength(inUse);
  });

  it('keeps the files that an open iterator needs, and removes them when it closes', async () => {
    const machine = new Machine(tiny);
    const db = await machine.open();
    put(db, 1, 'a');
    await machine.flush(db, 'H1');
    const [table] = machine.names().filter((name) => name.endsWith('.sst'));
    const iterator = db.iterator({});
    put(db, 2, 'a');
    db.setHistoryFloor(2);
    await machine.flush(db, 'H2');
    await machine.run(db.compact());
    expect(machine.names()).toContain(table);
    iterator.close();
    expect(machine.names()).not.toContain(table);
  });

  it('compacts all of a level, not its first keys over and over', async () => {
    const machine = new Machine(tiny);
    const db = await machine.open();
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 40; i++) put(db, round * 40 + i + 1, `key${10 + i}`);
      db.setHistoryFloor(round * 40 + 40);
      await machine.flush(db, `H${round}`);
      await machine.run(db.compact());
    }
    await machine.run(db.close());
    const { files } = dumpManifest(
      machine.fs,
      '/data/db',
      verifyDb(machine.fs, '/data/db').manifest ?? 0,
    );
    const last = files.filter(({ level }) => level === 6).map(({ table }) => text(table.largest));
    expect(last.sort().at(-1)).toBe('key49');
    expect(files.some(({ level }) => level === 5)).toBe(true);
  });

  it('keeps its levels in order', async () => {
    const machine = new Machine(tiny);
    const db = await machine.open();
    for (let i = 1; i <= 400; i++) {
      put(db, i, `key${(i * 37) % 101}`);
      if (db.wantsFreeze) db.freeze(bytes(`H${i}`));
      if (i % 20 === 0) await machine.settle(1);
    }
    await machine.flush(db, 'end');
    await machine.run(db.compact());
    expect(db.stats().levels.filter(({ tables }) => tables > 0).length).toBeGreaterThan(1);
    await machine.run(db.close());
    expect(findOrderDamage(machine.fs, '/data/db')).toBeNull();
  });

  it('reads a sequence above the newest as the newest', async () => {
    const db = await new Machine().open();
    put(db, 5, 'a');
    expect(get(db, 'a', 99)).toBe('a@5#5');
    const iterator = db.iterator({ sequence: 99 });
    put(db, 6, 'b');
    expect(drain(iterator)).toEqual(['a=a@5#5']);
  });

  it('refuses everything after close, and closes once', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 1, 'a');
    const iterator = db.iterator({});
    const waiting = db.flushed();
    db.freeze(bytes('H'));
    const pending = db.flushed();
    const failures = Promise.allSettled([waiting, pending]);
    await machine.run(Promise.all([db.close(), db.close()]));
    await expect(failures).resolves.toEqual([
      { status: 'fulfilled', value: undefined },
      { status: 'rejected', reason: closed },
    ]);
    expect(() => iterator.next()).toThrow(closed);
    iterator.close();
    for (const use of [
      () => put(db, 9, 'x'),
      () => db.delete(9, bytes('x')),
      () => db.get(bytes('a')),
      () => db.iterator({}),
      () => db.freeze(bytes('H')),
    ]) {
      expect(use).toThrow(closed);
    }
    for (const use of [() => db.flushed(), () => db.compact(), () => db.verifyChecksums()]) {
      await expect(use()).rejects.toEqual(closed);
    }
    expect(machine.fs.openPaths).toEqual([]);
  });

  it('ends a running job on close, leaves no timer and no half-made file after the next open', async () => {
    const machine = new Machine();
    const clock = machine.scheduler.clock();
    const db = await machine.open({ clock });
    for (let i = 1; i < 20_000; i++) put(db, i, `key${i}`, 'x');
    db.freeze(bytes('H'));
    await machine.scheduler.step();
    await machine.scheduler.step();
    expect(machine.names().some((name) => name.endsWith('.sst'))).toBe(true);
    await machine.run(db.close());
    expect([clock.pendingCount, machine.fs.openPaths, machine.installed]).toEqual([0, [], []]);
    expect(machine.names().some((name) => name.endsWith('.sst'))).toBe(false);
  });

  it('refuses options that make no sense', async () => {
    await expect(new Machine({ blockBytes: 0 }).open()).rejects.toEqual(usage);
    await expect(new Machine({ memtableBytes: Number.NaN }).open()).rejects.toEqual(usage);
  });
});
