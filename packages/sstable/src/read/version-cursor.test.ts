import fc from 'fast-check';
import { Machine, put, tiny } from '../../test/support/databases.js';
import { bytes, text } from '../../test/support/entries.js';
import type { VersionIterator } from '../contract.js';
import type { Db } from '../db.js';

/** `key#sequence=value`, with an asterisk for a mark, `key#sequence-` for a deletion; closes the iterator. */
function drainVersions(iterator: VersionIterator): string[] {
  const list: string[] = [];
  while (iterator.next()) {
    const at = `${text(iterator.key())}#${iterator.sequence()}`;
    const value = `=${text(iterator.value())}${iterator.marked() ? '*' : ''}`;
    list.push(iterator.kind() === 'set' ? `${at}${value}` : `${at}-`);
  }
  iterator.close();
  return list;
}

/** Tables that are read, in the order of their first read. */
function tablesRead(machine: Machine, action: () => void): string[] {
  const read = new Set<string>();
  machine.fs.onOperation(({ kind, path }) => {
    if (kind === 'read' && path.endsWith('.sst')) read.add(path.slice(path.lastIndexOf('/') + 1));
    return 'ok';
  });
  action();
  machine.fs.onOperation(null);
  return [...read];
}

/** Five tables of level 0, ten sequences each. */
async function fiveTables(machine: Machine): Promise<Db> {
  const db = await machine.open({ level0Tables: 100 });
  for (let table = 0; table < 5; table++) {
    for (let i = 1; i <= 10; i++) put(db, table * 10 + i, `key${i % 7}`);
    await machine.flush(db, `H${table}`);
  }
  return db;
}

