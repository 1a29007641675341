import type { Db } from '../src/db.js';
import { JobScheduler } from '../src/scheduling/job-scheduler.js';
import { findOrderDamage } from './support/check-levels.js';
import { dump, Machine, put, tiny } from './support/databases.js';
import { bytes } from './support/entries.js';

/** Databases of one process that share a scheduler. */
async function opened(machine: Machine, count: number, scheduler: JobScheduler): Promise<Db[]> {
  const databases: Db[] = [];
  for (let n = 0; n < count; n++) {
    databases.push(await machine.open({ scheduler, dir: `/data/db${n}` }));
  }
  return databases;
}

describe('one scheduler for all databases of a process', () => {
  it('runs so many jobs at a time, and everybody gets on while one is always behind', async () => {
    const machine = new Machine({ ...tiny, sliceMs: 0.001 }, 0.2);
    const scheduler = new JobScheduler({ maxFlushes: 2, maxCompactions: 1 });
    const databases = await opened(machine, 4, scheduler);
    const [busy, ...others] = databases as [Db, ...Db[]];
    let sequence = 0;
    let most = { runningFlushes: 0, runningCompactions: 0 };
    for (let round = 1; round <= 120; round++) {
      for (const db of round % 10 === 0 ? databases : [busy]) {
        for (let i = 0; i < 6; i++) put(db, ++sequence, `key${(round * 5 + i) % 40}`);
        db.freeze(bytes(`H${round}`));
      }
      await machine.settle(0.1);
      const { runningFlushes, runningCompactions } = scheduler.stats();
      most = {
        runningFlushes: Math.max(most.runningFlushes, runningFlushes),
        runningCompactions: Math.max(most.runningCompactions, runningCompactions),
      };
    }
    expect(most).toEqual({ runningFlushes: 2, runningCompactions: 1 });
    // The busy one has work for long; the others, whose work came later, are through before that.
    expect(busy.stats().flushes).toBeLessThan(120);
    await machine.run(Promise.all(others.map((db) => db.flushed())));
    expect(busy.stats().flushes).toBeLessThan(120);
    for (const db of others) expect(db.stats().compactions).toBeGreaterThan(0);
    await machine.run(Promise.all(databases.map((db) => db.flushed())));
    await machine.run(Promise.all(databases.map((db) => db.compact())));
    for (const [n, db] of databases.entries()) {
      expect(dump(db)).toHaveLength(n === 0 ? 40 : 24);
      await machine.run(db.close());
      expect(findOrderDamage(machine.fs, `/data/db${n}`)).toBeNull();
    }
  });

  it('does not let a database that waits for space keep the others from working', async () => {
    const machine = new Machine(tiny);
    const scheduler = new JobScheduler({ maxFlushes: 1 });
    const [full, other] = (await opened(machine, 2, scheduler)) as [Db, Db];
    machine.fs.onOperation(({ kind, path }) =>
      kind === 'write' && path.startsWith('/data/db0/') && path.endsWith('.sst') ? 'ENOSPC' : 'ok',
    );
    put(full, 1, 'a');
    full.freeze(bytes('F'));
    await machine.settle(2000);
    put(other, 1, 'a');
    await machine.flush(other, 'O');
    expect(machine.installed).toEqual(['O']);
    expect(new Set(machine.errors.map(({ error }) => error.code))).toEqual(
      new Set(['SST_NO_SPACE']),
    );
    machine.fs.onOperation(null);
    await machine.run(full.flushed());
    expect(machine.installed).toEqual(['O', 'F']);
  });

  it('waits for space for a compaction, too, and goes on by itself', async () => {
    const machine = new Machine({ ...tiny, level0Tables: 2 });
    const db = await machine.open();
    put(db, 1, 'a');
    await machine.flush(db, 'H1');
    let tables = 0;
    machine.fs.onOperation(({ kind, path }) => {
      if (kind === 'create' && path.endsWith('.sst')) tables++;
      return kind === 'write' && path.endsWith('.sst') && tables > 1 ? 'ENOSPC' : 'ok';
    });
    put(db, 2, 'a');
    await machine.flush(db, 'H2');
    await machine.settle(3000);
    expect(machine.errors.length).toBeGreaterThan(4);
    expect(db.stats()).toMatchObject({ flushes: 2, compactions: 0 });
    // No half-written table is left between two tries.
    expect(machine.names().filter((name) => name.endsWith('.sst'))).toHaveLength(2);
    put(db, 3, 'b');
    machine.fs.onOperation(null);
    await machine.run(db.compact());
    expect(db.stats()).toMatchObject({ compactions: 1 });
    expect(new Set(machine.errors.map(({ severity }) => severity))).toEqual(new Set(['retried']));
    expect(dump(db)).toEqual(['a=a@2#2', 'b=b@3#3']);
  });

  it('keeps to its rate', async () => {
    const machine = new Machine();
    const db = await machine.open({
      scheduler: new JobScheduler({ bytesPerSecond: 1024 * 1024 }),
    });
    for (let i = 1; i <= 1000; i++) db.put(i, bytes(`key${i}`), new Uint8Array(1000));
    const startMs = machine.scheduler.nowMs;
    await machine.flush(db, 'H');
    const tookMs = machine.scheduler.nowMs - startMs;
    const perSecond = (db.stats().flushedBytes / tookMs) * 1000;
    expect(perSecond / (1024 * 1024)).toBeGreaterThan(0.9);
    expect(perSecond / (1024 * 1024)).toBeLessThan(1.2);
  });

  it('refuses options that make no sense', () => {
    const usage = expect.objectContaining({ code: 'SST_USAGE' });
    expect(() => new JobScheduler({ maxCompactions: 0 })).toThrow(usage);
    expect(() => new JobScheduler({ bytesPerSecond: -1 })).toThrow(usage);
  });
});

