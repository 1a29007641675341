import type { Operation, Verdict } from '@dougdb/ports/sim';
import { dump, get, Machine, put } from './support/databases.js';
import { bytes } from './support/entries.js';
import { checkAfterCrash, rank, Script, scriptOptions, stateOf } from './support/script.js';

// Loops over hundreds of crashes and faults: on a busy machine they take their time.
jest.setTimeout(120_000);

/** Plays the script with one fault at the operation with this ordinal. */
async function playWith(
  ordinal: number,
  verdict: Verdict,
): Promise<{ script: Script; hit: Operation | null }> {
  const machine = new Machine(scriptOptions);
  let hit: Operation | null = null;
  machine.fs.onOperation((operation) => {
    if (operation.ordinal !== ordinal) return 'ok';
    hit = operation;
    return verdict;
  });
  // A directory that could not be synced is the end of a process: what it lost never gets better.
  const script = new Script(machine, () => hit?.kind !== 'syncDir');
  await script.play();
  return { script, hit };
}

/** All operations that may fail so, but only some of the reads, which are many and alike. */
async function ordinalsWorthFailing(code: 'EIO' | 'ENOSPC'): Promise<number[]> {
  const machine = new Machine(scriptOptions);
  const ordinals: number[] = [];
  machine.fs.onOperation(({ kind, ordinal }) => {
    if (kind === 'read' && (code === 'ENOSPC' || ordinal % 15 > 0)) return 'ok';
    ordinals.push(ordinal);
    return 'ok';
  });
  await new Script(machine).play();
  expect(ordinals.length).toBeGreaterThan(120);
  return ordinals;
}

async function checkAfterPowerLoss(script: Script, keepUnsyncedPercent: number): Promise<void> {
  const machine = new Machine(scriptOptions);
  const clock = machine.scheduler.clock();
  machine.fs = script.machine.fs.crashClone({ keepUnsyncedPercent, clock });
  await checkAfterCrash(machine, script);
}

/** What a failure of this operation must end in, at worst. */
function isFatalPlace({ kind, path }: Operation): boolean {
  if (kind === 'syncDir') return true;
  return /MANIFEST|marker/.test(path) && ['create', 'write', 'datasync'].includes(kind);
}

describe('one failed operation', () => {
  it.each(['EIO', 'ENOSPC'] as const)(
    'with %s never makes a wrong answer or a lost promise, wherever it is',
    async (code) => {
      const seen = { fatal: 0, retried: 0, thrown: 0, quiet: 0 };
      for (const ordinal of await ordinalsWorthFailing(code)) {
        const { script, hit } = await playWith(ordinal, code);
        if (hit === null) throw new Error(`operation ${ordinal} did not come`);
        const { errors, fs } = script.machine;
        const severities = errors.map(({ severity }) => severity);
        const isFatal = severities.includes('fatal');
        if (isFatal) {
          // Only where the state of the disk is in doubt; a full disk leaves it in doubt nowhere but in a directory.
          expect(isFatalPlace(hit)).toBe(true);
          if (code === 'ENOSPC') expect((hit as Operation).kind).toBe('syncDir');
          seen.fatal++;
        } else if (severities.includes('retried')) seen.retried++;
        else if (script.thrown.length > 0) seen.thrown++;
        else seen.quiet++;
        expect(severities).not.toContain('stopped');
        if (!isFatal && script.db !== null) {
          await script.machine.run(script.db.flushed());
          expect(rank(stateOf(script.db))).toBe(80);
          expect(dump(script.db)).toEqual(script.model.list());
        }
        if (ordinal % 7 === 0) await checkAfterPowerLoss(script, ordinal % 101);
        if (script.db !== null) await script.machine.run(script.db.close());
        expect(fs.openPaths).toEqual([]);
      }
      // The faults struck everywhere.
      const { thrown, ...inBackground } = seen;
      expect(Math.min(...Object.values(inBackground))).toBeGreaterThan(3);
      expect(thrown).toBeGreaterThan(0);
    },
  );
});

