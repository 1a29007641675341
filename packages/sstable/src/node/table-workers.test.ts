import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { dump, put } from '../../test/support/databases.js';
import { bytes } from '../../test/support/entries.js';
import { BlockCache } from '../block-cache.js';
import type { DbOptions } from '../contract.js';
import { Db } from '../db.js';
import { JobScheduler } from '../scheduling/job-scheduler.js';
import { verifyDb } from './index.js';
import { TableWorkers } from './table-workers.js';

/** Threads run the compiled module: they cannot load this source. */
const jobs = pathToFileURL(join(__dirname, '../../dist/node/table-jobs.js'));
const dyingJobs = pathToFileURL(join(__dirname, '../../test/fixtures/dying-jobs.mjs'));

const small = { memtableBytes: 20_000, tableBytes: 8000, level0Tables: 2, level1Bytes: 20_000 };

describe('TableWorkers', () => {
  let root: string;
  let workers: TableWorkers;
  const errors: string[] = [];

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'sst-threads-'));
    errors.length = 0;
  });

  afterEach(async () => {
    await workers.close();
    rmSync(root, { recursive: true, force: true });
  });

  const open = (options: Partial<DbOptions> = {}): Promise<Db> =>
    Db.open({
      fs: new NodeFs(),
      clock: new NodeClock(),
      random: new NodeRandom(),
      dir: join(root, 'db'),
      quarantineDir: join(root, 'quarantine'),
      identity: bytes('threads'),
      cache: new BlockCache(100_000),
      onBackgroundError: (severity, { code }) => errors.push(`${severity} ${code}`),
      ...small,
      ...options,
    });

  /** Writes keys again and again, with a freeze whenever one is wanted. */
  async function fill(db: Db, count: number): Promise<void> {
    for (let i = 1; i <= count; i++) {
      put(db, i, `key${(i * 7919) % 500}`, `${'x'.repeat(100)}${i}`);
      if (!db.wantsFreeze) continue;
      db.freeze(bytes(`H${i}`));
      if (db.stalled) await db.flushed();
    }
    db.freeze(bytes('end'));
    await db.flushed();
    await db.compact();
  }

  it.each([1, 2] as const)('flush, compact and check in %d threads', async (threads) => {
    expect(existsSync(jobs)).toBe(true); // npx tsc -b packages/sstable
    workers = new TableWorkers({ jobs, threads });
    const scheduler = new JobScheduler({ workers });
    const db = await open({ scheduler });
    await fill(db, 3000);
    expect(db.stats().compactions).toBeGreaterThan(1);
    expect(db.stats().flushes).toBeGreaterThan(5);
    await db.verifyChecksums();
    const before = dump(db);
    expect(before).toHaveLength(500);
    expect(scheduler.stats().hasThreads).toBe(true);
    await db.close();
    expect(verifyDb(new NodeFs(), join(root, 'db'))).toMatchObject({
      problems: [],
      unreferenced: [],
    });
    const again = await open();
    expect(dump(again)).toEqual(before);
    await again.close();
    expect(errors).toEqual([]);
  });

  it('begin again with a new thread when one dies, without what it left', async () => {
    workers = new TableWorkers({ jobs: dyingJobs });
    const db = await open({ scheduler: new JobScheduler({ workers }) });
    for (const i of [1, 2, 3]) {
      put(db, i, `key${i}`);
      db.freeze(bytes(`H${i}`));
      await db.flushed();
    }
    expect(errors).toEqual(['retried SST_IO']);
    expect(dump(db)).toHaveLength(3);
    const tables = readdirSync(join(root, 'db')).filter((name) => name.endsWith('.sst'));
    expect(tables).toHaveLength(db.stats().levels.reduce((sum, level) => sum + level.tables, 0));
    await db.close();
  });

  it('are done without where their module is missing', async () => {
    workers = new TableWorkers({ jobs: pathToFileURL(join(root, 'none.js')) });
    const scheduler = new JobScheduler({ workers });
    const db = await open({ scheduler });
    await fill(db, 500);
    expect([scheduler.stats().hasThreads, errors]).toEqual([false, []]);
    expect(dump(db)).toHaveLength(500);
    await db.close();
  });

  it('sleep where they write too fast, and are woken when the database closes', async () => {
    workers = new TableWorkers({ jobs });
    const scheduler = new JobScheduler({ workers, bytesPerSecond: 2048 });
    const db = await open({ scheduler, memtableBytes: 1 << 24 });
    for (let i = 1; i <= 3000; i++) put(db, i, `key${i}`, 'x'.repeat(100));
    db.freeze(bytes('H'));
    const flushed = expect(db.flushed()).rejects.toMatchObject({ code: 'SST_CLOSED' });
    // At this rate it would take minutes.
    while (scheduler.stats().runningFlushes === 0) await new Promise(setImmediate);
    await db.close();
    await flushed;
    const tables = readdirSync(join(root, 'db')).filter((name) => name.endsWith('.sst'));
    expect(tables).toEqual([]);
  });
});
