import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { drain, dump, get, Machine, put, tiny } from '../../test/support/databases.js';
import { bytes, text } from '../../test/support/entries.js';
import type { Db } from '../db.js';

const usage = expect.objectContaining({ code: 'SST_USAGE' });

async function rewriteAll(machine: Machine, db: Db, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 20; i++) put(db, db.lastSequence + 1, `key${10 + i}`);
    db.setHistoryFloor(db.lastSequence);
    await machine.flush(db, `H${db.lastSequence}`);
  }
  await machine.run(db.compact());
}

describe('a snapshot', () => {
  it('shows its moment, whatever is written, compacted and however the floor rises', async () => {
    const machine = new Machine(tiny);
    const db = await machine.open();
    await rewriteAll(machine, db, 2);
    const before = dump(db);
    const snapshot = db.snapshot();
    db.delete(db.lastSequence + 1, bytes('key15'));
    await rewriteAll(machine, db, 6);
    expect(db.stats()).toMatchObject({
      historyFloor: snapshot.sequence,
      snapshots: { count: 1, oldest: snapshot.sequence },
    });
    expect(drain(db.iterator({ snapshot }))).toEqual(before);
    expect(drain(db.iterator({ snapshot, reverse: true }))).toEqual([...before].reverse());
    const found = db.getSync(bytes('key15'), snapshot);
    expect(`key15=${text(found!.value)}#${found!.sequence}`).toBe(before[5]);
    expect(await machine.run(Promise.resolve(db.look(bytes('key15'), { snapshot })))).toEqual(
      found,
    );
    // The same sequence as a number is refused: it lies below the floor.
    expect(() => get(db, 'key15', snapshot.sequence)).toThrow(usage);
  });

  it('lets compaction go on when it is released', async () => {
    const machine = new Machine(tiny);
    const db = await machine.open();
    await rewriteAll(machine, db, 1);
    const first = db.snapshot();
    await rewriteAll(machine, db, 1);
    const second = db.snapshot();
    await rewriteAll(machine, db, 3);
    const entries = (): number => db.stats().levels.reduce((sum, level) => sum + level.entries, 0);
    const held = entries();
    first.release();
    first.release();
    expect(db.stats().snapshots).toEqual({ count: 1, oldest: second.sequence });
    second[Symbol.dispose]();
    expect([first.isReleased, second.isReleased]).toEqual([true, true]);
    await rewriteAll(machine, db, 1);
    await machine.run(db.compactRange({}));
    expect([held > entries(), entries()]).toEqual([true, 20]);
    expect(machine.logger.of('sst.snapshot.leaked')).toEqual([]);
  });

  it('is refused when it was released, and by another database', async () => {
    const machine = new Machine();
    const db = await machine.open();
    const other = await machine.open({ dir: '/data/other' });
    const snapshot = db.snapshot();
    expect(() => other.getSync(bytes('a'), snapshot)).toThrow(usage);
    snapshot.release();
    expect(() => db.getSync(bytes('a'), snapshot)).toThrow(usage);
    expect(() => db.iterator({ snapshot })).toThrow(usage);
    expect(() => db.look(bytes('a'), { snapshot })).toThrow(usage);
    await machine.run(db.close());
    expect(() => db.snapshot()).toThrow(expect.objectContaining({ code: 'SST_CLOSED' }));
  });

  it('is told as a leak when it is still there at close', async () => {
    const machine = new Machine();
    const db = await machine.open();
    put(db, 7, 'a');
    const kept = db.snapshot();
    await machine.run(db.close());
    expect(machine.logger.of('sst.snapshot.leaked')).toMatchObject([
      { level: 'warn', fields: { sequence: 7, found: 'closed' } },
    ]);
    kept.release();
  });

  it('is released and told as a leak when it is collected', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const machine = new Machine();
    const db = await machine.open();
    put(db, 7, 'a');
    // In a function of its own: nothing on the stack keeps it.
    (() => db.snapshot())();
    for (let turns = 0; db.stats().snapshots.count > 0 && turns < 1000; turns++) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(db.stats().snapshots).toEqual({ count: 0, oldest: null });
    expect(machine.logger.of('sst.snapshot.leaked')).toMatchObject([
      { level: 'warn', fields: { sequence: 7, found: 'collected' } },
    ]);
  });
});
