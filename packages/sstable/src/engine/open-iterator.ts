import type { DbIterator, KeyBounds, VersionIterator } from '../contract.js';
import { touches } from '../read/bounds.js';
import type { Cursor } from '../read/cursor.js';
import { MergingCursor } from '../read/merging-cursor.js';
import { VersionCursor, type VersionWindow } from '../read/version-cursor.js';
import { ViewIterator } from '../read/view-iterator.js';
import type { ViewLifetime } from '../read/view-lifetime.js';
import { LevelCursor } from '../version/level-cursor.js';
import type { TableHandle } from '../version/table-handle.js';
import type { Version } from '../version/version.js';
import type { Store } from './store.js';

/** What an iterator is to show; everything checked, the bounds inside those of the database. */
export interface ViewRequest {
  readonly bounds: KeyBounds;
  readonly isReverse: boolean;
  readonly keysOnly: boolean;
  readonly sequence: number;
}

/**
 * A view of everything at this moment, limited to a sequence that the caller has checked. It holds the
 * memtables and the version of this moment: whatever is flushed and compacted later happens elsewhere, so
 * compaction need not ask what iterators can see.
 */
export function openIterator(store: Store, request: ViewRequest): DbIterator {
  const { bounds, isReverse, keysOnly, sequence } = request;
  const version = store.version.acquire();
  const cursors: Cursor[] = memtablesOf(store).map((memtable) => memtable.cursor());
  cursors.push(
    ...tableCursors(version, ({ meta }) => touches(bounds, meta.smallest, meta.largest)),
  );
  const view = { start: bounds.start, end: bounds.end, isReverse, keysOnly, sequence };
  return new ViewIterator(new MergingCursor(cursors), view, lifetimeOf(store, version));
}

/** All versions of a window. What can hold none of them, by its range of sequences, is not looked into. */
export function openVersions(store: Store, window: VersionWindow): VersionIterator {
  const version = store.version.acquire();
  const mayHold = (smallestSequence: number, largestSequence: number): boolean =>
    largestSequence > window.after && smallestSequence <= window.through;
  const cursors: Cursor[] = memtablesOf(store)
    .filter(({ smallestSequence, largestSequence }) => mayHold(smallestSequence, largestSequence))
    .map((memtable) => memtable.cursor());
  const tables = tableCursors(
    version,
    ({ meta }) =>
      mayHold(meta.smallestSequence, meta.largestSequence) &&
      touches(window, meta.smallest, meta.largest),
  );
  const merged = new MergingCursor([...cursors, ...tables]);
  return new VersionCursor(merged, window, lifetimeOf(store, version));
}

function memtablesOf(store: Store) {
  return [store.mutable, ...store.frozen.flatMap(({ memtable }) => memtable ?? [])];
}

/** Cursors over the tables that are wanted: one for each of level 0, one for each level below. */
function tableCursors(version: Version, isWanted: (table: TableHandle) => boolean): Cursor[] {
  const cursors: Cursor[] = [];
  for (const [level, all] of version.levels.entries()) {
    const tables = all.filter(isWanted);
    if (level === 0) cursors.push(...tables.map((table) => new LevelCursor([table])));
    else if (tables.length > 0) cursors.push(new LevelCursor(tables));
  }
  return cursors;
}

function lifetimeOf(store: Store, version: Version): ViewLifetime {
  store.iterators++;
  return {
    get isClosed(): boolean {
      return store.isClosed;
    },
    release(): void {
      store.iterators--;
      version.release();
    },
  };
}
