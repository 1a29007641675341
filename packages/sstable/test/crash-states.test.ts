import {
  type CrashState,
  type OperationHook,
  type Recording,
  SimRandom,
  type Verdict,
} from '@dougdb/ports/sim';
import { checkEverything, checkFiles, mustBe } from './support/check-store.js';
import { Machine } from './support/databases.js';
import { Host } from './support/host.js';
import { playSteps } from './support/play-steps.js';
import { isFull, replayOf, seed, TIMEOUT_MS } from './support/share.js';
import { repeat } from './support/steps.js';
import { machineOf, WORKLOADS, type Workload } from './support/workloads.js';

// Thousands of starts from crash states: on a busy machine they take their time.
jest.setTimeout(TIMEOUT_MS);

/** Of the crash states of a workload, one in so many is started from in the short run. */
const SHARE = 20;
/** In the long run a course is so many times as long. */
const LENGTH = isFull ? 3 : 1;
const DRAWN = isFull ? 6 : 1;
/** So many states at least are started from in the long run, that differ or in which more was promised. */
const STATES: Readonly<Record<string, number>> = {
  'fill and flush': 150,
  'overwrite and compact': 400,
  reopen: 800,
  'freeze without writes': 350,
  'jobs in threads': 150,
  'close while a job runs': 1200,
};

interface Recorded {
  readonly workload: Workload;
  readonly host: Host;
  readonly recording: Recording;
  /** What had been told when so many effects had happened, in order. */
  readonly told: readonly { readonly position: number; readonly freeze: number }[];
}

/** Plays a workload on a good disk and writes down all that happens to it. */
async function recorded(workload: Workload, hook: OperationHook | null = null): Promise<Recorded> {
  const machine = machineOf(workload);
  machine.fs.onOperation(hook);
  const recording = machine.fs.record();
  const told: { position: number; freeze: number }[] = [];
  const host = new Host(machine, { freezes: 'in steps' }, (freeze) =>
    told.push({ position: recording.length, freeze }),
  );
  await host.ensureUp();
  await playSteps(
    host,
    repeat(LENGTH, () => workload.steps),
  );
  await machine.run(host.db.flushed());
  await host.close();
  return { workload, host, recording, told };
}

/** The highest freeze that had been told by then. */
function toldAt({ told }: Recorded, position: number): number {
  return told.findLast((note) => note.position <= position)?.freeze ?? 0;
}

/** Starts from a crash state and checks everything; answers the freeze that was found. */
async function start(run: Recorded, state: CrashState, random: SimRandom): Promise<number> {
  const { host, workload } = run;
  const machine = new Machine(workload.options);
  machine.fs = state.disk(machine.scheduler.clock());
  if (random.chance(0.25)) await crashInRecovery(machine, random);
  const db = await machine.open();
  const { freeze, sequence } = host.stateOf(db);
  const told = toldAt(run, state.position);
  mustBe('a freeze that was told', freeze >= told || [freeze, told], true);
  const { model } = host;
  checkEverything(db, model, { floor: Math.min(model.floor, sequence), sequence });
  await machine.run(db.close());
  checkFiles(machine.fs, '/data/db');
  return freeze;
}

/** The power fails once more while the database is being opened: what is found after that is the same (I9). */
async function crashInRecovery(machine: Machine, random: SimRandom): Promise<void> {
  const whole = new Machine(machine.options);
  whole.fs = machine.fs.crashClone({ keepUnsyncedPercent: 100, clock: whole.scheduler.clock() });
  const before = await whole.open();
  const found = before.hostState;
  machine.fs.crashAtMutation(1 + random.int(whole.fs.mutationCount));
  await machine.open().catch(() => null);
  mustBe('a crash in the recovery', machine.fs.crashed, true);
  machine.crash({ keepUnsyncedPercent: random.pick([0, 50, 100]), garbage: true });
  const again = new Machine(machine.options);
  again.fs = machine.fs.crashClone({ keepUnsyncedPercent: 100, clock: again.scheduler.clock() });
  const after = await again.open();
  mustBe('what is found after a crash in the recovery', after.hostState, found);
}

describe('op-log replay: a database started from', () => {
  it.each(WORKLOADS)(
    'crash states of "$name" holds exactly what one freeze held, none older than the last told: INVARIANT(frontier-atomic)',
    async (workload) => {
      const run = await recorded(workload);
      const random = new SimRandom(`${seed}/${workload.name}`);
      const share = isFull ? 1 : SHARE;
      const first = random.int(share);
      const found = new Set<number>();
      const tried = new Set<string>();
      let states = 0;
      let at = 0;
      const drawn = { count: DRAWN, random };
      for (const state of run.recording.crashStates({ drawn })) {
        if (at++ % share !== first) continue;
        // Where nothing more had been promised, an equal disk was looked at before.
        const key = `${toldAt(run, state.position)} ${state.dump}`;
        if (tried.has(key)) continue;
        tried.add(key);
        try {
          found.add(await start(run, state, random.fork(`${at}`)));
        } catch (error) {
          const replay = replayOf('op-log replay');
          throw new Error(`${workload.name}, ${state.label}; replay: ${replay}`, { cause: error });
        }
        states++;
      }
      console.log(`seed ${seed}, ${workload.name}: ${states} crash states of ${at}`);
      // Before, between and after the freezes.
      expect(found.size).toBeGreaterThan(1);
      expect(states).toBeGreaterThan(isFull ? (STATES[workload.name] ?? 0) : 4);
    },
  );
});

/** Mistakes that a database could make with a disk that is good: here the disk makes them for it. */
const MISTAKES: Readonly<Record<string, OperationHook>> = {
  'its tables': ({ kind, path }) => forget(kind === 'datasync' && path.endsWith('.sst')),
  'its manifest': ({ kind, path }) => forget(kind === 'datasync' && path.includes('MANIFEST')),
  'the names in its directory': ({ kind, path }) =>
    forget(kind === 'syncDir' && path === '/data/db'),
  'the name of its directory': ({ kind, path }) => forget(kind === 'syncDir' && path === '/data'),
};

function forget(isForgotten: boolean): Verdict {
  return isForgotten ? { fault: 'lie' } : 'ok';
}

describe('op-log replay finds', () => {
  it.each(Object.keys(MISTAKES))('a database that forgets to sync %s', async (what) => {
    const [workload] = WORKLOADS as readonly [Workload];
    const run = await recorded(workload, MISTAKES[what]);
    const random = new SimRandom('mistakes');
    for (const state of run.recording.crashStates()) {
      if (
        !(await start(run, state, random).then(
          () => false,
          () => true,
        ))
      )
        continue;
      expect(state.position).toBeGreaterThan(0);
      return;
    }
    throw new Error('no crash state was found to be wrong');
  });
});
