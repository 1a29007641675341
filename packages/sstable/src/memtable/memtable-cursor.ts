import { MAX_SEQUENCE, sequenceOf } from '../encoding/internal-key.js';
import { type Cursor, NOTHING } from '../read/cursor.js';
import { type Arena, headerWord, keyOffset } from './arena.js';
import { type EntryTree, NO_LEAF } from './entry-tree.js';

/**
 * Walks a memtable both ways. Writes may happen between two moves: a write moves entries inside the
 * tree, so a cursor that sees `changes` grown finds its entry again before it moves. The entry's own
 * bytes never move, the fields stay valid.
 */
export class MemtableCursor implements Cursor {
  valid = false;
  keyBytes: Uint8Array = NOTHING;
  keyStart = 0;
  keyEnd = 0;
  sequence = 0;
  kind = 0;
  valueBytes: Uint8Array = NOTHING;
  valueStart = 0;
  valueEnd = 0;

  readonly #arena: Arena;
  readonly #tree: EntryTree;
  #leaf = NO_LEAF;
  #index = 0;
  #changes = 0;

  constructor(arena: Arena, tree: EntryTree) {
    this.#arena = arena;
    this.#tree = tree;
  }

  first(): void {
    this.#place(this.#tree.firstLeaf, 0);
  }

  last(): void {
    const leaf = this.#tree.lastLeaf;
    this.#place(leaf, leaf === NO_LEAF ? 0 : this.#tree.count(leaf) - 1);
  }

  seek(key: Uint8Array, keyStart: number, keyEnd: number, sequence: number): void {
    this.#tree.search(key, keyStart, keyEnd, sequence);
    this.#placeFoundOrNext();
  }

  seekBefore(key: Uint8Array, keyStart: number, keyEnd: number, sequence: number): void {
    // Sequences are integers: before (key, s) is before everything at or after (key, s).
    this.#tree.search(key, keyStart, keyEnd, Math.min(sequence, MAX_SEQUENCE));
    this.#placeBefore(this.#tree.foundLeaf, this.#tree.foundIndex);
  }

  next(): void {
    this.#findAgain();
    const leaf = this.#leaf;
    if (this.#index + 1 < this.#tree.count(leaf)) this.#place(leaf, this.#index + 1);
    else this.#place(this.#tree.next(leaf), 0);
  }

  prev(): void {
    this.#findAgain();
    this.#placeBefore(this.#leaf, this.#index);
  }

  close(): void {
    this.valid = false;
  }

  #findAgain(): void {
    if (this.#changes === this.#tree.changes) return;
    this.#tree.search(this.keyBytes, this.keyStart, this.keyEnd, this.sequence);
    this.#placeFoundOrNext();
  }

  #placeFoundOrNext(): void {
    const leaf = this.#tree.foundLeaf;
    const index = this.#tree.foundIndex;
    if (leaf !== NO_LEAF && index === this.#tree.count(leaf)) this.#place(this.#tree.next(leaf), 0);
    else this.#place(leaf, index);
  }

  #placeBefore(leaf: number, index: number): void {
    if (leaf === NO_LEAF || index > 0) {
      this.#place(leaf, index - 1);
      return;
    }
    const previous = this.#tree.previous(leaf);
    this.#place(previous, previous === NO_LEAF ? 0 : this.#tree.count(previous) - 1);
  }

  #place(leaf: number, index: number): void {
    this.#changes = this.#tree.changes;
    this.valid = leaf !== NO_LEAF;
    if (!this.valid) return;
    this.#leaf = leaf;
    this.#index = index;
    const reference = this.#tree.reference(leaf, index);
    const { bytes, words } = this.#arena.slab(reference);
    const header = headerWord(reference);
    const start = keyOffset(reference);
    const end = start + words[header]!;
    const low = words[header + 2]!;
    this.keyBytes = bytes;
    this.keyStart = start;
    this.keyEnd = end;
    this.sequence = sequenceOf(low, words[header + 3]!);
    this.kind = low & 0xff;
    this.valueBytes = bytes;
    this.valueStart = end;
    this.valueEnd = end + words[header + 1]!;
  }
}
