import type { SimFs } from '@dougdb/ports/sim';
import { dump, Machine, put } from './support/databases.js';
import { bytes } from './support/entries.js';
import { checkAfterCrash, Script, scriptOptions, strayFiles } from './support/script.js';

// Loops over hundreds of crashes and faults: on a busy machine they take their time.
jest.setTimeout(120_000);

const KEEP_PERCENT = [0, 50, 100];

/** On a slow disk flushes and compactions are under way together, and freezes queue up. */
async function playUntil(mutation: number, syncDelayMs = 0): Promise<Script> {
  const machine = new Machine(scriptOptions, syncDelayMs);
  machine.fs.crashAtMutation(mutation);
  const script = new Script(machine);
  await script.play();
  return script;
}

/** A machine that starts after the power failed. */
function restarted(script: Script, keepUnsyncedPercent: number): Machine {
  const machine = new Machine(scriptOptions);
  const clock = machine.scheduler.clock();
  machine.fs = script.machine.fs.crashClone({ keepUnsyncedPercent, clock, garbage: true });
  return machine;
}

async function mutationsOf(script: () => Promise<Script>): Promise<number> {
  return (await script()).machine.fs.mutationCount;
}

describe('a power loss', () => {
  it('leaves exactly what one freeze held, not older than the last one told, wherever it strikes: INVARIANT(frontier-atomic)', async () => {
    const total = await mutationsOf(() => playUntil(Number.POSITIVE_INFINITY, 1));
    expect(total).toBeGreaterThan(110);
    const states = new Set<string | null>();
    for (let k = 1; k <= total; k++) {
      const script = await playUntil(k, k % 2);
      expect(script.machine.fs.crashed).toBe(true);
      for (const keep of KEEP_PERCENT) {
        const machine = restarted(script, keep);
        const first = await checkAfterCrash(machine, script, keep === 50);
        states.add(first.state);
        if (keep === 50) expect(await checkAfterCrash(machine, script, false)).toEqual(first);
      }
    }
    // It struck before, between and after all freezes.
    expect(states.size).toBe(11);
  });

  it('during the recovery from another one changes nothing', async () => {
    const total = await mutationsOf(() => playUntil(Number.POSITIVE_INFINITY));
    for (let k = 5; k <= total; k += 11) {
      const script = await playUntil(k);
      const whole = await checkAfterCrash(restarted(script, 100), script);
      for (let j = 1; ; j++) {
        const machine = restarted(script, 100);
        machine.fs.crashAtMutation(j);
        const db = await machine.open().catch(() => null);
        if (!machine.fs.crashed) {
          if (db !== null) await machine.run(db.close());
          break;
        }
        expect(db === null || machine.fs.crashed).toBe(true);
        const clock = machine.scheduler.clock();
        machine.fs = machine.fs.crashClone({ keepUnsyncedPercent: (j % 3) * 50, clock }) as SimFs;
        expect(await checkAfterCrash(machine, script, false)).toEqual(whole);
      }
    }
  });

  it('leaves no file behind that nothing names, after the next open', async () => {
    const total = await mutationsOf(() => playUntil(Number.POSITIVE_INFINITY));
    let found = 0;
    for (let k = 1; k <= total; k += 3) {
      const script = await playUntil(k);
      const machine = restarted(script, 100);
      const before = machine.fs.stat('/data/db') === null ? 0 : machine.names().length;
      const db = await machine.open();
      expect(strayFiles(machine.fs, db)).toEqual([]);
      if (machine.names().length < before) found++;
      await machine.run(db.close());
    }
    expect(found).toBeGreaterThan(5);
  });
});

