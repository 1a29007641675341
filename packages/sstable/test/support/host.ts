import type { CrashOptions } from '@dougdb/ports/sim';
import type { Db } from '../../src/db.js';
import { Kind } from '../../src/encoding/internal-key.js';
import { checkEverything, mustBe } from './check-store.js';
import type { Machine } from './databases.js';
import { bytes, text } from './entries.js';
import { Model } from './model.js';

export interface HostOptions {
  /** 'as asked': whenever the database wants it; 'in steps': only where the steps say so. */
  readonly freezes?: 'as asked' | 'in steps';
  /** What a power loss leaves of unsynced data; asked each time. Default: nothing. */
  readonly crash?: () => CrashOptions;
  /** What comes after a process that had to end. Default: the next one. */
  readonly afterFailure?: () => 'restart' | 'power loss';
  /** The disk lies: what was told may be gone after a power loss, but what is there must still be one freeze, whole. */
  readonly mayForget?: boolean;
  /**
   * Called when a process is about to start: plans its accidents. They must become rarer with each start in a row
   * from which nothing came, or nothing ever will.
   */
  readonly onStart?: (startsInVain: number) => void;
}

interface Write {
  readonly key: string;
  readonly kind: Kind;
  readonly value: string;
}

const NO_STATE = { freeze: 0, sequence: 0 };

/** Codes that an honest database may throw while its disk fails or its process ends. */
const HONEST = new Set(['SST_IO', 'SST_NO_SPACE', 'SST_CLOSED']);

/** What the file system throws for the accidents that are planned. */
const FAULTS = new Set(['EIO', 'ESIMCRASH']);

/**
 * A program that uses a database as it should: it has a log (here an array, which nothing can harm), writes
 * what stands there, and after each start goes on behind the place that the database's host state names. So
 * whatever happened, the database must show what the log says. Each command has a sequence, from 1; a host
 * state is `<number of the freeze>/<last sequence in it>`.
 */
export class Host {
  readonly machine: Machine;
  readonly model = new Model();
  /** The highest freeze of which a database has told that it is installed. */
  told = 0;
  /** Starts that found a log to write again. */
  replays = 0;
  starts = 0;
  /** Processes that had to end: the disk failed under them. */
  failures = 0;
  /** What ended a process or an open last. */
  lastFailure: unknown = null;
  readonly #options: HostOptions;
  readonly #commands: (readonly Write[])[] = [];
  /** Sequence of each freeze; the number of a freeze is its place plus one. */
  readonly #freezes: number[] = [];
  readonly #onTold: (freeze: number) => void;
  #db: Db | null = null;
  #isCalm = false;
  #startsInVain = 0;
  #fatal: { readonly told: number } | null = null;

  constructor(
    machine: Machine,
    options: HostOptions = {},
    onTold: (freeze: number) => void = () => undefined,
  ) {
    this.machine = machine;
    this.#options = options;
    this.#onTold = onTold;
  }

