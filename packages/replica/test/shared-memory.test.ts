import { decodeReplicaState } from '@dougdb/replica';
import { MemtableBudget } from '@dougdb/sstable';
import { Alone } from './support/alone.js';
import { put } from './support/commands.js';

const KIB = 1024;

describe('a replica whose node runs out of memory for memtables', () => {
  it('is frozen while it is idle, and compacts nothing that is not durable', async () => {
    const budget = new MemtableBudget(176 * KIB);
    const alone = await Alone.started({ budget });
    for (let i = 0; i < 10; i++) await alone.write(put(`k${i}`, 'x'.repeat(3000)));
    expect(alone.node.db.stats().flushes).toBe(1);
    // Another partition of the node is busy.
    const other = budget.join();
    other.grew(40 * KIB);
    expect(alone.node.db.wantsFreeze).toBe(true);
    await alone.scheduler.advance(50);
    expect([alone.node.db.stats().flushes, alone.node.db.memtableBytes]).toEqual([2, 0]);
    const record = decodeReplicaState(alone.node.db.hostState as Uint8Array);
    expect([record.appliedIndex, record.revision]).toEqual([12, 10]);
    // Once is enough.
    await alone.scheduler.advance(500);
    expect(alone.node.db.stats().flushes).toBe(2);
    await alone.restart();
    expect(await alone.read('k9')).toMatch(/ 10$/);
  });

  it('INVARIANT(frontier-atomic): is not frozen in the middle of an entry, however urgent it is', async () => {
    const budget = new MemtableBudget(80 * KIB);
    // Slices of no length: applying stops after every 16 commands.
    const alone = await Alone.started({ budget, settings: { applySliceMs: 0 } });
    const { node } = alone;
    const other = budget.join();
    const answers = Array.from({ length: 1000 }, (_, i) =>
      node.write(put(`k${i}`, 'x'.repeat(100))),
    );
    let ticksInside = 0;
    const flushed: number[] = [];
    let done = false;
    const all = Promise.all(answers).then(() => {
      done = true;
    });
    while (!done) {
      await alone.scheduler.step();
      if (node.replica.stateHash() !== null) continue;
      other.grew(1);
      node.replica.tick();
      if (node.db.wantsFreeze) ticksInside++;
      const record = decodeReplicaState(node.db.hostState as Uint8Array);
      if (flushed.at(-1) !== record.revision) flushed.push(record.revision);
    }
    await all;
    expect(ticksInside).toBeGreaterThan(10);
    expect(flushed).toEqual([0]);
    await alone.scheduler.advance(50);
    const record = decodeReplicaState(node.db.hostState as Uint8Array);
    expect(record.revision).toBe(1000);
    const hash = node.replica.stateHash()?.hash;
    node.crash();
    await alone.start();
    expect(node.replica.stateHash()?.hash).toBe(hash);
    expect(await alone.read('k999')).toMatch(/ 1000$/);
  });

  it('refuses growth while others fill what waits for flushes, and goes on after them', async () => {
    const budget = new MemtableBudget(80 * KIB);
    const alone = await Alone.started({ budget });
    const other = budget.join();
    other.grew(51 * KIB);
    other.froze();
    expect(await alone.write(put('k', 'v'))).toBe('BUSY NOT_APPLIED');
    expect(await alone.read('k')).toBe('absent');
    other.flushed(51 * KIB);
    expect(await alone.write(put('k', 'v'))).toBe('written 1');
  });
});
