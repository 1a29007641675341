import {
  type Db,
  type DbIterator,
  type Found,
  type RangeOptions,
  SstErrorCode,
} from '@dougdb/sstable';
import { codeOf } from '../error-code.js';
import { type UserVersion, userVersionOf } from '../format/stored-value.js';
import { LOOK_TRIES } from '../state/look-up.js';
import { type Planning, settled } from './planning.js';

/** Blocks of each level that are brought into memory before the first step; then twice as many ... */
const FIRST_BLOCKS = 1;
/** ... up to this. */
const MOST_BLOCKS = 16;
/** A walk lets others of this process run after so many keys ... */
const KEYS_PER_PAUSE = 64;
/** ... or so many bytes of values. */
const BYTES_PER_PAUSE = 256 << 10;

/** Deletions and older versions that are passed over before others run, where no key is found. */
const PASSED_PER_PAUSE = 4096;

/** Keys of [start, end), in their order. An empty end: to the last key. */
export interface PlaceRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly reverse: boolean;
  /** Values are left empty. */
  readonly keysOnly: boolean;
}

/** Sees a key that is there; key and value are views, valid during the call. False ends the walk. */
export type VisitPair = (key: Uint8Array, found: UserVersion) => boolean;

export interface RangeWalkOptions {
  readonly db: Db;
  /** Nothing newer is seen. */
  readonly sequence: number;
  /** Resolves when others of this process have run. */
  readonly pause: () => Promise<void>;
}

/**
 * Visits the keys of a range, each once. What is not in memory is read through the thread pool, window by window: the
 * loop does not stand still for a disk. What is there must not change meanwhile. @throws SstError
 */
export function* walkRange(
  options: RangeWalkOptions,
  range: PlaceRange,
  visit: VisitPair,
): Planning<void> {
  const { db } = options;
  const pacer = new Pacer();
  let rest: PlaceRange | null = range;
  for (let blocks = FIRST_BLOCKS; rest !== null; blocks = Math.min(2 * blocks, MOST_BLOCKS)) {
    const reached: Uint8Array | null = yield* warmed(db, rest, blocks);
    const goesOn: boolean = yield* visited({ ...options, pacer }, windowUpTo(rest, reached), visit);
    rest = goesOn && reached !== null ? restFrom(rest, reached) : null;
    // It may have gone over thousands of deleted keys and seen none.
    if (rest !== null && blocks === MOST_BLOCKS) yield options.pause();
  }
}

/** How far the walk comes without a wait; null: to its end. */
function* warmed(db: Db, range: PlaceRange, blocks: number): Planning<Uint8Array | null> {
  const { reverse } = range;
  return yield* retried(() => settled(db.warm({ ...boundsOf(range), reverse, blocks })));
}

/** Whether the walk goes on behind this window. */
function* visited(options: PacedOptions, window: PlaceRange, visit: VisitPair): Planning<boolean> {
  let count = 0;
  const counted: VisitPair = (key, found) => {
    count++;
    return visit(key, found);
  };
  // It goes on behind what was visited before a read failed.
  return yield* retried(() => visitBehind(count, options, window, counted));
}

function* visitBehind(
  skipped: number,
  { db, sequence, pause, pacer }: PacedOptions,
  window: PlaceRange,
  visit: VisitPair,
): Planning<boolean> {
  const { reverse, keysOnly } = window;
  const iterator = db.iterator({ ...boundsOf(window), reverse, keysOnly, sequence });
  try {
    for (let toSkip = skipped; ; ) {
      const where = iterator.step(PASSED_PER_PAUSE);
      if (where === 'end') return true;
      if (where === 'passing') {
        yield pause();
        continue;
      }
      if (toSkip > 0) {
        toSkip--;
        continue;
      }
      const found = userVersionOf(foundAt(iterator), keysOnly ? 'key' : 'value');
      const isDue = pacer.isDue(found.value.length);
      if (!visit(iterator.key(), found)) return false;
      if (isDue) yield pause();
    }
  } finally {
    iterator.close();
  }
}

interface PacedOptions extends RangeWalkOptions {
  readonly pacer: Pacer;
}

/** Says when a walk is to pause, over all its windows. */
class Pacer {
  #keysLeft = KEYS_PER_PAUSE;
  #bytesLeft = BYTES_PER_PAUSE;

  /** After one more key. */
  isDue(valueBytes: number): boolean {
    this.#bytesLeft -= valueBytes;
    if (--this.#keysLeft > 0 && this.#bytesLeft > 0) return false;
    this.#keysLeft = KEYS_PER_PAUSE;
    this.#bytesLeft = BYTES_PER_PAUSE;
    return true;
  }
}

/** A read that failed says nothing of the table (S13). */
function* retried<T>(attempt: () => Planning<T>): Planning<T> {
  for (let tries = LOOK_TRIES; ; tries--) {
    try {
      return yield* attempt();
    } catch (error) {
      if (tries === 1 || codeOf(error) !== SstErrorCode.Io) throw error;
    }
  }
}

function windowUpTo(range: PlaceRange, reached: Uint8Array | null): PlaceRange {
  if (reached === null) return range;
  const edge = keyBehind(reached);
  return range.reverse ? { ...range, start: edge } : { ...range, end: edge };
}

function restFrom(range: PlaceRange, reached: Uint8Array): PlaceRange {
  const edge = keyBehind(reached);
  return range.reverse ? { ...range, end: edge } : { ...range, start: edge };
}

function boundsOf({ start, end }: PlaceRange): RangeOptions {
  return end.length === 0 ? { start } : { start, end };
}

function keyBehind(key: Uint8Array): Uint8Array {
  const behind = new Uint8Array(key.length + 1);
  behind.set(key);
  return behind;
}

function foundAt(iterator: DbIterator): Found {
  return {
    value: iterator.value(),
    sequence: iterator.sequence(),
    marked: iterator.marked(),
  };
}
