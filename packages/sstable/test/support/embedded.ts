import type { FileSystem } from '@dougdb/ports';
import {
  type RecordingLogger,
  recordingLogger,
  type SimClock,
  SimFs,
  SimRandom,
  SimScheduler,
} from '@dougdb/ports/sim';
import type { DbIterator } from '../../src/contract.js';
import { EmbeddedDb, type EmbeddedOptions } from '../../src/embedded/embedded-db.js';
import { bytes, text } from './entries.js';

export const EMBEDDED_DIR = '/data/db';

interface SimProcess {
  readonly clock: SimClock;
  isDead: boolean;
}

/** A simulated machine with embedded databases. */
export class EmbeddedMachine {
  readonly scheduler = new SimScheduler({ drain: drainMicrotasks });
  fs: SimFs;
  readonly random = new SimRandom(11);
  readonly logger: RecordingLogger = recordingLogger();
  readonly options: Partial<EmbeddedOptions>;
  #processes: SimProcess[] = [];

  constructor(options: Partial<EmbeddedOptions> = {}, syncDelayMs = 0) {
    this.options = options;
    this.fs = new SimFs({ clock: this.scheduler.clock(), syncDelayMs, ioDelayMs: 0 });
  }

  /** Opens in a process of its own: crash() and kill() end it. */
  open(options: Partial<EmbeddedOptions> = {}): Promise<EmbeddedDb> {
    const process = { clock: this.scheduler.clock(), isDead: false };
    this.#processes.push(process);
    return this.run(
      EmbeddedDb.open({
        fs: fsOf(process, this.fs),
        clock: process.clock,
        random: this.random,
        dir: EMBEDDED_DIR,
        logger: this.logger,
        ...this.options,
        ...options,
      }),
    );
  }

  /** The power fails. */
  crash(keepUnsyncedPercent: number): void {
    this.#endProcesses();
    this.fs.crash({ keepUnsyncedPercent, garbage: true });
  }

  /** All processes end, the machine goes on. */
  kill(): void {
    this.#endProcesses();
    this.fs.kill();
  }

  /** A machine on the disk as it would be after a power loss now. */
  afterCrash(keepUnsyncedPercent: number): EmbeddedMachine {
    const machine = new EmbeddedMachine(this.options);
    const clock = machine.scheduler.clock();
    machine.fs = this.fs.crashClone({ keepUnsyncedPercent, clock, garbage: true });
    return machine;
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.scheduler.runWhilePending(promise);
  }

  settle(ms = 0): Promise<void> {
    return this.scheduler.advance(ms);
  }

  names(): string[] {
    return this.fs.list(EMBEDDED_DIR);
  }

  #endProcesses(): void {
    for (const process of this.#processes) {
      process.isDead = true;
      process.clock.close();
    }
    this.#processes = [];
  }
}

/** All that is there, as `key=value`. */
export function contentsOf(db: { iterator(): DbIterator }): string[] {
  const iterator = db.iterator();
  const list: string[] = [];
  while (iterator.next()) list.push(`${text(iterator.key())}=${text(iterator.value())}`);
  iterator.close();
  return list;
}

export function putText(db: EmbeddedDb, key: string, value: string, sync = false): Promise<void> {
  return db.put(bytes(key), bytes(value), { sync });
}

function fsOf(process: SimProcess, fs: SimFs): FileSystem {
  return new Proxy<FileSystem>(fs, {
    get(target, name: keyof FileSystem) {
      if (process.isDead) throw Object.assign(new Error('the process is dead'), { code: 'EIO' });
      return target[name].bind(target);
    },
  });
}

/** Enough for the awaits between two operations of the disk. */
async function drainMicrotasks(): Promise<void> {
  for (let hop = 0; hop < 24; hop++) await Promise.resolve();
}
