import { Arena } from './arena.js';
import { EntryTree, type LeafImage } from './entry-tree.js';
import { MemtableCursor } from './memtable-cursor.js';

/**
 * A memtable that takes no more writes, as another thread gets it: the very memory that holds its entries
 * and their order. Nothing is copied.
 */
export interface MemtableImage {
  readonly slabs: readonly SharedArrayBuffer[];
  readonly leaves: LeafImage;
}

/** Walks the memtable of an image from its first entry to its last: it cannot be searched. */
export function cursorOver(image: MemtableImage): MemtableCursor {
  const arena = Arena.over(image.slabs);
  return new MemtableCursor(arena, EntryTree.over(arena, image.leaves));
}
