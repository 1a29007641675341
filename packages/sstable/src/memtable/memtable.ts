import { Kind, sequenceOf } from '../encoding/internal-key.js';
import { compareRanges } from '../encoding/key-order.js';
import type { PointResult } from '../read/cursor.js';
import { NOTHING } from '../read/cursor.js';
import { Arena, headerWord, keyOffset } from './arena.js';
import { EntryTree, NO_REFERENCE } from './entry-tree.js';
import { MemtableCursor } from './memtable-cursor.js';
import type { MemtableImage } from './memtable-image.js';
import { SlabPool } from './slab-pool.js';

/**
 * Newest writes, sorted, in memory: every version of every key until the memtable is flushed.
 * Owns copies of keys and values. A new memtable holds no memory beyond its object.
 */
export class Memtable {
  readonly #arena: Arena;
  readonly #tree: EntryTree;
  #entries = 0;
  #smallestSequence = Number.MAX_SAFE_INTEGER;
  #largestSequence = 0;

  /** @param pool - where its memory comes from. Default: it is not used again */
  constructor(pool = new SlabPool(0)) {
    this.#arena = new Arena(pool);
    this.#tree = new EntryTree(this.#arena, pool);
  }

  get entries(): number {
    return this.#entries;
  }

  /** Bytes in use by entries and tree. */
  get sizeBytes(): number {
    return this.#arena.usedBytes + this.#tree.nodeBytes;
  }

  /** Memory that it holds. */
  get reservedBytes(): number {
    return this.#arena.reservedBytes + this.#tree.reservedBytes;
  }

  /** Lowest sequence; meaningless while empty. */
  get smallestSequence(): number {
    return this.#smallestSequence;
  }

  /** Highest sequence; meaningless while empty. */
  get largestSequence(): number {
    return this.#largestSequence;
  }

  /** Copies a version in. False if this key already has a version at this sequence. */
  add(sequence: number, kind: Kind, key: Uint8Array, value: Uint8Array): boolean {
    const tree = this.#tree;
    if (!tree.findPlace(key, sequence)) return false;
    const reference = this.#arena.add(sequence, kind, key, kind === Kind.Delete ? NOTHING : value);
    tree.insertFound(reference);
    this.#entries++;
    if (sequence < this.#smallestSequence) this.#smallestSequence = sequence;
    if (sequence > this.#largestSequence) this.#largestSequence = sequence;
    return true;
  }

  /** Newest version of the key at or below `atMost`, tombstones included; views into the memtable. */
  get(key: Uint8Array, atMost: number, result: PointResult): boolean {
    const reference = this.#tree.find(key, atMost);
    if (reference === NO_REFERENCE) return false;
    const { bytes, words } = this.#arena.slab(reference);
    const header = headerWord(reference);
    const start = keyOffset(reference);
    const end = start + words[header]!;
    if (compareRanges(key, 0, key.length, bytes, start, end) !== 0) return false;
    const low = words[header + 2]!;
    result.kind = low & 0xff;
    result.sequence = sequenceOf(low, words[header + 3]!);
    result.bytes = bytes;
    result.start = end;
    result.end = end + words[header + 1]!;
    return true;
  }

  /** For a flush in another thread. No more may be written. */
  get image(): MemtableImage {
    return { slabs: this.#arena.slabs, leaves: this.#tree.leafImage };
  }

  /** Gives the memory back. Nobody reads it any more: no iterator, no flush. */
  free(): void {
    this.#arena.free();
    this.#tree.free();
    this.#entries = 0;
  }

  /** A cursor that sees later writes too: whoever reads a view must filter by sequence. */
  cursor(): MemtableCursor {
    return new MemtableCursor(this.#arena, this.#tree);
  }
}