describe('an iterator over versions', () => {
  it('reads only tables that reach above its sequence: S18', async () => {
    const machine = new Machine();
    await machine.run((await fiveTables(machine)).close());
    const names = machine.names().filter((name) => name.endsWith('.sst'));
    expect(names).toHaveLength(5);
    // Opened anew: what was read before would be in memory.
    const readAfter = async (after: number, through?: number): Promise<string[]> => {
      const db = await machine.open({ level0Tables: 100 });
      const read = tablesRead(machine, () => {
        const options = through === undefined ? { after } : { after, through };
        expect(drainVersions(db.versions(options))).toHaveLength((through ?? 50) - after);
      });
      await machine.run(db.close());
      return read.sort();
    };
    expect(await readAfter(50)).toEqual([]);
    expect(await readAfter(49)).toEqual(names.slice(4));
    expect(await readAfter(30)).toEqual(names.slice(3));
    expect(await readAfter(10, 30)).toEqual(names.slice(1, 3));
    expect(await readAfter(0)).toEqual(names);
  });

  it('reads only tables of its keys', async () => {
    const machine = new Machine({ tableBytes: 1 });
    const db = await machine.open();
    for (let i = 1; i <= 10; i++) put(db, i, `key${i + 10}`);
    await machine.flush(db, 'H1');
    put(db, 11, 'key15', 'newer');
    await machine.flush(db, 'H2');
    await machine.run(db.compactRange({}));
    await machine.run(db.close());
    const again = await machine.open();
    expect(again.stats().levels.reduce((sum, { tables }) => sum + tables, 0)).toBe(10);
    const read = tablesRead(machine, () => {
      const range = { after: 0, gte: bytes('key12'), lt: bytes('key14') };
      expect(drainVersions(again.versions(range))).toEqual(['key12#2=key12@2', 'key13#3=key13@3']);
    });
    expect(read).toHaveLength(2);
  });

  it('shows every version of a window, as a list of them does', async () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd');
    const step = fc.record({
      key,
      kind: fc.constantFrom('put', 'mark', 'delete'),
      after: fc.constantFrom('nothing', 'nothing', 'freeze', 'compact'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 60 }),
        fc.nat(60),
        fc.nat(60),
        fc.option(key, { nil: undefined }),
        async (steps, after, through, from) => {
          const machine = new Machine(tiny);
          const db = await machine.open();
          const all: { key: string; sequence: number; line: string }[] = [];
          for (const [i, { key: name, kind, after: next }] of steps.entries()) {
            const sequence = i + 1;
            const value = `${name}@${sequence}`;
            if (kind === 'delete') db.delete(sequence, bytes(name));
            else if (kind === 'put') put(db, sequence, name);
            else db.putMarked(sequence, bytes(name), bytes(value));
            const shown = { put: `=${value}`, mark: `=${value}*`, delete: '-' }[kind];
            const line = `${name}#${sequence}${shown}`;
            all.push({ key: name, sequence, line });
            // The floor stays below the window.
            db.setHistoryFloor(Math.min(after, sequence));
            if (next === 'freeze') db.freeze(bytes(`H${i}`));
            if (next === 'compact') await machine.run(db.compact());
          }
          const expected = all
            .filter(({ sequence }) => sequence > after && sequence <= through)
            .filter(({ key: name }) => from === undefined || name >= from)
            .sort((a, b) => (a.key === b.key ? b.sequence - a.sequence : a.key < b.key ? -1 : 1))
            .map(({ line }) => line);
          const range = from === undefined ? {} : { start: bytes(from) };
          const iterator = db.versions({
            after: Math.min(after, db.lastSequence),
            through,
            ...range,
          });
          put(db, db.lastSequence + 1, 'later');
          expect(drainVersions(iterator)).toEqual(after <= steps.length ? expected : []);
          await machine.run(db.close());
        },
      ),
      { numRuns: 60 },
    );
  });

  it('shows the newest version of each key alone, from below the history floor on', async () => {
    const machine = new Machine(tiny);
    const db = await machine.open();
    for (let i = 1; i <= 60; i++) {
      const key = bytes(`key${i % 7}`);
      if (i % 3 === 0) db.putMarked(i, key, bytes(`marked ${i}`));
      else if (i % 20 === 19) db.delete(i, key);
      else put(db, i, `key${i % 7}`);
      if (i % 10 === 9) await machine.flush(db, `H${i}`);
    }
    db.setHistoryFloor(60);
    await machine.run(db.compact());
    const shown = drainVersions(db.versions({ after: 5, shows: 'newest' }));
    expect(shown).toEqual([
      'key0#56=key0@56',
      'key1#57=marked 57*',
      'key2#58=key2@58',
      'key3#59-',
      'key4#60=marked 60*',
      'key5#54=marked 54*',
      'key6#55=key6@55',
    ]);
    expect(drainVersions(db.versions({ after: 57, shows: 'newest' }))).toEqual(shown.slice(2, 5));
    expect(() => db.versions({ after: 5, through: 59, shows: 'newest' })).toThrow(
      expect.objectContaining({ code: 'SST_USAGE' }),
    );
    await machine.run(db.close());
  });

  it('is refused below the history floor, and after close', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 1, 'a');
    put(db, 2, 'a');
    db.setHistoryFloor(2);
    expect(() => db.versions({ after: 1 })).toThrow(expect.objectContaining({ code: 'SST_USAGE' }));
    const iterator = db.versions({ after: 2 });
    expect(() => iterator.key()).toThrow(expect.objectContaining({ code: 'SST_USAGE' }));
    expect([iterator.next(), iterator.next(), db.stats().iterators]).toEqual([false, false, 1]);
    iterator.close();
    iterator.close();
    expect(db.stats().iterators).toBe(0);
    expect(() => iterator.next()).toThrow(expect.objectContaining({ code: 'SST_CLOSED' }));
  });

  it('can be walked in small steps, which say when they passed over what is not shown', async () => {
    const machine = new Machine();
    const db = await fiveTables(machine);
    const options = { after: 17, through: 22 };
    const shown = drainVersions(db.versions(options));
    expect(shown).toHaveLength(5);
    for (const most of [1, 2, 7, 50]) {
      const iterator = db.versions(options);
      const list: string[] = [];
      let passing = 0;
      for (let found = iterator.step(most); found !== 'end'; found = iterator.step(most)) {
        if (found === 'at') {
          list.push(`${text(iterator.key())}#${iterator.sequence()}=${text(iterator.value())}`);
        } else {
          passing++;
          expect(() => iterator.key()).toThrow(expect.objectContaining({ code: 'SST_USAGE' }));
        }
      }
      expect(list).toEqual(shown);
      // Two tables of ten are looked into: five are shown, and fifteen are not.
      expect(passing).toBeLessThanOrEqual(15 / most);
      if (most === 1) expect(passing).toBeGreaterThan(10);
      iterator.close();
    }
    await machine.run(db.close());
  });
});
