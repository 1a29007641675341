import type { Db } from '@dougdb/sstable';
import { type UserVersion, userVersionOf } from '../format/stored-value.js';
import { broken } from '../replica-error.js';
import { LOOK_TRIES, lookUp } from '../state/look-up.js';
import { type Planning, settled } from './planning.js';
import { type PlaceRange, type VisitPair, walkRange } from './range-walk.js';

/** What is there under a key: its revision is the one at which it was last written. */
export type PairFound = UserVersion;

/** What a command finds at its place in the log: what the commands before it left, and nothing of those after it. */
export class Place {
  /** Of the command before; what this one does is of the next. */
  readonly revision: number;
  /** Of the entry. */
  readonly logTime: number;
  readonly #db: Db;
  readonly #pause: () => Promise<void>;

  /** @param pause - resolves when others of this process have run */
  constructor(db: Db, revision: number, logTime: number, pause: () => Promise<void>) {
    checkPlace(db, revision);
    this.#db = db;
    this.revision = revision;
    this.logTime = logTime;
    this.#pause = pause;
  }

  /**
   * The key, which must not change meanwhile; null if it is not there. The value, empty with `keysOnly`, is the
   * caller's. @throws SstError
   */
  *get(key: Uint8Array, keysOnly: boolean): Planning<PairFound | null> {
    const options = { sequence: this.revision, keysOnly };
    const found = yield* settled(lookUp(this.#db, key, options, LOOK_TRIES));
    return found === null ? null : userVersionOf(found, keysOnly ? 'key' : 'value');
  }

  /** Visits the keys of a range, each once. @throws SstError */
  walk(range: PlaceRange, visit: VisitPair): Planning<void> {
    const options = { db: this.#db, sequence: this.revision, pause: this.#pause };
    return walkRange(options, range, visit);
  }
}

/**
 * INVARIANT(look-at-place): a look sees what the commands before it left and nothing of those after it. To
 * read at this revision would not be enough: a database that holds later ones may have dropped what was
 * there before them.
 */
export function checkPlace(db: Db, revision: number): void {
  if (db.lastSequence > revision) {
    broken('look-at-place', `a look at revision ${revision} in tables of ${db.lastSequence}`);
  }
}