describe('a killed process', () => {
  it('may be started again on what it wrote and never synced', async () => {
    const total = await mutationsOf(() => playUntil(Number.POSITIVE_INFINITY));
    for (let k = 1; k <= total; k += 4) {
      const script = await playUntil(k);
      const { machine } = script;
      machine.kill();
      const first = await checkAfterCrash(machine, script);
      // What the new process decided must survive a power loss at once.
      machine.crash(0);
      expect(await checkAfterCrash(machine, script)).toEqual(first);
    }
  });

  it('does not remove a file on the word of a marker whose name may not be durable', async () => {
    let crashes = 0;
    for (let j = 1; ; j++) {
      const machine = await stoppedInRotation();
      machine.fs.crashAtMutation(machine.fs.mutationCount + j);
      await machine.open().catch(() => null);
      if (!machine.fs.crashed) break;
      crashes++;
      machine.crash(0);
      const db = await machine.open();
      expect([dump(db), db.hostState?.length]).toEqual([['a=a@2#2'], LARGE_STATE_BYTES]);
    }
    expect(crashes).toBeGreaterThan(5);
  });

  it('does not do so on a full disk either, where it has only that word', async () => {
    const machine = await stoppedInRotation();
    const before = machine.names();
    machine.fs.setCapacity(1);
    expect(dump(await machine.open())).toEqual(['a=a@2#2']);
    const isMarker = (name: string): boolean => name.startsWith('marker');
    expect(machine.names().filter((name) => !isMarker(name))).toEqual(
      before.filter((name) => !isMarker(name)),
    );
    machine.crash(0);
    machine.fs.setCapacity(2 ** 30);
    expect(dump(await machine.open())).toEqual(['a=a@2#2']);
  });

  it('shows a host no state on a full disk that a power loss would take back', async () => {
    for (const isMarkerLost of [true, false]) {
      const machine = await stoppedWithNewState(isMarkerLost);
      machine.fs.setCapacity(1);
      const db = await machine.open();
      // The host cuts its log up to here.
      const shown = [db.hostState?.length, dump(db)];
      machine.crash(0);
      machine.fs.setCapacity(2 ** 30);
      const after = await machine.open();
      expect([after.hostState?.length, dump(after)]).toEqual(shown);
    }
  });

  it('gives a manifest another marker without a moment at which none is there', async () => {
    let crashes = 0;
    for (let j = 1; ; j++) {
      const machine = await stoppedWithNewState(true);
      machine.fs.setCapacity(1);
      machine.fs.crashAtMutation(machine.fs.mutationCount + j);
      await machine.open().catch(() => null);
      if (!machine.fs.crashed) break;
      crashes++;
      machine.crash((j % 3) * 50);
      machine.fs.setCapacity(2 ** 30);
      expect(['a=a@1#1', 'b=b@2#2']).toEqual(expect.arrayContaining(dump(await machine.open())));
    }
    expect(crashes).toBeGreaterThan(3);
  });
});

/**
 * The edit of a flush came into a new manifest, and the process ended because the sync of the new marker's name
 * failed; or because it was killed, with that name durable.
 */
async function stoppedWithNewState(isMarkerLost: boolean): Promise<Machine> {
  const machine = new Machine();
  const db = await machine.open();
  put(db, 1, 'a');
  db.freeze(new Uint8Array(LARGE_STATE_BYTES));
  await machine.run(db.flushed());
  put(db, 2, 'b');
  let isMarked = false;
  machine.fs.onOperation(({ kind, path }) => {
    if (kind === 'create' && path.includes('marker')) isMarked = true;
    return isMarked && isMarkerLost && kind === 'syncDir' ? 'EIO' : 'ok';
  });
  db.freeze(bytes('H2'));
  await machine.settle(1);
  expect([isMarked, machine.errors.length]).toEqual([true, isMarkerLost ? 1 : 0]);
  machine.kill();
  machine.fs.onOperation(null);
  return machine;
}

const LARGE_STATE_BYTES = 4_300_000;

/**
 * A compaction's edit came into a new manifest, the sync of the new marker's name failed, and the process
 * ended for it. The system still shows the new marker; the disk has the old one, and it names the tables that
 * the compaction took away.
 */
async function stoppedInRotation(): Promise<Machine> {
  const machine = new Machine({ level0Tables: 2 });
  const db = await machine.open();
  put(db, 1, 'a');
  await machine.flush(db, 'H1');
  put(db, 2, 'a');
  db.setHistoryFloor(2);
  let isMarked = false;
  machine.fs.onOperation(({ kind, path }) => {
    if (kind === 'create' && path.includes('marker')) isMarked = true;
    return isMarked && kind === 'syncDir' ? 'EIO' : 'ok';
  });
  db.freeze(new Uint8Array(LARGE_STATE_BYTES));
  await machine.settle(1);
  expect(machine.errors.map(({ severity }) => severity)).toEqual(['fatal']);
  machine.kill();
  machine.fs.onOperation(null);
  return machine;
}