describe('background errors', () => {
  it('of the manifest are fatal: nothing is installed or written after them', async () => {
    for (const kind of ['write', 'datasync'] as const) {
      const machine = new Machine();
      const db = await machine.open();
      put(db, 1, 'a');
      await machine.flush(db, 'H1');
      put(db, 2, 'b');
      machine.fs.failNext({ kind, path: /MANIFEST/ }, 'EIO');
      db.freeze(bytes('H2'));
      put(db, 3, 'c');
      db.freeze(bytes('H3'));
      await expect(machine.run(db.flushed())).rejects.toMatchObject({ code: 'SST_IO' });
      expect(machine.errors.map(({ severity }) => severity)).toEqual(['fatal']);
      await machine.settle(100_000);
      expect([machine.installed, stateOf(db)]).toEqual([['H1'], 'H1']);
      expect(() => put(db, 4, 'x')).toThrow(expect.objectContaining({ code: 'SST_IO' }));
      expect(() => db.freeze(bytes('H'))).toThrow(expect.objectContaining({ code: 'SST_IO' }));
      await expect(db.flushed()).rejects.toMatchObject({ code: 'SST_IO' });
      await expect(machine.run(db.compact())).rejects.toMatchObject({ code: 'SST_IO' });
      expect(dump(db)).toEqual(['a=a@1#1', 'b=b@2#2', 'c=c@3#3']);
      await machine.run(db.close());
    }
  });

  it('of a directory sync are fatal, also for want of space', async () => {
    const machine = new Machine();
    const db = await machine.open();
    machine.fs.failNext({ kind: 'syncDir' }, 'ENOSPC');
    put(db, 1, 'a');
    db.freeze(bytes('H1'));
    await expect(machine.run(db.flushed())).rejects.toMatchObject({ code: 'SST_IO' });
    expect(machine.errors.map(({ severity }) => severity)).toEqual(['fatal']);
  });

  it('of a directory sync are fatal for what is on its way, too: nothing is told after them', async () => {
    const machine = new Machine({ level0Tables: 2 }, 1);
    const db = await machine.open();
    for (const [i, state] of ['H1', 'H2'].entries()) {
      put(db, i + 1, 'a');
      await machine.flush(db, state);
    }
    // The compaction that is under way comes to sync its table's name; in the same moment a freeze begins its edit.
    machine.fs.onOperation(({ kind }) => {
      if (kind !== 'syncDir') return 'ok';
      queueMicrotask(() => db.freeze(bytes('H3')));
      return 'EIO';
    });
    await machine.settle(10);
    expect(machine.errors.map(({ severity }) => severity)).toEqual(['fatal']);
    expect([machine.installed, stateOf(db)]).toEqual([['H1', 'H2'], 'H2']);
    await expect(db.flushed()).rejects.toMatchObject({ code: 'SST_IO' });
  });

  it('of a table are retried, the third in a row stops the database', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 1, 'a');
    machine.fs.failNext({ kind: 'datasync', path: /sst$/ }, 'EIO', 2);
    await machine.flush(db, 'H1');
    expect(machine.errors.map(({ severity }) => severity)).toEqual(['retried', 'retried']);
    put(db, 2, 'b');
    machine.fs.failNext({ kind: 'write', path: /sst$/ }, 'EIO', 3);
    db.freeze(bytes('H2'));
    await expect(machine.run(db.flushed())).rejects.toMatchObject({ code: 'SST_IO' });
    expect(machine.errors.slice(2).map(({ severity }) => severity)).toEqual([
      'retried',
      'retried',
      'stopped',
    ]);
    expect(machine.names().filter((name) => name.endsWith('.sst'))).toHaveLength(1);
    expect([get(db, 'a'), get(db, 'b')]).toEqual(['a@1#1', 'b@2#2']);
    expect(() => put(db, 3, 'c')).toThrow(expect.objectContaining({ code: 'SST_IO' }));
    await machine.run(db.close());
    expect(dump(await machine.open())).toEqual(['a=a@1#1']);
  });

  it('of a table that fails a check stop the database at once', async () => {
    const machine = new Machine({ level0Tables: 2 });
    const db = await machine.open();
    put(db, 1, 'a');
    await machine.flush(db, 'H1');
    const [table = ''] = machine.names().filter((name) => name.endsWith('.sst'));
    machine.fs.corrupt(`/data/db/${table}`, 5, 1);
    put(db, 2, 'a');
    await machine.flush(db, 'H2');
    await expect(machine.run(db.compact())).rejects.toMatchObject({
      code: 'SST_CORRUPT',
      file: `/data/db/${table}`,
      offset: 0,
    });
    expect(machine.errors.map(({ severity }) => severity)).toEqual(['stopped']);
    await expect(machine.run(db.verifyChecksums())).rejects.toMatchObject({ code: 'SST_CORRUPT' });
  });

  it('do not come of a host state that no manifest could hold: it is refused at once', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 1, 'a');
    const tooLong = new Uint8Array(16 * 1024 * 1024 + 1);
    expect(() => db.freeze(tooLong)).toThrow(expect.objectContaining({ code: 'SST_USAGE' }));
    await machine.flush(db, 'H1');
    expect([machine.errors, machine.installed]).toEqual([[], ['H1']]);
  });

  it('are counted and logged without keys', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 1, 'secret');
    machine.fs.failNext({ kind: 'create', path: /sst$/ }, 'EIO');
    await machine.flush(db, 'H1');
    const line = machine.logger.lines.find(({ event }) => event === 'sst.background_error');
    expect(line).toMatchObject({ level: 'warn', fields: { severity: 'retried', code: 'SST_IO' } });
    expect(JSON.stringify(machine.logger.lines)).not.toContain('secret');
  });
});

