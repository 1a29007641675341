import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { SimRandom } from '@dougdb/ports/sim';
import { checkFiles, mustBe } from './support/check-store.js';
import { Child } from './support/child.js';
import { ExpectedState } from './support/commands.js';
import { drain } from './support/databases.js';
import { LoggedStore } from './support/logged-store.js';
import { isFull, replayOf, seed, TIMEOUT_MS } from './support/share.js';

// Real processes: on a busy machine they take their time.
jest.setTimeout(TIMEOUT_MS);

const KILLS = Number(process.env.DOUG_STORE_KILLS ?? (isFull ? 200 : 5));
/** Commands that one process acknowledges before it is killed: from, and up to so many more. */
const COMMANDS = 30;
const MORE_COMMANDS = 220;
const HISTORY = 200;

/** Of the oldest history that the last check looked at. */
const expectedState = new ExpectedState(seed);

let dir: string;

beforeAll(() => {
  dir = mkdtempSync(`${tmpdir()}/dougdb-kill-`);
  mkdirSync(`${dir}/ts`);
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

interface Life {
  /** The last command that was acknowledged, over all lives. */
  acknowledged: number;
  /** The last command that may have been begun. */
  pending: number;
}

/** Lets a process write until it has acknowledged so many commands (0: until it opens), and kills it. */
async function liveAndDie(life: Life, commands: number): Promise<void> {
  let left = commands;
  const child = new Child(
    `${__dirname}/fixtures/writing-child.ts`,
    [`${dir}/store`, seed],
    (line, speaker) => {
      const [what, number] = line.split(' ');
      if (what === 'P') life.pending = Math.max(life.pending, Number(number));
      if (what === 'A') {
        life.acknowledged = Math.max(life.acknowledged, Number(number));
        left--;
      }
      if (left <= 0) speaker.kill();
    },
    { cacheDir: `${dir}/ts` },
  );
  const { signal, errors } = await child.ended();
  mustBe('how the process ended', [signal, errors], ['SIGKILL', '']);
}

/** Opens what the process left: all that was acknowledged is there, nothing that was never begun. */
async function check(life: Life): Promise<number> {
  const store = await LoggedStore.open({
    fs: new NodeFs(),
    clock: new NodeClock(),
    random: new NodeRandom(),
    dir: `${dir}/store`,
  });
  const { last, db } = store;
  mustBe('acknowledged, there, begun', isBetween(life.acknowledged, last, life.pending), true);
  const state = expectedState.advanceTo(Math.max(0, last - HISTORY)).copy();
  for (const ago of [HISTORY, 20, 1, 0]) {
    const sequence = Math.max(0, last - ago);
    const expected = state.advanceTo(sequence).lines();
    mustBe(`all as of ${sequence}`, drain(db.iterator({ sequence })), expected);
    const backward = drain(db.iterator({ sequence, reverse: true }));
    mustBe(`all as of ${sequence}, in reverse`, backward, expected.reverse());
  }
  await db.flushed();
  await db.compact();
  await db.verifyChecksums();
  await store.close();
  checkFiles(new NodeFs(), `${dir}/store/db`);
  return last;
}

function isBetween(low: number, value: number, high: number): true | readonly number[] {
  return (low <= value && value <= high) || [low, value, high];
}

describe('a process that writes to a log and a database', () => {
  it(`and is killed with -9, ${KILLS} times, loses nothing that it acknowledged`, async () => {
    const random = new SimRandom(seed);
    const life: Life = { acknowledged: 0, pending: 0 };
    let last = 0;
    for (let kill = 1; kill <= KILLS; kill++) {
      // Some are killed while they recover from the kill before.
      const commands = kill % 5 === 0 ? 0 : COMMANDS + random.int(MORE_COMMANDS);
      try {
        await liveAndDie(life, commands);
        if (kill % 5 !== 0) last = await check(life);
      } catch (error) {
        const replay = `DOUG_STORE_KILLS=${KILLS} ${replayOf('killed with -9')}`;
        throw new Error(`kill ${kill}; replay: ${replay}`, { cause: error });
      }
      // What was there is there from now on, acknowledged or not.
      life.acknowledged = last;
      life.pending = Math.max(life.pending, last);
    }
    console.log(`seed ${seed}: ${KILLS} kills, ${last} commands`);
    expect(last).toBeGreaterThan(KILLS * 20);
  });
});
