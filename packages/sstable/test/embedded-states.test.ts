import { SimRandom } from '@dougdb/ports/sim';
import type { EmbeddedDb } from '../src/embedded/embedded-db.js';
import { WriteBatch } from '../src/index.js';
import { checkFiles, mustBe } from './support/check-store.js';
import { commandOf, linesAfter, type Write } from './support/commands.js';
import { drain } from './support/databases.js';
import { EMBEDDED_DIR, EmbeddedMachine } from './support/embedded.js';
import { bytes } from './support/entries.js';
import { isFull, replayOf, seed, TIMEOUT_MS } from './support/share.js';

// Thousands of starts from crash states: on a busy machine they take their time.
jest.setTimeout(TIMEOUT_MS);

const OPTIONS = {
  memtableBytes: 900,
  level0Tables: 2,
  blockBytes: 100,
  tableBytes: 700,
  level1Bytes: 2000,
};
const COMMANDS = 70;
const SHARE = isFull ? 4 : 150;
const DRAWN = 3;

function batchOf(command: readonly Write[]): WriteBatch {
  const batch = new WriteBatch();
  for (const { key, value } of command) {
    if (value === null) batch.delete(bytes(key));
    else batch.put(bytes(key), bytes(value));
  }
  return batch;
}

interface Note {
  readonly position: number;
  readonly command: number;
}

/** Writes commands, every third of them synced, with a flush, a compaction and a reopen on the way. */
async function recorded() {
  const machine = new EmbeddedMachine(OPTIONS, 0.3);
  const recording = machine.fs.record();
  /** What was synced, and what was begun, when so much had happened. */
  const synced: Note[] = [];
  const begun: Note[] = [];
  let db: EmbeddedDb = await machine.open();
  for (let command = 1; command <= COMMANDS; command++) {
    begun.push({ position: recording.length, command });
    const sync = command % 3 === 0;
    const writing = db.write(batchOf(commandOf('embedded', command)), { sync }).then(() => {
      if (sync) synced.push({ position: recording.length, command });
    });
    if (command % 2 === 0) await machine.run(writing);
    else await machine.settle(0.1);
    if (command === 25) await machine.run(db.flush());
    if (command === 40) await machine.run(db.compact());
    if (command === 50) {
      await machine.run(db.close());
      synced.push({ position: recording.length, command });
      db = await machine.open();
    }
  }
  await machine.run(db.close());
  synced.push({ position: recording.length, command: COMMANDS });
  return { recording, synced, begun };
}

function at(notes: readonly Note[], position: number): number {
  return notes.findLast((note) => note.position <= position)?.command ?? 0;
}

async function opened(machine: EmbeddedMachine): Promise<{ db: EmbeddedDb; lines: string[] }> {
  const db = await machine.open();
  return { db, lines: drain(db.iterator()) };
}

describe('op-log replay: an embedded database started from a crash state', () => {
  it('holds a prefix of the writes, no shorter than what was synced, and the same after another crash', async () => {
    const { recording, synced, begun } = await recorded();
    const random = new SimRandom(`${seed}/embedded`);
    const prefixes = Array.from({ length: COMMANDS + 1 }, (_, count) =>
      linesAfter('embedded', count).join(),
    );
    const first = random.int(SHARE);
    let states = 0;
    let count = 0;
    const drawn = { count: DRAWN, random };
    for (const { position, label, disk } of recording.crashStates({ drawn })) {
      if (count++ % SHARE !== first) continue;
      try {
        const machine = new EmbeddedMachine(OPTIONS);
        machine.fs = disk(machine.scheduler.clock());
        if (random.chance(0.3)) {
          machine.fs.crashAtMutation(1 + random.int(25));
          await machine.open().catch(() => null);
          machine.crash(random.pick([0, 50, 100]));
        }
        const { lines } = await opened(machine);
        const shown = lines.join();
        const [least, most] = [at(synced, position), at(begun, position)];
        const possible = prefixes.slice(least, most + 1);
        mustBe(`a prefix of ${least} to ${most} writes`, possible.includes(shown) || lines, true);
        // What a start has shown stays.
        machine.crash(0);
        const again = await opened(machine);
        mustBe('the same after a power loss', again.lines, lines);
        await machine.run(again.db.write(new WriteBatch().put(bytes('new'), bytes('1'))));
        await machine.run(again.db.flush());
        await machine.run(again.db.compact());
        await machine.run(again.db.close());
        checkFiles(machine.fs, EMBEDDED_DIR);
      } catch (error) {
        throw new Error(`${label}; replay: ${replayOf('an embedded database')}`, { cause: error });
      }
      states++;
    }
    console.log(`seed ${seed}: ${states} crash states of ${count}`);
    expect(states).toBeGreaterThan(isFull ? 1000 : 10);
  });
});
