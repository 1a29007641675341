import type { Found, MaybePromise } from '../contract.js';
import { Kind } from '../encoding/internal-key.js';
import { compareKeys } from '../encoding/key-order.js';
import type { Memtable } from '../memtable/memtable.js';
import { filterHash } from '../table/bloom-filter.js';
import type { PlaceOfKey } from '../table/table-reader.js';
import type { TableHandle } from '../version/table-handle.js';
import { findTable, type Version } from '../version/version.js';
import { copyOut } from './copy-out.js';
import { NOTHING, PointResult } from './cursor.js';

/** What a read looks through. */
export interface ReadSources {
  readonly mutable: Memtable;
  /** Oldest first. */
  readonly frozen: readonly { readonly memtable: Memtable | null }[];
  readonly version: Version;
}

const result = new PointResult();

/**
 * Newest version of a key at or below `atMost`; null if absent or deleted. Newer sources are asked
 * first, and the first that knows the key has its newest version: each source holds only newer
 * sequences of a key than the sources behind it.
 * @throws SstError SST_CORRUPT, SST_IO
 */
export function lookUp(sources: ReadSources, key: Uint8Array, atMost: number): Found | null {
  return find(sources, key, atMost) ? taken('value') : null;
}

/** As lookUp, but what is not in memory is read through the thread pool: then a promise. */
export function lookUpOffLoop(
  sources: ReadSources,
  key: Uint8Array,
  atMost: number,
  wanted: Wanted,
): MaybePromise<Found | null> {
  if (findInMemtables(sources, key, atMost)) return taken(wanted);
  const hash = filterHash(key, 0, key.length);
  const tables = tablesOf(sources.version, key, atMost);
  for (let at = 0; at < tables.length; at++) {
    const { reader } = tables[at] as TableHandle;
    const place = reader.locate(key, hash, atMost);
    if (place instanceof Promise) {
      const search = { tables, key, hash, atMost, wanted };
      // Its tables stay open until it is done, whatever is compacted meanwhile.
      const version = sources.version.acquire();
      return lookUpLater(search, at, place).finally(() => version.release());
    }
    if (place !== null && reader.getAt(place, key, atMost, result)) return taken(wanted);
  }
  return null;
}

/** What of an entry its reader wants. */
export type Wanted = 'value' | 'sequence';

interface Search {
  readonly tables: readonly TableHandle[];
  readonly key: Uint8Array;
  readonly hash: number;
  readonly atMost: number;
  readonly wanted: Wanted;
}

async function lookUpLater(
  { tables, key, hash, atMost, wanted }: Search,
  from: number,
  first: Promise<PlaceOfKey | null>,
): Promise<Found | null> {
  for (let at = from; at < tables.length; at++) {
    const { reader } = tables[at] as TableHandle;
    const place = await (at === from ? first : reader.locate(key, hash, atMost));
    // Nothing may come between: result is everybody's.
    if (place !== null && reader.getAt(place, key, atMost, result)) return taken(wanted);
  }
  return null;
}

/** What was found, as the caller's own. */
function taken(wanted: Wanted): Found | null {
  if (result.kind === Kind.Delete) return null;
  const value = wanted === 'value' ? copyOut(result.bytes, result.start, result.end) : NOTHING;
  // Not to be the one that keeps a large block alive.
  result.bytes = NOTHING;
  return { value, sequence: result.sequence, marked: result.kind === Kind.SetMarked };
}

function find(sources: ReadSources, key: Uint8Array, atMost: number): boolean {
  if (findInMemtables(sources, key, atMost)) return true;
  const hash = filterHash(key, 0, key.length);
  const { levels } = sources.version;
  for (const table of levels[0] ?? []) if (isIn(table, key, hash, atMost)) return true;
  for (let level = 1; level < levels.length; level++) {
    const tables = levels[level];
    if (tables === undefined || tables.length === 0) continue;
    if (isIn(tables[findTable(tables, key)], key, hash, atMost)) return true;
  }
  return false;
}

function findInMemtables(
  { mutable, frozen }: ReadSources,
  key: Uint8Array,
  atMost: number,
): boolean {
  if (mutable.get(key, atMost, result)) return true;
  for (let at = frozen.length - 1; at >= 0; at--) {
    if (frozen[at]?.memtable?.get(key, atMost, result)) return true;
  }
  return false;
}

/** The tables that may have the key, newest first: those that find() would ask, in its order. */
function tablesOf({ levels }: Version, key: Uint8Array, atMost: number): TableHandle[] {
  const tables: TableHandle[] = [];
  for (const [level, all] of levels.entries()) {
    const possible = level === 0 ? all : all.slice(findTable(all, key)).slice(0, 1);
    tables.push(...possible.filter((table) => mayHold(table, key, atMost)));
  }
  return tables;
}

function isIn(
  table: TableHandle | undefined,
  key: Uint8Array,
  hash: number,
  atMost: number,
): boolean {
  if (table === undefined || !mayHold(table, key, atMost)) return false;
  return table.reader.get(key, hash, atMost, result);
}

function mayHold({ meta }: TableHandle, key: Uint8Array, atMost: number): boolean {
  const { smallest, largest, smallestSequence } = meta;
  if (smallestSequence > atMost) return false;
  return compareKeys(key, smallest) >= 0 && compareKeys(key, largest) <= 0;
}
