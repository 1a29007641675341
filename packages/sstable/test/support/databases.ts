import type { Clock, FileSystem } from '@dougdb/ports';
import {
  type CrashOptions,
  type RecordingLogger,
  recordingLogger,
  type SimClock,
  SimFs,
  type SimJob,
  SimRandom,
  SimScheduler,
  SimWorkers,
} from '@dougdb/ports/sim';
import { BlockCache } from '../../src/block-cache.js';
import type { DbIterator, DbOptions, Found, SstError } from '../../src/contract.js';
import { Db } from '../../src/db.js';
import { threadJobs } from '../../src/jobs/thread-jobs.js';
import { JobScheduler } from '../../src/scheduling/job-scheduler.js';
import { bytes, text } from './entries.js';

export interface Reported {
  readonly severity: 'retried' | 'stopped' | 'fatal';
  readonly error: SstError;
}

/** A simulated machine with one database directory. */
export class Machine {
  readonly scheduler = new SimScheduler();
  fs: SimFs;
  readonly random = new SimRandom(7);
  readonly logger: RecordingLogger = recordingLogger();
  /** Host states that onInstalled told, since the machine was made. */
  readonly installed: string[] = [];
  readonly errors: Reported[] = [];
  readonly options: Partial<DbOptions>;
  readonly #processes: SimProcess[] = [];
  /** Where flushes and compactions of processes that start from now on run; threads die with their process. */
  jobs: 'on the loop' | 'in threads' = 'on the loop';

  /**
   * @param syncDelayMs 0: a sync takes a turn of the loop, no time
   * @param seed of what power losses leave
   */
  constructor(options: Partial<DbOptions> = {}, syncDelayMs = 0, seed: number | string = 1) {
    this.options = options;
    const clock = this.scheduler.clock();
    this.fs = new SimFs({ clock, syncDelayMs, ioDelayMs: 0, random: new SimRandom(seed) });
  }

  /** Opens a database in a process of its own: crash() and kill() end it. */
  open(options: Partial<DbOptions> = {}): Promise<Db> {
    return this.run(
      Db.open({
        ...this.process(),
        random: this.random,
        dir: '/data/db',
        quarantineDir: '/data/quarantine',
        identity: bytes('cluster/1/2'),
        cache: new BlockCache(100_000),
        logger: this.logger,
        onInstalled: (state) => this.installed.push(text(state)),
        onBackgroundError: (severity, error) => this.errors.push({ severity, error }),
        ...this.options,
        ...options,
      }),
    );
  }

  /** What a process that starts now has of the world, until crash() or kill(). */
  process(): { readonly fs: FileSystem; readonly clock: Clock; readonly scheduler?: JobScheduler } {
    const process = { clock: this.scheduler.clock(), isDead: false };
    this.#processes.push(process);
    const fs = fsOf(process, this.fs);
    const { clock } = process;
    if (this.jobs === 'on the loop') return { fs, clock };
    return { fs, clock, scheduler: threadsOf(fs, clock) };
  }

  /** The power fails: all processes end, what was not synced may be lost. */
  crash(keep: number | CrashOptions): void {
    this.#endProcesses();
    this.fs.crash(typeof keep === 'number' ? { keepUnsyncedPercent: keep } : keep);
  }

  /** All processes end, the machine goes on. */
  kill(): void {
    this.#endProcesses();
    this.fs.kill();
  }

  #endProcesses(): void {
    for (const process of this.#processes) {
      process.isDead = true;
      process.clock.close();
    }
    this.#processes.length = 0;
  }

  /** Lets virtual time pass until the promise settles. */
  run<T>(promise: Promise<T>): Promise<T> {
    return this.scheduler.runWhilePending(promise);
  }

  /** A scheduler whose jobs run as in threads: each in one go, on this machine's disk. */
  threads(): JobScheduler {
    return threadsOf(this.fs, this.scheduler.clock());
  }

  /** Freezes and waits for the install. */
  async flush(db: Db, state: string): Promise<void> {
    db.freeze(bytes(state));
    await this.run(db.flushed());
  }

  /** Lets everything happen that is due, timers of the next `ms` too. */
  settle(ms = 0): Promise<void> {
    return this.scheduler.advance(ms);
  }

  /** Names in the database's directory. */
  names(): string[] {
    return this.fs.list('/data/db');
  }
}

function threadsOf(fs: FileSystem, clock: Clock): JobScheduler {
  const jobs = threadJobs(fs, () => clock.monotonicMs());
  const workers = new SimWorkers(jobs as unknown as Record<string, SimJob>, { clock });
  return new JobScheduler({ workers });
}

interface SimProcess {
  readonly clock: SimClock;
  isDead: boolean;
}

/** The disk as one process sees it: after its death, what is left of its promises must not touch files. */
function fsOf(process: SimProcess, fs: SimFs): FileSystem {
  return new Proxy<FileSystem>(fs, {
    get(target, name: keyof FileSystem) {
      if (process.isDead) throw Object.assign(new Error('the process is dead'), { code: 'EIO' });
      return target[name].bind(target);
    },
  });
}

/** Tiny sizes: flushes and compactions all the time. */
export const tiny: Partial<DbOptions> = {
  memtableBytes: 600,
  blockBytes: 64,
  tableBytes: 400,
  level0Tables: 2,
  level1Bytes: 800,
};

export function put(db: Db, sequence: number, key: string, value = `${key}@${sequence}`): void {
  db.put(sequence, bytes(key), bytes(value));
}

export function get(db: Db, key: string, atMost?: number): string | null {
  const found = db.get(bytes(key), atMost);
  if (found instanceof Promise) throw new TypeError('get is synchronous');
  return found === null ? null : shown(found);
}

/** A version with a mark ends in an asterisk. */
export function shown(found: Found): string {
  return `${text(found.value)}#${found.sequence}${found.marked ? '*' : ''}`;
}

/** What an iterator stands at, as `key=value#sequence`. */
export function here(iterator: DbIterator): string {
  const mark = iterator.marked() ? '*' : '';
  return `${text(iterator.key())}=${text(iterator.value())}#${iterator.sequence()}${mark}`;
}

/** All that an iterator shows, as `key=value#sequence`; closes it. */
export function drain(iterator: DbIterator): string[] {
  const list: string[] = [];
  while (iterator.next()) list.push(here(iterator));
  iterator.close();
  return list;
}

export function dump(db: Db): string[] {
  return drain(db.iterator({}));
}
