import { silentLogger } from '@dougdb/ports';
import { SimFs, SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { BlockCache, Db } from '@dougdb/sstable';
import { bytesOf, textOf } from '../../test/support/commands.js';
import { putStored } from '../format/stored-value.js';
import { ExpiryQueue } from './expiry-queue.js';
import { ExpiryRefill } from './expiry-refill.js';

interface Rig {
  readonly scheduler: SimScheduler;
  readonly db: Db;
}

async function rig(): Promise<Rig> {
  const scheduler = new SimScheduler();
  const clock = scheduler.clock();
  const opening = Db.open({
    ...{ fs: new SimFs({ clock }), clock, random: new SimRandom(1), logger: silentLogger },
    ...{ dir: '/db', quarantineDir: '/q', identity: Uint8Array.of(1), memtableBytes: 4096 },
    cache: new BlockCache(1 << 20),
  });
  return { scheduler, db: await scheduler.runWhilePending(opening) };
}

const put = (db: Db, revision: number, key: string, expiresAt: number): void =>
  putStored(db, revision, bytesOf(key), bytesOf('v'), expiresAt);

/** A clock that moves by a millisecond with each look. */
function hurried(): { monotonicMs(): number } {
  let nowMs = 0;
  return { monotonicMs: () => nowMs++ };
}

const listOf = (queue: ExpiryQueue): string[] =>
  queue
    .due(Number.MAX_SAFE_INTEGER, 10_000, 1 << 20)
    .map(({ key, revision, expiresAt }) => `${textOf(key)}@${revision} ${expiresAt}`);

describe('reading the keys that have a time', () => {
  it('finds each as it was written last, wherever it lies and whatever was forgotten', async () => {
    const { scheduler, db } = await rig();
    put(db, 1, 'old', 100);
    put(db, 2, 'twice', 200);
    put(db, 3, 'plain', 0);
    put(db, 4, 'kept', 300);
    put(db, 5, 'gone', 400);
    db.freeze(bytesOf('1'));
    put(db, 6, 'twice', 250);
    put(db, 7, 'kept', 0);
    db.delete(8, bytesOf('gone'));
    db.setHistoryFloor(8);
    await scheduler.runWhilePending(db.flushed());
    await scheduler.runWhilePending(db.compact());
    put(db, 9, 'plain', 500);
    const queue = new ExpiryQueue();
    const refill = new ExpiryRefill(db, 1, queue);
    expect(refill.slice(scheduler.clock(), 1000)).toBe(true);
    refill.close();
    expect(listOf(queue)).toEqual(['old@1 100', 'twice@6 250', 'plain@9 500']);
    await scheduler.runWhilePending(db.close());
  });

  it('stops between two keys when its time is over, deletions or not, and goes on there', async () => {
    const { scheduler, db } = await rig();
    const key = (i: number): string => `key${String(i).padStart(5, '0')}`;
    for (let i = 0; i < 1000; i++) put(db, i + 1, key(i), 10 + i);
    for (let i = 0; i < 990; i++) db.delete(1001 + i, bytesOf(key(i)));
    const queue = new ExpiryQueue();
    const refill = new ExpiryRefill(db, 1, queue);
    let slices = 1;
    const clock = hurried() as never;
    while (!refill.slice(clock, 1)) slices++;
    refill.close();
    expect([slices > 5, queue.size]).toEqual([true, 10]);
    await scheduler.runWhilePending(db.close());
  });

  it('does not take back what was written meanwhile', async () => {
    const { scheduler, db } = await rig();
    put(db, 1, 'a', 100);
    const queue = new ExpiryQueue();
    const refill = new ExpiryRefill(db, 1, queue);
    put(db, 2, 'a', 900);
    queue.add(bytesOf('a'), 2, 900);
    expect(refill.slice(scheduler.clock(), 1000)).toBe(true);
    refill.close();
    expect(listOf(queue)).toEqual(['a@2 900']);
    await scheduler.runWhilePending(db.close());
  });
});
