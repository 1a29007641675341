import type { SimFs } from '@dougdb/ports/sim';
import fc from 'fast-check';
import type { SstError } from '../src/contract.js';
import { verifyDb } from '../src/node/index.js';
import { drain, dump, Machine, put } from './support/databases.js';
import { bytes } from './support/entries.js';
import { stateOf } from './support/script.js';

// Loops over hundreds of crashes and faults: on a busy machine they take their time.
jest.setTimeout(120_000);

const options = { blockBytes: 60, level0Tables: 100 };

/** Two tables, a tombstone, several versions, four edits: and what each state of the manifest shows. */
async function written(): Promise<{ fs: SimFs; states: Map<string | null, string[]> }> {
  const machine = new Machine(options);
  const db = await machine.open();
  const states = new Map<string | null, string[]>([[null, []]]);
  for (let i = 1; i <= 6; i++) put(db, i, `key${i % 4}`);
  await machine.flush(db, 'H1');
  states.set('H1', dump(db));
  db.delete(7, bytes('key1'));
  put(db, 8, 'other');
  await machine.flush(db, 'H2');
  states.set('H2', dump(db));
  await machine.flush(db, 'H3');
  states.set('H3', dump(db));
  await machine.run(db.close());
  return { fs: machine.fs, states };
}

/** A machine with these files, one byte of one of them changed. */
function damaged(fs: SimFs, path: string, offset: number, mask: number): Machine {
  const machine = new Machine(options);
  machine.fs = fs.crashClone({ keepUnsyncedPercent: 100, clock: machine.scheduler.clock() });
  machine.fs.corrupt(path, offset, mask);
  return machine;
}

function pathsOf(fs: SimFs, pattern: RegExp): string[] {
  return fs
    .list('/data/db')
    .filter((name) => pattern.test(name))
    .map((name) => `/data/db/${name}`);
}

