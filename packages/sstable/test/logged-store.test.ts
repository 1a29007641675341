import { SimRandom } from '@dougdb/ports/sim';
import { checkFiles, mustBe } from './support/check-store.js';
import { commandOf, linesAfter } from './support/commands.js';
import { drain, Machine } from './support/databases.js';
import { LoggedStore } from './support/logged-store.js';
import { drawCrash } from './support/option-axes.js';
import { isFull, replayOf, seed, TIMEOUT_MS } from './support/share.js';

// Loops over hundreds of crashes: on a busy machine they take their time.
jest.setTimeout(TIMEOUT_MS);

const COMMANDS = 90;
const IN_FLIGHT = 5;
const SHARE = 25;
const STATES_SHARE = 200;

/** What became of a run: commands that were acknowledged and commands that were begun. */
class Life {
  readonly machine: Machine;
  acknowledged = 0;
  begun = 0;
  failure: unknown = null;
  /** Called with each command that is acknowledged. */
  onAcknowledged: (index: number) => void = () => undefined;

  constructor(runSeed: string) {
    this.machine = new Machine({}, 0.3, runSeed);
  }

  open(): Promise<LoggedStore> {
    const { machine } = this;
    return machine.run(
      LoggedStore.open({
        ...machine.process(),
        random: machine.random,
        dir: '/data',
        wal: { segmentBytes: 4096, maxFrameBytes: 1024 },
        db: { memtableBytes: 1200, blockBytes: 100, tableBytes: 900, level1Bytes: 2000 },
        onFatal: (error) => {
          this.failure ??= error;
        },
      }),
    );
  }

  /** Writes until there are so many commands, or the power fails. */
  async write(store: LoggedStore, until: number): Promise<void> {
    const { machine } = this;
    while (this.begun < until && !machine.fs.crashed) {
      const batch = [];
      for (let i = 0; i < IN_FLIGHT && this.begun < until; i++) {
        this.begun = store.last + 1;
        batch.push(this.#writeOne(store));
      }
      await machine.run(Promise.all(batch));
    }
  }

  async #writeOne(store: LoggedStore): Promise<void> {
    try {
      const index = await store.write(commandOf('logged', this.begun));
      this.acknowledged = Math.max(this.acknowledged, index);
      this.onAcknowledged(index);
    } catch (error) {
      if (!this.machine.fs.crashed) throw error;
    }
  }

  /** Starts after a crash and checks what is there: nothing acknowledged is lost, nothing is there that was not begun. */
  async check(): Promise<LoggedStore> {
    const store = await this.open();
    const { last, db } = store;
    mustBe('acknowledged', this.acknowledged <= last || [this.acknowledged, last], true);
    mustBe('begun', last <= this.begun || [last, this.begun], true);
    for (const ago of [0, 1, 3, 30]) {
      const sequence = Math.max(0, last - ago);
      const expected = linesAfter('logged', sequence);
      mustBe(`all as of ${sequence}`, drain(db.iterator({ sequence })), expected);
    }
    this.begun = last;
    this.acknowledged = last;
    return store;
  }
}

async function playUntil(mutation: number, runSeed: string): Promise<Life> {
  const life = new Life(runSeed);
  life.machine.fs.crashAtMutation(mutation);
  try {
    const store = await life.open();
    await life.write(store, COMMANDS);
    await life.machine.run(store.close());
  } catch (error) {
    if (!life.machine.fs.crashed) throw error;
  }
  return life;
}

describe('a log and a database together', () => {
  it('lose nothing acknowledged in a power loss at operation k, for every k, nor in a second one (I1 to I5, I9)', async () => {
    const healthy = await playUntil(Number.POSITIVE_INFINITY, 'healthy');
    const total = healthy.machine.fs.mutationCount;
    expect([healthy.acknowledged, healthy.failure]).toEqual([COMMANDS, null]);
    expect(total).toBeGreaterThan(150);
    const random = new SimRandom(`${seed}/logged`);
    const share = isFull ? 1 : SHARE;
    let unacknowledged = 0;
    for (let k = 1 + random.int(share); k <= total; k += share) {
      const draws = random.fork(`${k}`);
      try {
        const life = await playUntil(k, draws.seed);
        const { machine } = life;
        mustBe('the power failed', machine.fs.crashed, true);
        const before = life.acknowledged;
        machine.crash(drawCrash(draws));
        if (draws.chance(0.4)) {
          machine.fs.crashAtMutation(machine.fs.mutationCount + 1 + draws.int(20));
          await life.open().catch(() => null);
          machine.crash(drawCrash(draws));
        }
        const store = await life.check();
        if (life.acknowledged > before) unacknowledged++;
        await life.write(store, life.begun + 20);
        await machine.run(store.close());
        checkFiles(machine.fs, '/data/db');
        const again = await life.check();
        await machine.run(again.close());
      } catch (error) {
        const replay = replayOf('a log and a database together');
        throw new Error(`crash at mutation ${k}; replay: ${replay}`, { cause: error });
      }
    }
    // What was begun and not acknowledged is sometimes there.
    if (isFull) expect(unacknowledged).toBeGreaterThan(0);
  });

  it('lose nothing acknowledged in any crash state of what they did (op-log replay)', async () => {
    const life = new Life('recorded');
    const recording = life.machine.fs.record();
    const told: { position: number; index: number }[] = [];
    life.onAcknowledged = (index) => told.push({ position: recording.length, index });
    const store = await life.open();
    await life.write(store, COMMANDS);
    await life.machine.run(store.close());
    const random = new SimRandom(`${seed}/logged states`);
    const share = isFull ? 2 : STATES_SHARE;
    const first = random.int(share);
    let states = 0;
    let at = 0;
    for (const { position, label, disk } of recording.crashStates()) {
      if (at++ % share !== first) continue;
      const after = new Life('after');
      after.machine.fs = disk(after.machine.scheduler.clock());
      after.acknowledged = told.findLast((note) => note.position <= position)?.index ?? 0;
      after.begun = COMMANDS;
      try {
        const again = await after.check();
        await after.machine.run(again.close());
      } catch (error) {
        const replay = replayOf('in any crash state');
        throw new Error(`${label}; replay: ${replay}`, { cause: error });
      }
      states++;
    }
    console.log(`seed ${seed}: ${states} crash states of ${at}`);
    expect(states).toBeGreaterThan(isFull ? 1000 : 10);
  });
});
