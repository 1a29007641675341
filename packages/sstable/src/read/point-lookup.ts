import type { Found } from '../contract.js';
import { Kind } from '../encoding/internal-key.js';
import { compareKeys } from '../encoding/key-order.js';
import type { Memtable } from '../memtable/memtable.js';
import { filterHash } from '../table/bloom-filter.js';
import type { TableHandle } from '../version/table-handle.js';
import { findTable, type Version } from '../version/version.js';
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
  if (!find(sources, key, atMost) || result.kind === Kind.Delete) return null;
  const value = result.bytes.slice(result.start, result.end);
  // Not to be the one that keeps a large block alive.
  result.bytes = NOTHING;
  return { value, sequence: result.sequence };
}

function find({ mutable, frozen, version }: ReadSources, key: Uint8Array, atMost: number): boolean {
  if (mutable.get(key, atMost, result)) return true;
  for (let at = frozen.length - 1; at >= 0; at--) {
    if (frozen[at]?.memtable?.get(key, atMost, result)) return true;
  }
  const hash = filterHash(key, 0, key.length);
  const { levels } = version;
  for (const table of levels[0] ?? []) if (isIn(table, key, hash, atMost)) return true;
  for (let level = 1; level < levels.length; level++) {
    const tables = levels[level];
    if (tables === undefined || tables.length === 0) continue;
    if (isIn(tables[findTable(tables, key)], key, hash, atMost)) return true;
  }
  return false;
}

function isIn(
  table: TableHandle | undefined,
  key: Uint8Array,
  hash: number,
  atMost: number,
): boolean {
  if (table === undefined) return false;
  const { smallest, largest, smallestSequence } = table.meta;
  if (smallestSequence > atMost) return false;
  if (compareKeys(key, smallest) < 0 || compareKeys(key, largest) > 0) return false;
  return table.reader.get(key, hash, atMost, result);
}
