import type { DbIterator, IteratorOptions } from '../contract.js';
import type { Cursor } from '../read/cursor.js';
import { MergingCursor } from '../read/merging-cursor.js';
import { ViewIterator } from '../read/view-iterator.js';
import { LevelCursor } from '../version/level-cursor.js';
import type { Store } from './store.js';

/**
 * A view of everything at this moment, limited to a sequence that the caller has checked. It holds the
 * memtables and the version of this moment: whatever is flushed and compacted later happens elsewhere, so
 * compaction need not ask what iterators can see.
 */
export function openIterator(store: Store, options: IteratorOptions, sequence: number): DbIterator {
  const version = store.version.acquire();
  const memtables = [store.mutable, ...store.frozen.flatMap(({ memtable }) => memtable ?? [])];
  const cursors: Cursor[] = memtables.map((memtable) => memtable.cursor());
  for (const [level, tables] of version.levels.entries()) {
    if (level > 0 && tables.length > 0) cursors.push(new LevelCursor(tables));
    if (level === 0) cursors.push(...tables.map((table) => new LevelCursor([table])));
  }
  store.iterators++;
  const owner = {
    get isClosed(): boolean {
      return store.isClosed;
    },
    release(): void {
      store.iterators--;
      version.release();
    },
  };
  const view = {
    start: options.start?.slice() ?? null,
    end: options.end?.slice() ?? null,
    isReverse: options.reverse ?? false,
    keysOnly: options.keysOnly ?? false,
    sequence,
  };
  return new ViewIterator(new MergingCursor(cursors), view, owner);
}
