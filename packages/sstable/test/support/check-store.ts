import type { FileSystem } from '@dougdb/ports';
import type { Db } from '../../src/db.js';
import { verifyDb } from '../../src/node/index.js';
import { findOrderDamage } from './check-levels.js';
import { drain } from './databases.js';
import type { Model } from './model.js';

/** Sequences at which a check looks, at most: the newest, and others spread evenly. */
const LOOKS = 12;

export interface Extent {
  /** No history before this. */
  readonly floor: number;
  /** The last write. */
  readonly sequence: number;
}

/** Something is not as it must be. Its message says all of it: a run may have been one of thousands. */
export class WrongStore extends Error {
  constructor(what: string, actual: unknown, expected: unknown) {
    super(`${what}: ${JSON.stringify(actual)}, should be ${JSON.stringify(expected)}`);
    this.name = 'WrongStore';
  }
}

/** As an assertion of jest, but quick. @throws WrongStore */
export function mustBe(what: string, actual: unknown, expected: unknown): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    throw new WrongStore(what, actual, expected);
  }
}

/**
 * Holds all that a database shows against the model: every key with its newest value at many a sequence between
 * the floor and the last write, in both directions. @throws WrongStore
 */
export function checkEverything(db: Db, model: Model, { floor, sequence }: Extent): void {
  mustShow(db, model, sequence);
  const count = sequence - floor;
  const step = Math.max(1, Math.ceil(count / LOOKS));
  for (let at = sequence - 1; at >= floor; at -= step) mustShow(db, model, at);
}

function mustShow(db: Db, model: Model, sequence: number): void {
  const expected = model.list({ sequence });
  mustBe(`all as of ${sequence}`, drain(db.iterator({ sequence })), expected);
  const backward = drain(db.iterator({ sequence, reverse: true }));
  mustBe(`all as of ${sequence}, in reverse`, backward, expected.reverse());
}

/**
 * Checks a closed database by its files alone: the manifest names only files that are there, with the size, the
 * identity and the checksums that it says (I6); nothing else lies in the directory (I7); newer versions stand
 * above older ones (I8). @throws WrongStore
 */
export function checkFiles(fs: FileSystem, dir: string): void {
  const { problems, unreferenced } = verifyDb(fs, dir);
  mustBe(
    'what verify finds',
    problems.map(({ message }) => message),
    [],
  );
  mustBe('files that nothing names', unreferenced, []);
  mustBe('the order of the levels', findOrderDamage(fs, dir), null);
}