describe('a compaction of a range', () => {
  /** Several levels, with tombstones and old versions. */
  async function filled(machine: Machine, rounds = 30): Promise<{ db: Db; sequence: number }> {
    const db = await machine.open();
    let sequence = 0;
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < 8; i++) {
        sequence++;
        const key = `key${(round * 11 + i * 7) % (3 * rounds)}`;
        if (i === 3) db.delete(sequence, bytes(key));
        else put(db, sequence, key);
      }
      await machine.flush(db, `H${round}`);
    }
    await machine.run(db.compact());
    return { db, sequence };
  }

  it('brings everything down to the deepest level, without what nobody can ask for', async () => {
    const machine = new Machine({ ...tiny, level1Bytes: 500 });
    const { db, sequence } = await filled(machine);
    const before = dump(db);
    db.setHistoryFloor(sequence);
    await machine.run(db.compactRange());
    const { levels } = db.stats();
    expect(levels.slice(0, 6).map(({ tables }) => tables)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(dump(db)).toEqual(before);
    await machine.run(db.close());
    expect(findOrderDamage(machine.fs, '/data/db')).toBeNull();
  });

  it('lets writes, flushes and other compactions go on', async () => {
    const reasons: string[] = [];
    const machine = new Machine(
      {
        ...tiny,
        level1Bytes: 500,
        sliceMs: 0.001,
        events: { compactionInstalled: ({ reason }) => reasons.push(reason) },
      },
      1,
    );
    const { db, sequence } = await filled(machine, 60);
    reasons.length = 0;
    let isOver = false;
    const compacting = db.compactRange().then(() => {
      isOver = true;
    });
    let at = sequence;
    while (!isOver) {
      for (let i = 0; i < 6; i++) put(db, ++at, `key${at % 180}`);
      db.freeze(bytes(`M${at}`));
      await machine.settle(4);
      expect(db.stalled).toBe(false);
    }
    await machine.run(compacting);
    // Other compactions came between its steps: level 0 never filled up.
    const steps = reasons.join(' ');
    expect(steps).toMatch(/manual.* level 0 .*manual/);
    await machine.run(db.compact());
    await machine.run(db.close());
    expect(findOrderDamage(machine.fs, '/data/db')).toBeNull();
  });

  it('of an empty database, or an empty range, is over at once; a closed one refuses', async () => {
    const machine = new Machine(tiny);
    const db = await machine.open();
    await machine.run(db.compactRange());
    put(db, 1, 'a');
    await machine.flush(db, 'H');
    await machine.run(db.compactRange({ start: bytes('b'), end: bytes('c') }));
    expect(db.stats().compactions).toBe(0);
    const refused = expect(db.compactRange()).rejects.toMatchObject({ code: 'SST_CLOSED' });
    await machine.run(db.close());
    await refused;
    await expect(db.compactRange()).rejects.toMatchObject({ code: 'SST_CLOSED' });
  });

  it('is refused with the background error', async () => {
    const machine = new Machine({ ...tiny, level0Tables: 100 });
    const db = await machine.open();
    for (const i of [1, 2]) {
      put(db, i, 'a');
      await machine.flush(db, `H${i}`);
    }
    machine.fs.failNext({ kind: 'create', path: /sst$/ }, 'EIO', 3);
    await expect(machine.run(db.compactRange())).rejects.toMatchObject({ code: 'SST_IO' });
    expect(machine.errors.at(-1)?.severity).toBe('stopped');
  });
});

