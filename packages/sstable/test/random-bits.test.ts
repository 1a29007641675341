import { type SimFs, SimRandom } from '@dougdb/ports/sim';
import { drain, Machine } from './support/databases.js';
import { bytes } from './support/entries.js';
import { isFull, replayOf, seed, TIMEOUT_MS } from './support/share.js';

// Thousands of starts: on a busy machine they take their time.
jest.setTimeout(TIMEOUT_MS);

const FLIPS = Number(process.env.DOUG_STORE_FLIPS ?? (isFull ? 20_000 : 250));
const KEYS = 600;

const options = { memtableBytes: 1e6, blockBytes: 700, tableBytes: 9000, level1Bytes: 12_000 };

/** Some 100 KB in three levels, versions and tombstones among them. */
async function written(): Promise<{ fs: SimFs; shown: string[] }> {
  const machine = new Machine({ ...options, level0Tables: 3 });
  const db = await machine.open();
  const random = new SimRandom('bits');
  for (let sequence = 1; sequence <= 1500; sequence++) {
    const key = bytes(`key${random.int(KEYS)}`);
    if (random.chance(0.1)) db.delete(sequence, key);
    else db.put(sequence, key, random.bytes(20 + random.int(80)));
    if (sequence % 200 === 0) await machine.flush(db, `H${sequence}`);
  }
  await machine.flush(db, 'H1500');
  await machine.run(db.compact());
  // Two tables stay in level 0.
  for (const sequence of [1501, 1502]) {
    db.put(sequence, bytes('key1'), random.bytes(50));
    await machine.flush(db, `H${sequence}`);
  }
  const levels = db.stats().levels.filter(({ tables }) => tables > 0);
  expect(levels.length).toBeGreaterThan(2);
  const shown = drain(db.iterator({}));
  await machine.run(db.close());
  return { fs: machine.fs, shown };
}

/** All bits of the store, by file. */
function bitsOf(fs: SimFs): { files: { path: string; bits: number }[]; total: number } {
  const files = fs
    .list('/data/db')
    .map((name) => `/data/db/${name}`)
    .map((path) => ({ path, bits: fs.contents(path).length * 8 }))
    .filter(({ bits }) => bits > 0);
  return { files, total: files.reduce((sum, { bits }) => sum + bits, 0) };
}

describe('a larger store', () => {
  it(`with one of ${FLIPS} random bits flipped shows what it should, or tells file and offset (I11)`, async () => {
    const { fs, shown } = await written();
    const { files, total } = bitsOf(fs);
    expect(total / 8).toBeGreaterThan(60_000);
    const backwards = [...shown].reverse();
    const random = new SimRandom(`${seed}/bits`);
    const seen = { told: 0, right: 0 };
    for (let flip = 0; flip < FLIPS; flip++) {
      let bit = random.int(total);
      const file = files.find(({ bits }) => {
        if (bit < bits) return true;
        bit -= bits;
        return false;
      }) as { path: string };
      const machine = new Machine({ ...options, level0Tables: 100 });
      machine.fs = fs.crashClone({ keepUnsyncedPercent: 100, clock: machine.scheduler.clock() });
      machine.fs.corrupt(file.path, bit >>> 3, 1 << (bit & 7));
      const where = `bit ${bit} of ${file.path}; replay: ${replayOf('random bits')}`;
      try {
        const db = await machine.open();
        const isReverse = random.chance(0.5);
        const found = drain(db.iterator({ reverse: isReverse }));
        if (found.join() !== (isReverse ? backwards : shown).join()) {
          throw new Error(`a wrong answer, ${where}`);
        }
        await machine.run(db.close());
        seen.right++;
      } catch (error) {
        const { code, file: told, offset } = error as Record<string, unknown>;
        const isTold = code === 'SST_CORRUPT' || code === 'SST_FOREIGN';
        if (!isTold || told !== file.path || typeof offset !== 'number') {
          throw new Error(`not told as damage of the file, ${where}`, { cause: error });
        }
        seen.told++;
      }
    }
    console.log(`seed ${seed}: ${FLIPS} of ${total} bits flipped, ${JSON.stringify(seen)}`);
    // Most bits hold something; the filters are not read by a scan.
    expect(seen.told).toBeGreaterThan(FLIPS * 0.8);
  });
});
