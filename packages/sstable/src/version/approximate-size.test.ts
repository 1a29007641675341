import { Machine, put } from '../../test/support/databases.js';
import { bytes } from '../../test/support/entries.js';

describe('the approximate size of a range', () => {
  it('is about the share of the tables that holds it', async () => {
    const machine = new Machine({ blockBytes: 200, level0Tables: 2, tableBytes: 4000 });
    const db = await machine.open();
    for (let table = 0; table < 4; table++) {
      for (let i = 0; i < 200; i++) put(db, table * 200 + i + 1, `key${1000 + i}`, 'v'.repeat(50));
      await machine.flush(db, `H${table}`);
    }
    await machine.run(db.compact());
    const whole = db.stats().levels.reduce((sum, { bytes: size }) => sum + size, 0);
    expect(db.approximateSize({})).toBe(whole);
    expect(db.approximateSize({ start: bytes('key0'), end: bytes('l') })).toBe(whole);
    const tenth = db.approximateSize({ gte: bytes('key1100'), lt: bytes('key1120') });
    expect(tenth / whole).toBeGreaterThan(0.05);
    expect(tenth / whole).toBeLessThan(0.2);
    // Halves make the whole.
    const middle = bytes('key1100');
    expect(db.approximateSize({ lt: middle }) + db.approximateSize({ gte: middle })).toBe(whole);
    expect(db.approximateSize({ gte: bytes('l') })).toBe(0);
    expect(db.approximateSize({ gte: bytes('key1100'), lt: bytes('key1100') })).toBe(0);
  });

  it('does not count what is in memory alone', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 1, 'a');
    expect(db.approximateSize({})).toBe(0);
  });
});