describe('tombstones', () => {
  it('are compacted away once the history floor has passed them', async () => {
    const machine = new Machine({ ...tiny, level0Tables: 2 });
    const db = await machine.open();
    for (let i = 1; i <= 10; i++) put(db, i, `key${i}`);
    await machine.flush(db, 'H1');
    for (let i = 1; i <= 10; i++) db.delete(10 + i, bytes(`key${i}`));
    await machine.flush(db, 'H2');
    await machine.run(db.compact());
    expect(db.stats().levels.at(-1)?.tables).toBeGreaterThan(0);
    db.setHistoryFloor(19);
    await machine.run(db.compact());
    expect(db.stats().levels.at(-1)?.tables).toBeGreaterThan(0);
    db.setHistoryFloor(20);
    await machine.settle(100);
    expect(db.stats().levels.every(({ tables }) => tables === 0)).toBe(true);
    expect(machine.names().filter((name) => name.endsWith('.sst'))).toEqual([]);
  });
});

describe('write pressure', () => {
  it('says slow before it says stalled, and what to pause', async () => {
    const states: string[] = [];
    const machine = new Machine({
      level0Tables: 1000,
      events: { pressureChanged: (state) => states.push(state) },
    });
    const db = await machine.open();
    const seen: [string, number][] = [];
    for (let i = 1; i <= 12; i++) {
      put(db, i, `key${i}`);
      await machine.flush(db, `H${i}`);
      const { state, delayMs } = db.pressure;
      seen.push([state, Math.round(delayMs * 10) / 10]);
      expect(state === 'stalled').toBe(db.stalled);
    }
    expect(seen.slice(6)).toEqual([
      ['free', 0],
      ['slow', 2],
      ['slow', 4.8],
      ['slow', 9.6],
      ['slow', 16.4],
      ['stalled', 25],
    ]);
    expect(seen.slice(0, 6).every(([state]) => state === 'free')).toBe(true);
    expect(states).toEqual(['slow', 'stalled']);
  });

  it('tells the debt of compactions', async () => {
    const machine = new Machine({ ...tiny, level0Tables: 3 });
    const db = await machine.open({ level0Tables: 1000 });
    for (let i = 1; i <= 3; i++) {
      put(db, i, 'a');
      await machine.flush(db, `H${i}`);
    }
    expect(db.pressure.compactionDebtBytes).toBe(0);
    await machine.run(db.close());
    machine.fs.setCapacity(1);
    const again = await machine.open();
    const { compactionDebtBytes } = again.stats();
    expect(compactionDebtBytes).toBe(again.stats().levels[0]?.bytes);
    expect(again.pressure.compactionDebtBytes).toBe(compactionDebtBytes);
  });
});

describe('events', () => {
  it('tell of flushes, compactions and tables that go; a listener that throws changes nothing', async () => {
    const told: string[] = [];
    const machine = new Machine({
      ...tiny,
      level0Tables: 2,
      events: {
        flushInstalled: ({ table, lastSequence }) => told.push(`flush ${table} ${lastSequence}`),
        compactionInstalled: ({ reason, inputs, outputs, level, outputLevel }) =>
          told.push(`${reason} ${level}>${outputLevel} ${inputs} ${outputs.length}`),
        tableRemoved: (table) => {
          told.push(`removed ${table}`);
          throw new Error('planted');
        },
      },
    });
    const db = await machine.open();
    for (const i of [1, 2]) {
      put(db, i, 'a');
      await machine.flush(db, `H${i}`);
    }
    await machine.flush(db, 'H3');
    await machine.run(db.compact());
    expect(told.filter((line) => line.startsWith('flush'))).toEqual([
      'flush 2 1',
      'flush 3 2',
      'flush null 2',
    ]);
    expect(told).toContain('level 0 0>6 3,2 1');
    expect(told).toEqual(expect.arrayContaining(['removed 2', 'removed 3']));
    expect(machine.logger.lines).toContainEqual(
      expect.objectContaining({ event: 'sst.listener.failed', level: 'error' }),
    );
    expect(machine.errors).toEqual([]);
  });
});
