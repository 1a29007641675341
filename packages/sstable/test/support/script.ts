import type { SimFs } from '@dougdb/ports/sim';
import type { Db } from '../../src/db.js';
import { Kind } from '../../src/encoding/internal-key.js';
import { drain, get, type Machine, tiny } from './databases.js';
import { bytes, text } from './entries.js';
import { Model } from './model.js';

/** Sizes at which a few dozen writes flush, compact and make several levels. */
export const scriptOptions = {
  ...tiny,
  memtableBytes: 100_000,
  blockBytes: 100,
  tableBytes: 700,
  level1Bytes: 1500,
};

/**
 * A fixed course of writes, deletes, freezes (some of them empty), floors, compactions and a reopen: for
 * loops that let it fail at every operation in turn. Stops by itself when the machine crashes or the
 * database takes no more writes.
 */
export class Script {
  readonly machine: Machine;
  readonly model = new Model();
  db: Db | null = null;
  /** Errors that reads and opens threw. */
  readonly thrown: string[] = [];
  readonly #mayTryAgain: () => boolean;
  #isGivenUp = false;

  /** @param mayTryAgain whether an open that failed may be followed by another one */
  constructor(machine: Machine, mayTryAgain: () => boolean = () => true) {
    this.machine = machine;
    this.#mayTryAgain = mayTryAgain;
  }

  async play(): Promise<void> {
    for (let round = 1; round <= 8 && !this.#isOver; round++) {
      if (round === 1 || round === 6) await this.#reopen();
      if (!this.#isOver) await this.#round(round);
    }
    if (!this.#isOver) await this.#attempt(() => this.machine.run(this.#use().compact()));
  }

  get #isOver(): boolean {
    const { fs, errors } = this.machine;
    return this.#isGivenUp || fs.crashed || errors.some(({ severity }) => severity !== 'retried');
  }

  async #round(round: number): Promise<void> {
    const db = this.#use();
    const { model } = this;
    for (let i = 0; i < 4; i++) {
      model.sequence++;
      const key = `key${(round * 3 + i * 5) % 9}`;
      if ((round + i) % 5 === 0) {
        model.write(key, Kind.Delete);
        db.delete(model.sequence, bytes(key));
      } else {
        const { value } = model.write(key, Kind.Set, `${key}@${model.sequence}`);
        db.put(model.sequence, bytes(key), bytes(value));
      }
    }
    if (round === 4) this.#setFloor(model.sequence - 6);
    this.#freeze(`H${round * 10}`);
    if (round % 3 === 0) this.#freeze(`H${round * 10 + 1}`);
    if (round % 2 === 0) await this.#attempt(() => this.machine.run(db.flushed()));
    else await this.machine.settle(0);
    if (this.#isOver) return;
    await this.#attempt(async () => {
      expect(get(db, 'key3')).toBe(model.get('key3', model.sequence));
    });
    await this.#attempt(async () => {
      expect(drain(db.iterator({ reverse: round % 2 === 0 }))).toEqual(
        model.list({ reverse: round % 2 === 0 }),
      );
    });
  }

  async #reopen(): Promise<void> {
    const { db, machine } = this;
    if (db !== null) await machine.run(db.close());
    // A disk that fails once may fail the open; the next one must work.
    for (let attempt = 0; attempt < 2 && !machine.fs.crashed; attempt++) {
      this.db = null;
      await this.#attempt(async () => {
        this.db = await machine.open();
      });
      if (this.db !== null) break;
      this.#isGivenUp = !this.#mayTryAgain();
      if (this.#isGivenUp) return;
    }
    if (machine.fs.crashed) return;
    expect(this.db).not.toBeNull();
    this.model.restart(stateOf(this.#use()));
    this.model.sequence = Math.max(this.model.sequence, this.#use().lastSequence);
    this.#setFloor(this.model.floor);
  }

  #setFloor(floor: number): void {
    this.model.floor = floor;
    this.#use().setHistoryFloor(floor);
  }

  #freeze(state: string): void {
    this.model.freeze(state);
    this.#use().freeze(bytes(state));
  }

  #use(): Db {
    if (this.db === null) throw new Error('the script has no database');
    return this.db;
  }

  /** Errors of the disk may come out of it, nothing else. */
  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== 'SST_IO' && code !== 'SST_NO_SPACE' && code !== 'SST_CLOSED') throw error;
      this.thrown.push(code);
    }
  }
}

export function stateOf(db: Db): string | null {
  return db.hostState === null ? null : text(db.hostState);
}

/** Order of host states: 'H12' -> 12. */
export function rank(state: string | null | undefined): number {
  return Number(state?.slice(1) ?? 0);
}

/**
 * Opens what a crash left and checks it: a frozen host state that is not older than the last one told,
 * exactly the writes up to its freeze, no file too many, everything whole. Answers what it found.
 */
export async function checkAfterCrash(
  machine: Machine,
  { model, machine: { installed } }: Script,
  isThorough = true,
): Promise<{ state: string | null; contents: string[] }> {
  const db = await machine.open();
  const state = stateOf(db);
  const expected = new Model();
  expected.versions = model.versions;
  for (const [name, count] of model.freezes) expected.freezes.set(name, count);
  expected.restart(state);
  // INVARIANT(frontier-atomic)
  expect(rank(state)).toBeGreaterThanOrEqual(rank(installed.at(-1)));
  const contents = drain(db.iterator({}));
  expect(contents).toEqual(expected.list());
  const history = [model.floor, model.floor + 3, expected.sequence - 1]
    .filter((sequence) => sequence >= model.floor && sequence <= expected.sequence)
    .map((sequence) => ({ sequence, reverse: true }));
  expect(history.map((options) => drain(db.iterator(options)))).toEqual(
    history.map((options) => expected.list(options)),
  );
  if (isThorough) {
    await machine.run(db.compact());
    await machine.run(db.verifyChecksums());
  }
  await machine.run(db.close());
  expect(machine.fs.openPaths).toEqual([]);
  return { state, contents };
}

/** Files in the directory that the database does not use. */
export function strayFiles(fs: SimFs, db: Db): string[] {
  const names = fs.list('/data/db');
  const tables = db.stats().levels.reduce((sum, level) => sum + level.tables, 0);
  const found = names.filter((name) => name.endsWith('.sst'));
  return found.length === tables && names.length === tables + 2 ? [] : names;
}
