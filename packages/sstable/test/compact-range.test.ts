import { dump, Machine, put, tiny } from './support/databases.js';
import { bytes } from './support/entries.js';

describe('compactRange', () => {
  it('takes deletions and what they delete out of the tables of a range', async () => {
    const machine = new Machine({ ...tiny, level0Tables: 100 });
    const db = await machine.open();
    for (let i = 1; i <= 40; i++) put(db, i, `key${10 + i}`);
    await machine.flush(db, 'H1');
    for (let i = 1; i <= 20; i++) db.delete(40 + i, bytes(`key${10 + i}`));
    await machine.flush(db, 'H2');
    db.setHistoryFloor(60);
    const lines = dump(db);
    const levels = (): number[] => db.stats().levels.map(({ entries }) => entries);
    expect(levels().slice(0, 3)).toEqual([60, 0, 0]);
    await machine.run(db.compactRange({ gte: bytes('key1'), lt: bytes('key12') }));
    expect(levels().reduce((sum, entries) => sum + entries, 0)).toBe(20);
    expect(dump(db)).toEqual(lines);
    await machine.run(db.verifyChecksums());
  });

  it('goes down to the deepest level that has the range, and leaves other tables alone', async () => {
    const machine = new Machine({ ...tiny, tableBytes: 1 });
    const db = await machine.open();
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 10; i++) put(db, db.lastSequence + 1, `key${10 + i}`, 'v'.repeat(40));
      await machine.flush(db, `H${round}`);
      await machine.run(db.compact());
    }
    db.setHistoryFloor(db.lastSequence);
    const deepest = db.stats().levels.findLastIndex(({ tables }) => tables > 0);
    expect(deepest).toBeGreaterThan(1);
    const lines = dump(db);
    await machine.run(db.compactRange({ gte: bytes('key12'), lte: bytes('key14') }));
    expect(dump(db)).toEqual(lines);
    const { levels } = db.stats();
    expect(levels.findLastIndex(({ tables }) => tables > 0)).toBeGreaterThanOrEqual(deepest);
    await machine.run(db.compactRange({}));
    expect(db.stats().levels.filter(({ tables }) => tables > 0)).toHaveLength(1);
    expect(dump(db)).toEqual(lines);
    await machine.run(db.close());
    expect(machine.fs.openPaths).toEqual([]);
  });

  it('does nothing for keys that are not there, and tells when the database is closed', async () => {
    const machine = new Machine(tiny);
    const db = await machine.open();
    put(db, 1, 'a');
    await machine.flush(db, 'H');
    await machine.run(db.compactRange({ gte: bytes('b') }));
    expect(db.stats().compactions).toBe(0);
    const late = db.compactRange({});
    await machine.run(db.close());
    await expect(machine.run(late)).rejects.toMatchObject({ code: 'SST_CLOSED' });
    await expect(db.compactRange({})).rejects.toMatchObject({ code: 'SST_CLOSED' });
  });
});
