import type { KeyBounds, MaybePromise } from '../contract.js';
import { MAX_SEQUENCE } from '../encoding/internal-key.js';
import { compareKeys } from '../encoding/key-order.js';
import type { IndexCursor } from '../table/index-cursor.js';
import type { TableHandle } from '../version/table-handle.js';
import type { Version } from '../version/version.js';
import { keyBehind, touches } from './bounds.js';

/** What is to be in memory. */
export interface WarmRequest {
  readonly bounds: KeyBounds;
  readonly isReverse: boolean;
  /** Data blocks of each table of level 0, and of each level below. */
  readonly blocks: number;
}

type Steps<T> = Generator<Promise<unknown>, T>;

/**
 * Reads the first blocks of a range, or in reverse the last ones, into the cache through the thread pool; a promise
 * where there is something to read. Answers how far an iterator comes without a read of its own: up to this key,
 * in reverse down to behind it; null: through the whole range.
 * @throws SstError SST_CORRUPT, SST_IO, SST_CLOSED; a promise rejects with them
 */
export function warmRange(version: Version, request: WarmRequest): MaybePromise<Uint8Array | null> {
  const held = version.acquire();
  const steps = warmAll(held, request);
  try {
    const step = steps.next();
    if (!step.done) return goOn(steps, step.value).finally(() => held.release());
    held.release();
    return step.value;
  } catch (error) {
    held.release();
    throw error;
  }
}

async function goOn<T>(steps: Steps<T>, first: Promise<unknown>): Promise<T> {
  await first;
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await step.value;
  }
}

function* warmAll(version: Version, request: WarmRequest): Steps<Uint8Array | null> {
  const { bounds, isReverse } = request;
  let reached: Uint8Array | null = null;
  for (const tables of sourcesOf(version, bounds)) {
    const of = yield* warmOne(isReverse ? [...tables].reverse() : tables, request);
    const order = of === null || reached === null ? 0 : compareKeys(of, reached);
    const isNearer = isReverse ? order > 0 : order < 0;
    if (reached === null || isNearer) reached = of ?? reached;
  }
  return reached;
}

/** What an iterator walks one behind the other: each table of level 0 by itself, the tables of each other level. */
function sourcesOf(version: Version, bounds: KeyBounds): TableHandle[][] {
  return version.levels.flatMap((tables, level) => {
    const inside = tables.filter(({ meta }) => touches(bounds, meta.smallest, meta.largest));
    return level === 0 ? inside.map((table) => [table]) : [inside];
  });
}

function* warmOne(
  tables: readonly TableHandle[],
  { bounds, isReverse, blocks }: WarmRequest,
): Steps<Uint8Array | null> {
  const target = isReverse ? bounds.end : bounds.start;
  const reach = isReverse ? new ReverseReach(bounds, blocks) : new ForwardReach(bounds, blocks);
  for (const { meta, reader } of tables) {
    const missing = reader.prepareSeek(target, isReverse);
    if (missing !== null) yield missing;
    const { index, blocks: data } = reader.indexCursor();
    if (!data.isCached) return null;
    try {
      seek(index, target, isReverse);
      while (index.valid) {
        const block = data.getOffLoop(index.ordinal, index.handle);
        if (block instanceof Promise) yield block;
        if (reach.isEnough(keyOf(index), meta.largest)) return reach.reached;
        if (isReverse) index.prev();
        else index.next();
      }
    } finally {
      index.close();
    }
  }
  // There is nothing behind.
  return null;
}

/** To the block in which the range begins, or in reverse ends; null: that is the first or the last one. */
function seek(index: IndexCursor, target: Uint8Array | null, isReverse: boolean): void {
  if (target !== null) index.seek(target, 0, target.length, MAX_SEQUENCE);
  else if (!isReverse) index.first();
  // In reverse, the range may end behind the last key.
  if (isReverse && !index.valid) index.last();
}

function keyOf(index: IndexCursor): Uint8Array {
  return index.key.keyBytes.slice(0, index.key.keyEnd);
}

/** Of a key with many versions an iterator does not step over all: no more blocks than these are read for them. */
const MORE_BLOCKS = 4;

/** How far an iterator comes with the blocks that were read, in the order of the keys. */
class ForwardReach {
  /** So far, this key included; null: through the range. */
  reached: Uint8Array | null = null;
  readonly #end: Uint8Array | null;
  #left: number;
  #ahead = 0;
  #more = MORE_BLOCKS;
  #isEnding = false;

  constructor({ end }: KeyBounds, blocks: number) {
    this.#end = end;
    this.#left = blocks;
  }

  /**
   * After one more block. Who leaves a block enters the next one at once: so that one is needed, too.
   * @param key of the block in the index: at or behind its last one, before or at the first of the next block
   * @param largest of the table
   */
  isEnough(key: Uint8Array, largest: Uint8Array): boolean {
    if (this.#isEnding) return true;
    if (this.reached === null) {
      this.#isEnding = this.#end !== null && compareKeys(key, this.#end) >= 0;
      if (this.#isEnding || --this.#left > 0) return false;
      // The index key of a table's last block may lie behind the beginning of the next table.
      this.reached = compareKeys(key, largest) < 0 ? key : largest;
      return false;
    }
    // It may hold nothing but older versions of the key that was reached.
    if (compareKeys(key, this.reached) > 0) return ++this.#ahead === 2;
    return --this.#more === 0;
  }
}

/** As {@link ForwardReach}, against the order of the keys. */
class ReverseReach {
  /** So far, without this key; null: through the range. */
  reached: Uint8Array | null = null;
  readonly #start: Uint8Array | null;
  readonly #end: Uint8Array | null;
  #left: number;

  constructor({ start, end }: KeyBounds, blocks: number) {
    this.#start = start;
    this.#end = end;
    this.#left = blocks + 1;
  }

  isEnough(key: Uint8Array): boolean {
    // Nothing of the range is in it: it is the one that is entered when the range is left.
    if (this.#start !== null && compareKeys(key, this.#start) < 0) return true;
    if (--this.#left > 0) return false;
    // The versions of one key may fill many blocks: an iterator in reverse comes to all of them.
    if (this.#end !== null && compareKeys(keyBehind(key), this.#end) >= 0) return false;
    // What lies behind its key is in the blocks behind it.
    this.reached = key;
    return true;
  }
}
