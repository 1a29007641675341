import { drain, get, Machine, put, tiny } from '../../test/support/databases.js';
import { bytes, text } from '../../test/support/entries.js';
import { BlockCache } from '../block-cache.js';
import type { Found, LookOptions } from '../contract.js';
import type { Db } from '../db.js';

/** `value#sequence`, null, or 'waits' and the promise. */
function look(db: Db, key: string, options?: LookOptions): string | null | Promise<string | null> {
  const found = db.look(bytes(key), options);
  return found instanceof Promise ? found.then(shown) : shown(found);
}

function shown(found: Found | null): string | null {
  return found && `${text(found.value)}#${found.sequence}`;
}

function asPromise<T>(value: T | Promise<T>): Promise<T> {
  return Promise.resolve(value);
}

/** A database with a cold cache whose keys are in several tables, some with newer versions. */
async function cold(machine: Machine, cache = new BlockCache(100_000)): Promise<Db> {
  const db = await machine.open({ level0Tables: 100 });
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 20; i++) put(db, round * 20 + i + 1, `key${10 + i * (round + 1)}`);
    await machine.flush(db, `H${round}`);
  }
  db.delete(61, bytes('key12'));
  await machine.flush(db, 'H3');
  await machine.run(db.close());
  return machine.open({ level0Tables: 100, cache });
}

/** Throws at reads of tables that hold up the loop. */
function forbidBlockingReads(machine: Machine): void {
  machine.fs.onOperation(({ kind, path, blocking }) => {
    if (kind === 'read' && blocking && path.endsWith('.sst')) throw new Error(`blocking: ${path}`);
    return 'ok';
  });
}

describe('a look', () => {
  it('answers at once what is in memory', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 1, 'a');
    put(db, 2, 'b');
    db.delete(3, bytes('b'));
    db.freeze(bytes('H'));
    put(db, 4, 'a');
    expect([look(db, 'a'), look(db, 'a', { sequence: 3 }), look(db, 'b')]).toEqual([
      'a@4#4',
      'a@1#1',
      null,
    ]);
    expect(look(db, 'b', { sequence: 2, keysOnly: true })).toBe('#2');
    await machine.run(db.flushed());
    get(db, 'b');
    expect(look(db, 'b', { sequence: 2 })).toBe('b@2#2');
    expect(look(db, 'nothing')).toBeNull();
  });

  it('reads what is not in memory through the thread pool, and finds what a get finds', async () => {
    const machine = new Machine({ blockBytes: 60 });
    const plain = await cold(machine);
    const keys = Array.from({ length: 80 }, (_, i) => `key${i}`);
    const expected = keys.map((key) => [get(plain, key), get(plain, key, 45)]);
    await machine.run(plain.close());
    for (const capacityBytes of [0, 100_000]) {
      const db = await machine.open({ cache: new BlockCache(capacityBytes), level0Tables: 100 });
      forbidBlockingReads(machine);
      let waited = 0;
      for (const [i, key] of keys.entries()) {
        for (const [at, sequence] of [undefined, 45].entries()) {
          const found = look(db, key, sequence === undefined ? {} : { sequence });
          if (found instanceof Promise) waited++;
          expect([key, found instanceof Promise ? await machine.run(found) : found]).toEqual([
            key,
            expected[i]?.[at],
          ]);
        }
      }
      expect(waited).toBeGreaterThan(10);
      // Without a cache each block is read again.
      if (capacityBytes > 0) expect(waited).toBeLessThan(60);
      machine.fs.onOperation(null);
      await machine.run(db.close());
    }
  });

  it('tells of the state at its call, whatever is written, flushed and compacted meanwhile', async () => {
    const machine = new Machine(tiny);
    const db = await cold(machine);
    const before = drain(db.iterator({}));
    await machine.run(db.close());
    const again = await machine.open();
    machine.fs.onOperation(({ kind, blocking }) =>
      kind === 'read' && !blocking ? { fault: 'stall' } : 'ok',
    );
    const looks = before.map((line) => look(again, line.slice(0, line.indexOf('='))));
    expect(looks.some((found) => found instanceof Promise)).toBe(true);
    machine.fs.onOperation(null);
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 30; i++) put(again, 100 + round * 30 + i, `key${10 + i}`, 'newer');
      again.setHistoryFloor(100 + round * 30);
      await machine.flush(again, `N${round}`);
      await machine.run(again.compact());
    }
    machine.fs.releaseStalled();
    const found = await machine.run(Promise.all(looks.map(asPromise)));
    expect(found).toEqual(before.map((line) => line.slice(line.indexOf('=') + 1)));
    // The tables that were kept for them are gone now.
    const inUse = again.stats().levels.reduce((sum, level) => sum + level.tables, 0);
    expect(machine.names().filter((name) => name.endsWith('.sst'))).toHaveLength(inUse);
  });

  it('reads a block once into the cache, however many ask for it meanwhile', async () => {
    const machine = new Machine();
    const cache = new BlockCache(100_000);
    const db = await cold(machine, cache);
    const both = [look(db, 'key40'), look(db, 'key40')];
    expect(get(db, 'key40')).toBe('key40@51#51');
    expect(await machine.run(Promise.all(both.map(asPromise)))).toEqual([
      'key40@51#51',
      'key40@51#51',
    ]);
    expect(look(db, 'key40')).toBe('key40@51#51');
    await machine.run(db.close());
    expect(cache.stats()).toMatchObject({ blocks: 0, usedBytes: 0 });
  });

  it('rejects with what the file has: damage with file and offset, a failed read', async () => {
    const machine = new Machine();
    const db = await cold(machine);
    machine.fs.failNext({ kind: 'read' }, 'EIO');
    const failed = look(db, 'key40') as Promise<string | null>;
    await expect(machine.run(failed)).rejects.toMatchObject({ code: 'SST_IO' });
    expect(await machine.run(asPromise(look(db, 'key40')))).toBe('key40@51#51');
    await machine.run(db.close());
    const again = await machine.open({ level0Tables: 100 });
    const tables = machine.names().filter((name) => name.endsWith('.sst'));
    for (const name of tables) machine.fs.corrupt(`/data/db/${name}`, 5, 0x40);
    await expect(machine.run(look(again, 'key40') as Promise<string | null>)).rejects.toMatchObject(
      {
        code: 'SST_CORRUPT',
        file: expect.stringMatching(/\.sst$/),
        offset: 0,
      },
    );
  });

  it('is refused after close, and rejects SST_CLOSED if that comes before its answer', async () => {
    const machine = new Machine();
    const cache = new BlockCache(100_000);
    for (const steps of [0, 1, 2, 3]) {
      const db = await cold(machine, cache);
      const found = look(db, 'key40') as Promise<string | null>;
      const settled = Promise.allSettled([found]);
      // Index, list of blocks, filter and data come one after the other.
      for (let i = 0; i < steps; i++) await machine.scheduler.step();
      await machine.run(db.close());
      const [result] = await machine.run(settled);
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'SST_CLOSED' } });
      expect(() => db.look(bytes('a'))).toThrow(expect.objectContaining({ code: 'SST_CLOSED' }));
      expect([cache.stats().blocks, cache.stats().usedBytes, machine.fs.openPaths]).toEqual([
        0,
        0,
        [],
      ]);
      machine.fs.removeTree('/data/db');
    }
  });

  it('is refused below the history floor', async () => {
    const db = await new Machine().open();
    put(db, 5, 'a');
    db.setHistoryFloor(5);
    expect(() => db.look(bytes('a'), { sequence: 4 })).toThrow(
      expect.objectContaining({ code: 'SST_USAGE' }),
    );
  });
});
