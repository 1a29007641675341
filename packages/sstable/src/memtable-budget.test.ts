import { Machine, put } from '../test/support/databases.js';
import { bytes } from '../test/support/entries.js';
import { MemtableBudget } from './memtable-budget.js';

const KIB = 1024;

describe('MemtableBudget', () => {
  it('asks the largest when what takes writes needs more than three eighths, then the next largest', () => {
    const budget = new MemtableBudget(800);
    const [a, b, c] = [budget.join(), budget.join(), budget.join()];
    a.grew(120);
    b.grew(105);
    c.grew(75);
    expect([a, b, c].map((share) => share.isAsked)).toEqual([false, false, false]);
    c.grew(1);
    expect([a, b, c].map((share) => share.isAsked)).toEqual([true, false, false]);
    // What was asked is on its way; the rest has to fit.
    c.grew(119);
    expect([a, b, c].map((share) => share.isAsked)).toEqual([true, false, false]);
    c.grew(1);
    expect([a, b, c].map((share) => share.isAsked)).toEqual([true, false, true]);
    a.froze();
    expect([a.isAsked, budget.mutableBytes, budget.frozenBytes]).toEqual([false, 301, 120]);
  });

  it('is full while frozen ones need more than five eighths, whatever takes writes', () => {
    const budget = new MemtableBudget(800);
    const [a, b] = [budget.join(), budget.join()];
    a.grew(501);
    expect([a.isAsked, budget.isFull]).toEqual([true, false]);
    a.froze();
    expect(budget.isFull).toBe(true);
    b.grew(500);
    b.froze();
    a.flushed(501);
    expect([budget.isFull, budget.frozenBytes]).toEqual([false, 500]);
  });

  it('forgets a database that will never flush again, and what is told of it later', () => {
    const budget = new MemtableBudget(800);
    const [broken, other] = [budget.join(), budget.join()];
    broken.grew(600);
    broken.froze();
    broken.grew(600);
    broken.leave();
    broken.leave();
    broken.grew(5);
    broken.flushed(600);
    expect([budget.isFull, budget.mutableBytes, budget.frozenBytes]).toEqual([false, 0, 0]);
    other.grew(290);
    expect(other.isAsked).toBe(false);
  });
});

describe('databases with one budget', () => {
  const options = (budget: MemtableBudget) => ({ budget, memtableBytes: 1 << 30 });
  const fill = (db: Parameters<typeof put>[0], from: number, count: number): void => {
    for (let i = from; i < from + count; i++) db.put(i, bytes(`key-${i}`), new Uint8Array(1000));
  };

  it('want a freeze when together they hold too much, the largest first; an idle one keeps nothing', async () => {
    const budget = new MemtableBudget(512 * KIB);
    const machine = new Machine(options(budget));
    const [busy, small, idle] = [
      await machine.open({ dir: '/data/a' }),
      await machine.open({ dir: '/data/b' }),
      await machine.open({ dir: '/data/c' }),
    ];
    put(small, 1, 'a');
    expect(idle.stats().reservedBytes).toBe(0);
    expect(small.stats().reservedBytes).toBeLessThan(20 * KIB);
    fill(busy, 1, 100);
    expect([busy.wantsFreeze, small.wantsFreeze]).toEqual([false, false]);
    fill(busy, 101, 200);
    expect([busy.wantsFreeze, small.wantsFreeze]).toEqual([true, false]);
    busy.freeze(bytes('H'));
    expect([busy.wantsFreeze, budget.isFull, small.stalled]).toEqual([false, true, true]);
    await machine.run(busy.flushed());
    expect([budget.isFull, small.stalled, budget.frozenBytes]).toEqual([false, false, 0]);
    expect(budget.mutableBytes).toBe(small.stats().reservedBytes);
    for (const db of [busy, small, idle]) await machine.run(db.close());
    expect(budget.mutableBytes).toBe(0);
  });

  it('are not held up by one that cannot flush any more', async () => {
    const budget = new MemtableBudget(512 * KIB);
    const machine = new Machine(options(budget));
    const broken = await machine.open({ dir: '/data/a' });
    const other = await machine.open({ dir: '/data/b' });
    machine.fs.failNext({ kind: 'create', path: /\/a\/.*sst/ }, 'EIO', 3);
    fill(broken, 1, 400);
    broken.freeze(bytes('H'));
    fill(broken, 401, 400);
    expect(other.stalled).toBe(true);
    await machine.run(broken.flushed().catch(() => undefined));
    expect(machine.errors.map(({ severity }) => severity)).toEqual([
      'retried',
      'retried',
      'stopped',
    ]);
    expect([other.stalled, budget.mutableBytes, budget.frozenBytes]).toEqual([false, 0, 0]);
    fill(other, 1, 100);
    expect(other.wantsFreeze).toBe(false);
  });

  it('hold less than 64 KiB each when 64 of them have had a few writes', async () => {
    const budget = new MemtableBudget(64 << 20);
    const machine = new Machine(options(budget));
    for (let i = 0; i < 64; i++) {
      const db = await machine.open({ dir: `/data/${i}` });
      for (let at = 1; at <= 20; at++) put(db, at, `key-${at}`);
    }
    expect(budget.mutableBytes / 64).toBeLessThan(64 * KIB);
    expect(budget.mutableBytes / 64).toBe(16 * KIB + KIB);
  });
});
