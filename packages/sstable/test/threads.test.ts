import type { Workers } from '@dougdb/ports';
import type { Db } from '../src/db.js';
import type { JobInput, JobOutput } from '../src/jobs/job-message.js';
import { JobSwitch } from '../src/jobs/job-switch.js';
import type { CompactionSpec, FlushSpec } from '../src/jobs/table-jobs.js';
import { threadJobs } from '../src/jobs/thread-jobs.js';
import { tableName } from '../src/manifest/file-names.js';
import { JobScheduler } from '../src/scheduling/job-scheduler.js';
import { findOrderDamage } from './support/check-levels.js';
import { dump, get, Machine, put, tiny } from './support/databases.js';
import { bytes } from './support/entries.js';
import { checkAfterCrash, Script, scriptOptions } from './support/script.js';

// Loops over hundreds of crashes: on a busy machine they take their time.
jest.setTimeout(120_000);

/** Threads that do with each job what the test says. */
class TestWorkers implements Workers {
  readonly jobs: string[] = [];
  readonly #onJob: (job: string, input: JobInput<FlushSpec>) => Promise<JobOutput>;

  constructor(onJob: (job: string, input: JobInput<FlushSpec>) => Promise<JobOutput>) {
    this.#onJob = onJob;
  }

  async run<I, O>(job: string, input: I): Promise<O> {
    this.jobs.push(job);
    return (await this.#onJob(job, input as JobInput<FlushSpec>)) as O;
  }

  async close(): Promise<void> {}
}

const died = (): Error => Object.assign(new Error('planted'), { code: 'PORTS_WORKER_DIED' });

/** Begins a table and is gone: nobody cleans up. */
function dieHalfway(machine: Machine, { spec }: JobInput<FlushSpec>): never {
  const [slot] = spec.slots;
  const file = machine.fs.open(`${spec.dir}/${tableName(slot?.number ?? 0)}`, 'create');
  file.writeSync(bytes('half a table'), 0, 12, 0);
  file.close();
  throw died();
}

const tablesOf = (machine: Machine): string[] =>
  machine.names().filter((name) => name.endsWith('.sst'));

describe('flushes and compactions in threads', () => {
  it('make what they make on the loop', async () => {
    const dumps: string[][] = [];
    for (const isThreaded of [false, true]) {
      const machine = new Machine({ ...tiny, level1Bytes: 500 });
      const db = await machine.open(isThreaded ? { scheduler: machine.threads() } : {});
      for (let i = 1; i <= 300; i++) {
        put(db, i, `key${(i * 7) % 60}`);
        if (i % 5 === 0) db.delete(i, bytes(`gone${i % 20}`));
        db.setHistoryFloor(i - 20);
        if (db.wantsFreeze) await machine.flush(db, `H${i}`);
      }
      await machine.run(db.compact());
      await machine.run(db.verifyChecksums());
      expect(db.stats().compactions).toBeGreaterThan(5);
      dumps.push(dump(db));
      await machine.run(db.close());
      expect(machine.fs.openPaths).toEqual([]);
      expect(findOrderDamage(machine.fs, '/data/db')).toBeNull();
      expect(machine.errors).toEqual([]);
    }
    expect(dumps[1]).toEqual(dumps[0]);
  });

  it('read a memtable where it is, while the next one takes writes', async () => {
    let slabs: readonly SharedArrayBuffer[] = [];
    const machine = new Machine();
    const jobs = threadJobs(machine.fs, () => 0);
    const workers = new TestWorkers(async (_job, input) => {
      slabs = input.spec.memtable.slabs;
      return jobs.flush(structuredClone(input));
    });
    const db = await machine.open({ scheduler: new JobScheduler({ workers }) });
    for (let i = 1; i <= 2000; i++) put(db, i, `key${i % 1500}`);
    db.freeze(bytes('H1'));
    for (let i = 2001; i <= 2100; i++) put(db, i, `key${i % 1500}`);
    await machine.run(db.flushed());
    // All but the first slabs are full.
    expect(slabs.reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeGreaterThan(60_000);
    expect(slabs.every((slab) => slab instanceof SharedArrayBuffer)).toBe(true);
    expect(get(db, 'key1499')).toBe('key1499@1499#1499');
    expect(get(db, 'key501')).toBe('key501@2001#2001');
    expect(dump(db)).toHaveLength(1500);
  });

  it('lose nothing in a power loss, wherever it strikes: INVARIANT(frontier-atomic)', async () => {
    let states = 0;
    for (let k = 1; ; k += 2) {
      const machine = new Machine({ ...scriptOptions });
      Object.assign(machine.options, { scheduler: machine.threads() });
      machine.fs.crashAtMutation(k);
      const script = new Script(machine);
      await script.play();
      if (!machine.fs.crashed) break;
      states++;
      const after = new Machine(scriptOptions);
      after.fs = machine.fs.crashClone({
        keepUnsyncedPercent: (k % 3) * 50,
        clock: after.scheduler.clock(),
      });
      await checkAfterCrash(after, script, k % 5 === 0);
    }
    expect(states).toBeGreaterThan(50);
  });

  it('report errors with their codes: space is waited for, damage names file and offset', async () => {
    const machine = new Machine({ level0Tables: 2 });
    const db = await machine.open({ scheduler: machine.threads() });
    put(db, 1, 'a');
    machine.fs.failNext({ kind: 'write', path: /sst$/ }, 'ENOSPC', 5);
    machine.fs.failNext({ kind: 'datasync', path: /sst$/ }, 'EIO', 2);
    await machine.flush(db, 'H1');
    expect(machine.errors.map(({ severity, error }) => `${severity} ${error.code}`)).toEqual([
      ...Array<string>(5).fill('retried SST_NO_SPACE'),
      ...Array<string>(2).fill('retried SST_IO'),
    ]);
    const [table = ''] = tablesOf(machine);
    machine.fs.corrupt(`/data/db/${table}`, 5, 1);
    put(db, 2, 'a');
    await machine.flush(db, 'H2');
    const damage = { code: 'SST_CORRUPT', file: `/data/db/${table}`, offset: 0 };
    await expect(machine.run(db.compact())).rejects.toMatchObject(damage);
    expect(machine.errors.at(-1)).toMatchObject({ severity: 'stopped', error: damage });
    await expect(machine.run(db.verifyChecksums())).rejects.toMatchObject(damage);
  });
});

describe('a thread that dies', () => {
  it('costs a try: what it left is removed, the next thread does the work', async () => {
    const machine = new Machine();
    const jobs = threadJobs(machine.fs, () => 0);
    let flushes = 0;
    const workers = new TestWorkers(async (_job, input) =>
      ++flushes === 2 ? dieHalfway(machine, input) : jobs.flush(input),
    );
    const db = await machine.open({ scheduler: new JobScheduler({ workers }) });
    put(db, 1, 'a');
    await machine.flush(db, 'H1');
    put(db, 2, 'b');
    await machine.flush(db, 'H2');
    expect(machine.errors.map(({ severity, error }) => `${severity} ${error.code}`)).toEqual([
      'retried SST_IO',
    ]);
    expect([flushes, tablesOf(machine).length, machine.installed]).toEqual([3, 2, ['H1', 'H2']]);
    expect(dump(db)).toEqual(['a=a@1#1', 'b=b@2#2']);
  });

  it('three times in a row stops that database only', async () => {
    const machine = new Machine();
    const jobs = threadJobs(machine.fs, () => 0);
    const workers = new TestWorkers(async (_job, input) =>
      input.spec.dir === '/data/sick' ? dieHalfway(machine, input) : jobs.flush(input),
    );
    const scheduler = new JobScheduler({ workers });
    const [well, sick] = [
      await machine.open({ scheduler }),
      await machine.open({ scheduler, dir: '/data/sick' }),
    ];
    put(well, 1, 'a');
    await machine.flush(well, 'H1');
    put(sick, 1, 'a');
    sick.freeze(bytes('S1'));
    await expect(machine.run(sick.flushed())).rejects.toMatchObject({ code: 'SST_IO' });
    expect(machine.errors.map(({ severity }) => severity)).toEqual([
      'retried',
      'retried',
      'stopped',
    ]);
    expect(machine.fs.list('/data/sick').filter((name) => name.endsWith('.sst'))).toEqual([]);
    expect(get(sick, 'a')).toBe('a@1#1');
    put(well, 2, 'b');
    await machine.flush(well, 'H2');
    expect(machine.installed).toEqual(['H1', 'H2']);
  });

  it('the first time is no thread at all: the work is done on the loop', async () => {
    const machine = new Machine();
    const workers = new TestWorkers(async (_job, input) => dieHalfway(machine, input));
    const db = await machine.open({ scheduler: new JobScheduler({ workers }) });
    for (let i = 1; i <= 3; i++) {
      put(db, i, 'a');
      await machine.flush(db, `H${i}`);
    }
    expect([workers.jobs.length, machine.errors.length, tablesOf(machine).length]).toEqual([
      1, 1, 3,
    ]);
  });
});

describe('threads that cannot be had', () => {
  it.each(['ERR_MODULE_NOT_FOUND', 'PORTS_UNKNOWN_JOB', 'PORTS_WORKERS_CLOSED'])(
    '(%s) leave the work to the loop, said once',
    async (code) => {
      const machine = new Machine();
      const workers = new TestWorkers(() =>
        Promise.reject(Object.assign(new Error('planted'), { code })),
      );
      const scheduler = new JobScheduler({ workers });
      const db = await machine.open({ scheduler });
      expect(scheduler.stats().hasThreads).toBe(true);
      for (let i = 1; i <= 3; i++) {
        put(db, i, 'a');
        await machine.flush(db, `H${i}`);
      }
      expect([workers.jobs.length, machine.errors, machine.installed.length]).toEqual([1, [], 3]);
      const lines = machine.logger.lines.filter(({ event }) => event === 'sst.threads.unusable');
      expect(lines).toMatchObject([{ level: 'warn', fields: { code } }]);
      expect(scheduler.stats().hasThreads).toBe(false);
    },
  );
});

describe('closing a database while a thread works for it', () => {
  it('ends the job, waits for it, and leaves nothing of it', async () => {
    const machine = new Machine({ level0Tables: 2 });
    const jobs = threadJobs(machine.fs, () => 0);
    let end = (): void => undefined;
    let cancelled: (() => boolean) | null = null;
    const workers = new TestWorkers(async (job, input) => {
      if (job === 'flush') return jobs.flush(input);
      cancelled = () => new JobSwitch(input.control).isCancelled;
      await new Promise<void>((resolve) => {
        end = resolve;
      });
      return jobs.compact(input as unknown as JobInput<CompactionSpec>);
    });
    const db = await machine.open({ scheduler: new JobScheduler({ workers }) });
    for (const i of [1, 2]) {
      put(db, i, 'a');
      await machine.flush(db, `H${i}`);
    }
    await machine.settle(1);
    expect(workers.jobs).toEqual(['flush', 'flush', 'compact']);
    let isClosed = false;
    const closing = db.close().then(() => {
      isClosed = true;
    });
    await machine.settle(10);
    expect([isClosed, (cancelled as (() => boolean) | null)?.()]).toEqual([false, true]);
    end();
    await machine.run(closing);
    expect([tablesOf(machine).length, machine.fs.openPaths, machine.errors]).toEqual([2, [], []]);
    machine.fs.removeTree('/data/db');
    await machine.settle(10_000);
    expect(machine.fs.stat('/data/db')).toBeNull();
  });

  it('refuses what waits for its turn behind another database', async () => {
    const machine = new Machine();
    const ends: (() => void)[] = [];
    const jobs = threadJobs(machine.fs, () => 0);
    const workers = new TestWorkers(async (_job, input) => {
      await new Promise<void>((resolve) => ends.push(resolve));
      return jobs.flush(input);
    });
    const scheduler = new JobScheduler({ workers, maxFlushes: 1 });
    const [first, second]: Db[] = [
      await machine.open({ scheduler }),
      await machine.open({ scheduler, dir: '/data/second' }),
    ];
    for (const db of [first, second]) {
      put(db as Db, 1, 'a');
      db?.freeze(bytes('H'));
    }
    await machine.settle(1);
    expect(scheduler.stats()).toMatchObject({ runningFlushes: 1, waitingFlushes: 1 });
    const flushed = expect(second?.flushed()).rejects.toMatchObject({ code: 'SST_CLOSED' });
    await machine.run((second as Db).close());
    await flushed;
    for (const end of ends) end();
    await machine.run((first as Db).flushed());
    expect([machine.installed, ends.length]).toEqual([['H'], 1]);
  });
});
