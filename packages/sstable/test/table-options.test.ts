import type { DbOptions } from '../src/contract.js';
import { dumpManifest, verifyDb } from '../src/node/index.js';
import { decodeFooter, FOOTER_BYTES } from '../src/table/format.js';
import { drain, dump, Machine, put } from './support/databases.js';

/** Levels that hold tables whose footers have a property, and those that hold others. */
function levelsWhere(
  machine: Machine,
  holds: (footer: ReturnType<typeof decodeFooter>) => boolean,
): { yes: number[]; no: number[] } {
  const { fs } = machine;
  const { manifest } = verifyDb(fs, '/data/db');
  const yes = new Set<number>();
  const no = new Set<number>();
  for (const { level, table } of dumpManifest(fs, '/data/db', manifest ?? 0).files) {
    const bytes = fs.contents(`/data/db/${String(table.number).padStart(6, '0')}.sst`);
    const footer = decodeFooter(bytes.subarray(-FOOTER_BYTES), 0, '');
    (holds(footer) ? yes : no).add(level);
  }
  return { yes: [...yes].sort(), no: [...no].sort() };
}

const small: Partial<DbOptions> = {
  blockBytes: 300,
  tableBytes: 2000,
  level0Tables: 2,
  level1Bytes: 1500,
};

async function write(machine: Machine, options: Partial<DbOptions>, rounds: readonly number[]) {
  const db = await machine.open(options);
  db.setHistoryFloor(1e9);
  for (const round of rounds) {
    for (let i = 1; i <= 60; i++) {
      put(db, round * 100 + i, `key${100 + ((i * 7 + round) % 97)}`, `value ${i} `.repeat(6));
    }
    await machine.flush(db, `H${round}`);
    await machine.run(db.compact());
  }
  put(db, 90_000, 'last', 'of level 0');
  await machine.flush(db, 'H');
  const shown = dump(db);
  expect(drain(db.iterator({ reverse: true }))).toEqual([...shown].reverse());
  await machine.run(db.verifyChecksums());
  await machine.run(db.close());
  return shown;
}

describe('the options of tables', () => {
  it('compress level 2 and deeper, where they are asked to, and nothing above', async () => {
    const [plain, packed] = [new Machine(small), new Machine(small)];
    const shown = await write(plain, {}, [0, 1, 2, 3]);
    expect(await write(packed, { compression: 'deflate-raw' }, [0, 1, 2, 3])).toEqual(shown);
    expect(levelsWhere(plain, ({ isCompressed }) => isCompressed).yes).toEqual([]);
    const { yes, no } = levelsWhere(packed, ({ isCompressed }) => isCompressed);
    expect(Math.min(...yes)).toBeGreaterThanOrEqual(2);
    // What only changes its level stays as it is, so deep ones may be here, too.
    expect(no).toContain(0);
    expect(verifyDb(packed.fs, '/data/db').bytes).toBeLessThan(
      0.7 * verifyDb(plain.fs, '/data/db').bytes,
    );
  });

  it('may change from one open to the next: tables that stand are read as they are', async () => {
    const machine = new Machine(small);
    await write(machine, { compression: 'deflate-raw', indexBytes: 100 }, [0, 1, 2]);
    expect(levelsWhere(machine, ({ levels }) => levels === 2).yes.length).toBeGreaterThan(0);
    const db = await machine.open();
    const shown = dump(db);
    await machine.run(db.verifyChecksums());
    await machine.run(db.close());
    const again = await machine.open({ indexBytes: 1 });
    expect(dump(again)).toEqual(shown);
  });

  it.each([[{ compression: 'zip' as never }], [{ indexBytes: 0 }], [{ blockBytes: -1 }]])(
    'are refused where they make no sense: %j',
    async (options) => {
      const machine = new Machine();
      await expect(machine.open(options)).rejects.toMatchObject({ code: 'SST_USAGE' });
      expect(machine.fs.openPaths).toEqual([]);
    },
  );
});
