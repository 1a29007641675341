import { compareKeys } from '../encoding/key-order.js';
import type { NewFile } from '../manifest/version-edit.js';
import { LEVELS } from '../manifest/version-edit.js';
import type { TableHandle } from './table-handle.js';

/**
 * Which tables make up a database at one moment: immutable, shared by everyone who reads. Level 0 holds
 * flushed tables, newest first, with overlapping keys; a level below holds tables in key order that do
 * not overlap, and only older versions than the levels above it.
 *
 * Counted: a reader acquires the version, and its tables stay open and on disk until it lets go.
 */
export class Version {
  readonly levels: readonly (readonly TableHandle[])[];
  #references = 0;

  constructor(levels: readonly (readonly TableHandle[])[]) {
    this.levels = levels;
  }

  acquire(): this {
    if (this.#references++ === 0) {
      for (const level of this.levels) for (const table of level) table.acquire();
    }
    return this;
  }

  release(): void {
    if (--this.#references > 0) return;
    for (const level of this.levels) for (const table of level) table.release();
  }

  /** All tables with their levels, as edits name them. */
  files(): NewFile[] {
    return this.levels.flatMap((tables, level) =>
      tables.map(({ meta }) => ({ level, table: meta })),
    );
  }

  get tableCount(): number {
    return this.levels.reduce((sum, level) => sum + level.length, 0);
  }
}

export function emptyLevels(): TableHandle[][] {
  return Array.from({ length: LEVELS }, () => []);
}

/** Puts the tables of a level into its order: level 0 newest first, others by key. */
export function sortLevel(level: number, tables: TableHandle[]): TableHandle[] {
  return tables.sort((a, b) =>
    level === 0
      ? b.meta.largestSequence - a.meta.largestSequence || b.meta.number - a.meta.number
      : compareKeys(a.meta.smallest, b.meta.smallest),
  );
}

/** First table of a sorted level whose largest key is at or behind `key`; tables.length if none. */
export function findTable(tables: readonly TableHandle[], key: Uint8Array): number {
  let low = 0;
  let high = tables.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const table = tables[middle];
    if (table !== undefined && compareKeys(table.meta.largest, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Tables of any level that hold keys of [smallest, largest]. */
export function overlapping(
  tables: readonly TableHandle[],
  smallest: Uint8Array,
  largest: Uint8Array,
): TableHandle[] {
  return tables.filter(
    ({ meta }) =>
      compareKeys(meta.largest, smallest) >= 0 && compareKeys(meta.smallest, largest) <= 0,
  );
}