describe('a full disk', () => {
  it('is waited out: reads go on, the flush is there when space is', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 1, 'a');
    await machine.flush(db, 'H1');
    machine.fs.setCapacity(1);
    put(db, 2, 'b');
    db.freeze(bytes('H2'));
    await machine.settle(20_000);
    expect(
      new Set(machine.errors.map(({ severity, error }) => `${severity} ${error.code}`)),
    ).toEqual(new Set(['retried SST_NO_SPACE']));
    expect(machine.errors.length).toBeGreaterThan(10);
    expect([get(db, 'a'), get(db, 'b'), stateOf(db)]).toEqual(['a@1#1', 'b@2#2', 'H1']);
    machine.fs.setCapacity(2 ** 30);
    await machine.run(db.flushed());
    expect([stateOf(db), machine.installed]).toEqual(['H2', ['H1', 'H2']]);
    await machine.run(db.close());
    expect(dump(await machine.open())).toEqual(['a=a@1#1', 'b=b@2#2']);
  });

  it('does not keep a database from opening, nor from saying so when a new one cannot be made', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 1, 'a');
    await machine.flush(db, 'H1');
    await machine.run(db.close());
    machine.fs.plant('/data/db/000077.sst', bytes('left over from a crash'));
    machine.fs.setCapacity(1);
    const again = await machine.open();
    expect([dump(again), stateOf(again)]).toEqual([['a=a@1#1'], 'H1']);
    expect(machine.names()).not.toContain('000077.sst');
    await expect(machine.open({ dir: '/data/new' })).rejects.toMatchObject({
      code: 'SST_NO_SPACE',
    });
    machine.fs.setCapacity(2 ** 30);
    put(again, 2, 'b');
    await machine.flush(again, 'H2');
    await machine.run(again.close());
    expect(dump(await machine.open())).toEqual(['a=a@1#1', 'b=b@2#2']);
  });

  it('may leave a manifest edit half-written: the next one goes to a new manifest', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 1, 'a');
    const [before] = machine.names().filter((name) => name.startsWith('MANIFEST'));
    machine.fs.failNext(
      { kind: 'write', path: /MANIFEST/ },
      { fault: 'short-write', writtenBytes: 9 },
    );
    await machine.flush(db, 'H1');
    expect(machine.errors.map(({ error }) => error.code)).toEqual(['SST_NO_SPACE']);
    const after = machine.names().filter((name) => name.startsWith('MANIFEST'));
    expect(after).toHaveLength(1);
    expect(after[0]).not.toBe(before);
    await machine.run(db.close());
    const again = await machine.open();
    expect([stateOf(again), dump(again)]).toEqual(['H1', ['a=a@1#1']]);
  });
});
