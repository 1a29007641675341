import { crc32 } from '@dougdb/ports';
import { type CrashOptions, SimFs, SimRandom, SimScheduler } from '@dougdb/ports/sim';
import {
  type RecoveryReport,
  Wal,
  type WalEntry,
  type WalError,
  type WalOptions,
} from '../src/index.js';

export const DIR = '/data/wal';
export const QUARANTINE = '/data/quarantine';

/** A WAL on a simulated disk and clock. */
export class Rig {
  readonly scheduler = new SimScheduler({ drain: shortDrain });
  /** The process's. */
  clock = this.scheduler.clock();
  readonly #diskClock = this.scheduler.clock();
  fs: SimFs;
  readonly #options: Partial<WalOptions>;
  readonly #random: SimRandom;

  constructor(options: Partial<WalOptions> = {}, seed: number | string = 1) {
    this.#options = options;
    this.#random = new SimRandom(seed);
    this.fs = new SimFs({ clock: this.#diskClock, random: this.#random });
  }

  /** The process dies (kill -9); what it wrote is in the page cache. */
  kill(): void {
    this.clock.close();
    this.clock = this.scheduler.clock();
    this.fs.kill();
  }

  /** Another rig on a copy of this one's disk as it would be after a power loss. */
  afterCrash(crash: CrashOptions = {}): Rig {
    const rig = new Rig(this.#options, `${this.#random.seed}/after`);
    rig.fs = this.fs.crashClone({ ...crash, clock: rig.#diskClock });
    return rig;
  }

  /** Another rig on an equal disk, all of it durable. */
  copy(): Rig {
    return this.afterCrash({ keepUnsyncedPercent: 100 });
  }

  options(more: Partial<WalOptions> = {}): WalOptions {
    return {
      fs: this.fs,
      clock: this.clock,
      random: this.#random,
      dir: DIR,
      quarantineDir: QUARANTINE,
      segmentBytes: 4096,
      maxFrameBytes: 1024,
      ...this.#options,
      ...more,
    };
  }

  open(more: Partial<WalOptions> = {}): Promise<{ wal: Wal; report: RecoveryReport }> {
    return this.run(Wal.open(this.options(more)));
  }

  /** Lets virtual time pass until the promise settles. */
  run<T>(promise: Promise<T>): Promise<T> {
    return this.scheduler.runWhilePending(promise);
  }

  sync(wal: Wal): Promise<WalError | null> {
    return this.run(synced(wal));
  }

  /** Syncs; fails the test if that fails. */
  async durable(wal: Wal): Promise<void> {
    expect(await this.sync(wal)).toBeNull();
  }

  close(wal: Wal): Promise<void> {
    return this.run(wal.close());
  }
}

/** Enough for the promise chains of one package; the default is made for whole members. */
async function shortDrain(): Promise<void> {
  for (let hop = 0; hop < 12; hop++) await Promise.resolve();
}

export function synced(wal: Wal): Promise<WalError | null> {
  return new Promise((resolve) => wal.sync(resolve));
}

export function entry(index: number, term = 1, data: string | Uint8Array = `e${index}`): WalEntry {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  return { index, term, type: 0, data: bytes, checksum: crc32(bytes) };
}

export function entries(from: number, to: number, term = 1): WalEntry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, term));
}

/** A log as lines `index/term text`, for comparisons that are easy to read. */
export function show(wal: Wal, id: number): string[] {
  const log = wal.log(id);
  const lines = [`prefix ${log.firstIndex() - 1}/${log.term(log.firstIndex() - 1)}`];
  for (let index = log.firstIndex(); index <= log.lastIndex(); ) {
    const read = log.entries(index, log.lastIndex() + 1, 1024 * 1024);
    if (read === 'faulty') {
      lines.push(`${index}/${log.term(index)} faulty`);
      index++;
      continue;
    }
    if (read === -1) throw new Error(`${index} is compacted`);
    if (read.length === 0) throw new Error(`nothing at ${index}`);
    for (const { index: at, term, data } of read) {
      if (at !== index) throw new Error(`entry ${at} where ${index} should be`);
      if (log.term(index) !== term) throw new Error(`term(${index}) is not ${term}`);
      lines.push(`${at}/${term} ${new TextDecoder().decode(data)}`);
      index++;
    }
  }
  lines.push(`hint ${log.commitHint()}`);
  return lines;
}

export function showAll(wal: Wal): Record<number, string[]> {
  return Object.fromEntries(wal.logIds().map((id) => [id, show(wal, id)]));
}

/** The code of what is thrown, or 'nothing'. */
export async function codeOf(run: () => unknown): Promise<string> {
  try {
    await Promise.resolve(run());
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'nothing';
}