describe('one flipped bit', () => {
  it('anywhere in a table is found by verify, and reads throw file and offset or are right', async () => {
    const { fs, states } = await written();
    const expected = states.get('H3');
    const tables = pathsOf(fs, /sst$/);
    expect(tables).toHaveLength(2);
    let thrown = 0;
    for (const path of tables) {
      const sizeBytes = fs.contents(path).length;
      for (let offset = 0; offset < sizeBytes; offset++) {
        const mask = 1 << (offset % 8);
        fs.corrupt(path, offset, mask);
        const [problem, ...others] = verifyDb(fs, '/data/db').problems;
        fs.corrupt(path, offset, mask);
        expect([problem?.file, others]).toEqual([path, []]);
        expect(['SST_CORRUPT', 'SST_FOREIGN']).toContain(problem?.code);
        expect(Math.abs((problem?.offset ?? 1e9) - offset)).toBeLessThan(500);
        if (offset % 3 > 0) continue;
        try {
          const db = await damaged(fs, path, offset, mask).open();
          expect(dump(db)).toEqual(expected);
          expect(drain(db.iterator({ reverse: true }))).toEqual([...(expected ?? [])].reverse());
        } catch (error) {
          expect(error).toMatchObject({ file: path, offset: expect.any(Number) });
          expect(['SST_CORRUPT', 'SST_FOREIGN']).toContain((error as SstError).code);
          thrown++;
        }
      }
    }
    expect(thrown).toBeGreaterThan(100);
  });

  it('anywhere in the manifest is refused with file and offset, or leaves an older state whole', async () => {
    const { fs, states } = await written();
    const [path = ''] = pathsOf(fs, /MANIFEST-\d+$/).filter((name) => !name.includes('marker'));
    const sizeBytes = fs.contents(path).length;
    const seen = new Set<string | null>();
    let refused = 0;
    for (let offset = 0; offset < sizeBytes; offset++) {
      const machine = damaged(fs, path, offset, 1 << (offset % 8));
      try {
        const db = await machine.open();
        seen.add(stateOf(db));
        expect(dump(db)).toEqual(states.get(stateOf(db)));
      } catch (error) {
        expect(error).toMatchObject({
          code: 'SST_CORRUPT',
          file: path,
          offset: expect.any(Number),
        });
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(sizeBytes / 2);
    // Only the empty record behind the last edit is dead space.
    expect([...seen]).toEqual(['H3']);
  });
});

describe('any damage', () => {
  it('to a table never makes a wrong answer', async () => {
    const { fs, states } = await written();
    const [path = ''] = pathsOf(fs, /sst$/);
    const good = fs.contents(path);
    const change = fc.record({
      at: fc.nat(good.length - 1),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 90 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const bad = good.slice();
        for (const { at, bytes: run } of changes) bad.set(run.slice(0, bad.length - at), at);
        const machine = new Machine(options);
        machine.fs = fs.crashClone({ keepUnsyncedPercent: 100, clock: machine.scheduler.clock() });
        machine.fs.plant(path, bad);
        try {
          expect(dump(await machine.open())).toEqual(states.get('H3'));
        } catch (error) {
          expect(error).toMatchObject({ file: path, offset: expect.any(Number) });
        }
      }),
    );
  });
});

describe('files in the wrong place', () => {
  it('are refused: two tables swapped', async () => {
    const { fs } = await written();
    const [one = '', other = ''] = pathsOf(fs, /sst$/);
    const [a, b] = [fs.contents(one), fs.contents(other)];
    fs.plant(one, b);
    fs.plant(other, a);
    const machine = new Machine(options);
    machine.fs = fs.crashClone({ clock: machine.scheduler.clock() });
    await expect(machine.open()).rejects.toMatchObject({
      code: expect.stringMatching(/CORRUPT|FOREIGN/),
    });
    expect(verifyDb(machine.fs, '/data/db').problems).toHaveLength(2);
  });

  it('are refused: a table of the same size from another database', async () => {
    const [mine, theirs] = [await written(), await written()];
    const [path = ''] = pathsOf(mine.fs, /sst$/);
    const foreign = theirs.fs.contents(path);
    // The same bytes but another table id, as another database would have made it.
    const machine = new Machine({ ...options });
    machine.random.bytes(3);
    const db = await machine.open();
    for (let i = 1; i <= 6; i++) put(db, i, `key${i % 4}`);
    await machine.flush(db, 'H1');
    const [their = ''] = pathsOf(machine.fs, /sst$/);
    expect(machine.fs.contents(their)).toHaveLength(foreign.length);
    mine.fs.plant(path, machine.fs.contents(their));
    const victim = new Machine(options);
    victim.fs = mine.fs.crashClone({ clock: victim.scheduler.clock() });
    await expect(victim.open()).rejects.toMatchObject({ code: 'SST_FOREIGN', file: path });
  });

  it('are refused: another identity', async () => {
    const { fs } = await written();
    const machine = new Machine(options);
    machine.fs = fs.crashClone({ clock: machine.scheduler.clock() });
    await expect(machine.open({ identity: bytes('cluster/1/3') })).rejects.toMatchObject({
      code: 'SST_FOREIGN',
      file: expect.stringContaining('MANIFEST'),
    });
    expect(machine.fs.openPaths).toEqual([]);
  });

  it('are refused: a table that is missing', async () => {
    const { fs } = await written();
    const [path = ''] = pathsOf(fs, /sst$/);
    fs.remove(path);
    const machine = new Machine(options);
    machine.fs = fs.crashClone({ keepUnsyncedPercent: 100, clock: machine.scheduler.clock() });
    await expect(machine.open()).rejects.toMatchObject({ code: 'SST_CORRUPT', file: path });
    expect(machine.fs.openPaths).toEqual([]);
  });

  it('are refused: a database without its marker is not taken for a new one', async () => {
    const { fs } = await written();
    for (const path of pathsOf(fs, /^marker/)) fs.remove(path);
    const machine = new Machine(options);
    machine.fs = fs.crashClone({ keepUnsyncedPercent: 100, clock: machine.scheduler.clock() });
    await expect(machine.open()).rejects.toMatchObject({ code: 'SST_CORRUPT' });
    for (const path of pathsOf(machine.fs, /sst$/)) machine.fs.remove(path);
    await expect(machine.open()).rejects.toMatchObject({
      code: 'SST_CORRUPT',
      file: expect.stringContaining('MANIFEST'),
    });
  });

  it('are refused: a marker that names a manifest which is not there', async () => {
    const { fs } = await written();
    fs.plant('/data/db/marker.manifest.000099.MANIFEST-000099', new Uint8Array(0));
    const machine = new Machine(options);
    machine.fs = fs.crashClone({ clock: machine.scheduler.clock() });
    await expect(machine.open()).rejects.toMatchObject({
      code: 'SST_CORRUPT',
      file: '/data/db/MANIFEST-000099',
    });
  });
});

describe('files that nothing names', () => {
  it('are removed at open if they are ours, left alone if they are not, and their numbers not used again', async () => {
    const { fs, states } = await written();
    fs.plant('/data/db/000500.sst', bytes('half a table'));
    fs.plant('/data/db/MANIFEST-000501', bytes('half a manifest'));
    fs.plant('/data/db/marker.manifest.000000.MANIFEST-000009', new Uint8Array(0));
    fs.plant('/data/db/notes.txt', bytes('mine'));
    const machine = new Machine(options);
    machine.fs = fs.crashClone({ clock: machine.scheduler.clock() });
    expect(verifyDb(machine.fs, '/data/db')).toMatchObject({
      unreferenced: ['000500.sst', 'MANIFEST-000501', 'marker.manifest.000000.MANIFEST-000009'],
      problems: [],
    });
    const db = await machine.open();
    expect(dump(db)).toEqual(states.get('H3'));
    put(db, 100, 'x');
    await machine.flush(db, 'H4');
    const names = machine.names();
    expect(names.filter((name) => name.endsWith('.sst')).at(-1)).toBe('000503.sst');
    expect(names.filter((name) => !name.endsWith('.sst'))).toEqual([
      'MANIFEST-000502',
      expect.stringMatching(/^marker\.manifest\.\d+\.MANIFEST-000502$/),
      'notes.txt',
    ]);
  });
});
