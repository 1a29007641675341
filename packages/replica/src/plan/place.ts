import {
  type Db,
  type DbIterator,
  type Found,
  type RangeOptions,
  SstErrorCode,
} from '@dougdb/sstable';
import { codeOf } from '../error-code.js';
import { type UserVersion, userVersionOf } from '../format/stored-value.js';
import { broken } from '../replica-error.js';
import { LOOK_TRIES, lookUp } from '../state/look-up.js';
import { type Planning, settled } from './planning.js';

/** A walk lets others of this process run after so many keys ... */
const KEYS_PER_PAUSE = 64;
/** ... or so many bytes of values. */
const BYTES_PER_PAUSE = 256 << 10;

/** Keys of [start, end), in their order. An empty end: to the last key. */
export interface PlaceRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly reverse: boolean;
  /** Values are left empty. */
  readonly keysOnly: boolean;
}

/** What is there under a key: its revision is the one at which it was last written. */
export type PairFound = UserVersion;

/** Sees a key that is there; key and value are views, valid during the call. False ends the walk. */
export type VisitPair = (key: Uint8Array, found: PairFound) => boolean;

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
  *walk(range: PlaceRange, visit: VisitPair): Planning<void> {
    let visited = 0;
    const counted: VisitPair = (key, found) => {
      visited++;
      return visit(key, found);
    };
    for (let tries = LOOK_TRIES; ; tries--) {
      try {
        // What is there does not change meanwhile: it goes on behind what was visited.
        return yield* this.#walkBehind(visited, range, counted);
      } catch (error) {
        if (tries === 1 || codeOf(error) !== SstErrorCode.Io) throw error;
      }
    }
  }

  *#walkBehind(skipped: number, range: PlaceRange, visit: VisitPair): Planning<void> {
    const { reverse, keysOnly } = range;
    const iterator = this.#db.iterator({
      ...boundsOf(range),
      ...{ reverse, keysOnly, sequence: this.revision },
    });
    try {
      let left = KEYS_PER_PAUSE;
      let bytesLeft = BYTES_PER_PAUSE;
      for (let toSkip = skipped; iterator.next(); ) {
        if (toSkip > 0) {
          toSkip--;
          continue;
        }
        const found = userVersionOf(foundAt(iterator), keysOnly ? 'key' : 'value');
        bytesLeft -= found.value.length;
        if (!visit(iterator.key(), found)) return;
        if (--left > 0 && bytesLeft > 0) continue;
        left = KEYS_PER_PAUSE;
        bytesLeft = BYTES_PER_PAUSE;
        yield this.#pause();
      }
    } finally {
      iterator.close();
    }
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

function foundAt(iterator: DbIterator): Found {
  return {
    value: iterator.value(),
    sequence: iterator.sequence(),
    marked: iterator.marked(),
  };
}

function boundsOf({ start, end }: PlaceRange): RangeOptions {
  return end.length === 0 ? { start } : { start, end };
}