  get db(): Db {
    if (this.#db === null) throw new Error('the host has no database open');
    return this.#db;
  }

  get sequence(): number {
    return this.#commands.length;
  }

  /** True if the process that had the database open can go on. */
  get isUp(): boolean {
    return this.#db !== null && this.#fatal === null && !this.machine.fs.crashed;
  }

  write(list: readonly Write[]): void {
    this.#commands.push(list);
    this.model.sequence = this.sequence;
    for (const { key, kind, value } of list) this.model.write(key, kind, value);
    this.#apply(this.sequence);
  }

  freeze(): void {
    const sequence = this.db.lastSequence;
    this.#freezes.push(sequence);
    this.db.freeze(bytes(`${this.#freezes.length}/${sequence}`));
  }

  setFloor(floor: number): void {
    this.model.floor = Math.max(this.model.floor, floor);
    this.db.setHistoryFloor(this.model.floor);
  }

  /**
   * Ends what cannot go on and starts again, as often as it takes: after a power loss, or because the database
   * said that the process must end.
   */
  async ensureUp(): Promise<void> {
    for (let attempt = 0; !this.isUp; attempt++) {
      if (attempt > 20) {
        throw new Error('the database does not open any more', { cause: this.lastFailure });
      }
      this.#end();
      try {
        await this.#start();
      } catch (error) {
        this.lastFailure = error;
        this.tolerate(error);
      }
    }
  }

  /** A step was done. */
  noteProgress(): void {
    this.#startsInVain = 0;
  }

  /** From now on the disk does what it should. */
  calmDown(): void {
    this.#isCalm = true;
    this.machine.fs.onOperation(null);
    this.machine.fs.crashAtMutation(Number.POSITIVE_INFINITY);
  }

  /** Cuts the power and starts again. */
  crash(): Promise<void> {
    this.machine.crash(this.#options.crash?.() ?? 0);
    this.#db = null;
    return this.ensureUp();
  }

  kill(): Promise<void> {
    this.machine.kill();
    this.#db = null;
    return this.ensureUp();
  }

  /** Closes the database, whatever it is doing. */
  async close(): Promise<void> {
    const db = this.#db;
    this.#db = null;
    if (db === null) return;
    await this.machine.run(db.close());
    if (!this.machine.fs.crashed) mustBe('open files after close', this.machine.fs.openPaths, []);
  }

  /** Passes over what a failing disk explains. @throws everything else */
  tolerate(error: unknown): void {
    const { code } = error as { code?: string };
    // A place that cannot be read is damage, told as such: here it can be read the next time.
    const isUnreadable = code === 'SST_CORRUPT' && codesOf(error).some((at) => FAULTS.has(at));
    if (!isUnreadable && (code === undefined || !HONEST.has(code))) throw error;
  }

  /** The freeze and the sequence that the database's host state names. */
  stateOf(db: Db): { freeze: number; sequence: number } {
    if (db.hostState === null) return NO_STATE;
    const [freeze = 0, sequence = 0] = text(db.hostState).split('/').map(Number);
    return { freeze, sequence };
  }

  #end(): void {
    const { machine } = this;
    let isPowerLost = machine.fs.crashed;
    if (this.#fatal !== null) {
      this.failures++;
      isPowerLost ||= this.#options.afterFailure?.() === 'power loss';
      // I10: what a database could not write durably, it does not tell as installed later.
      mustBe('the last freeze told', this.told, this.#fatal.told);
      if (this.#db !== null) mustRefuseWrites(this.#db, this.sequence + 1);
    }
    if (isPowerLost) machine.crash(this.#options.crash?.() ?? 0);
    else machine.kill();
    this.#db = null;
    this.#fatal = null;
  }

  async #start(): Promise<void> {
    const { machine, model } = this;
    const life = ++this.starts;
    // What is left of a process says nothing after its end.
    const isAlive = (): boolean => life === this.starts && !machine.fs.crashed;
    if (!this.#isCalm) this.#options.onStart?.(this.#startsInVain++);
    const db = await machine.open({
      onInstalled: (state) => {
        if (isAlive()) this.#noteInstalled(text(state));
      },
      onBackgroundError: (severity, error) => {
        if (!isAlive()) return;
        machine.errors.push({ severity, error });
        if (severity === 'retried') return;
        this.lastFailure = error;
        this.#fatal ??= { told: this.told };
      },
    });
    const { freeze, sequence } = this.stateOf(db);
    // I1, I3, I5: a state that was frozen as a whole, none older than the last one told.
    if (this.#options.mayForget === true) this.told = Math.min(this.told, freeze);
    mustBe('a freeze that was told', freeze >= this.told || [freeze, this.told], true);
    mustBe(`the sequence of freeze ${freeze}`, sequence, this.#freezes[freeze - 1] ?? 0);
    mustBe('the last sequence', db.lastSequence, sequence);
    try {
      checkEverything(db, model, { floor: model.floor, sequence });
    } catch (error) {
      await machine.run(db.close());
      throw error;
    }
    this.#db = db;
    db.setHistoryFloor(model.floor);
    if (sequence < this.sequence) this.replays++;
    for (let at = sequence + 1; at <= this.sequence; at++) this.#apply(at);
  }

  #apply(sequence: number): void {
    const { db } = this;
    for (const { key, kind, value } of this.#commands[sequence - 1] ?? []) {
      if (kind === Kind.Delete) db.delete(sequence, bytes(key));
      else if (kind === Kind.SetMarked) db.putMarked(sequence, bytes(key), bytes(value));
      else db.put(sequence, bytes(key), bytes(value));
    }
    if (this.#options.freezes !== 'in steps' && db.wantsFreeze) this.freeze();
  }

  #noteInstalled(state: string): void {
    const freeze = Number(state.split('/')[0]);
    mustBe('freezes told in order', freeze > this.told || [freeze, this.told], true);
    this.told = freeze;
    this.#onTold(freeze);
  }
}

function mustRefuseWrites(db: Db, sequence: number): void {
  try {
    db.put(sequence, bytes('never'), bytes('never'));
  } catch {
    return;
  }
  throw new Error('a database took a write after it had failed');
}

/** Codes of an error and of its causes. */
function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown };
    if (typeof code === 'string') codes.push(code);
  }
  return codes;
}
