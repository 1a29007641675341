import { sequenceOf } from '../encoding/internal-key.js';
import { type Arena, headerWord, keyOffset } from './arena.js';
import { nodePrefix, prefixesBelow, touchWords } from './node-search.js';
import type { SlabPool } from './slab-pool.js';

/** Entries of a leaf: an insert moves half of them. */
const LEAF_ENTRIES = 64;
/** Children of an inner node: seldom moved, and the more of them the fewer levels. */
const INNER_CHILDREN = 128;
const HEAD_WORDS = 3;
const LEAF_WORDS = HEAD_WORDS + 2 * LEAF_ENTRIES;
const INNER_WORDS = 1 + 3 * INNER_CHILDREN;
/** Inner levels: 64^6 leaves are out of reach, and a node is half full at least. */
const MAX_HEIGHT = 6;

// Words of a leaf: count | next | previous | prefixes[64] | references[64].
const NEXT = 1;
const PREVIOUS = 2;
const PREFIXES = HEAD_WORDS;
const REFERENCES = HEAD_WORDS + LEAF_ENTRIES;
// Words of an inner node: count | prefixes[128] | references[128] (first entry of each child) | children[128].
const INNER_PREFIXES = 1;
const INNER_REFERENCES = 1 + INNER_CHILDREN;
const CHILDREN = 1 + 2 * INNER_CHILDREN;

const NO_WORDS = new Uint32Array(new SharedArrayBuffer(0));

/** No leaf. Leaf numbers start at 1. */
export const NO_LEAF = 0;

/** No entry. */
export const NO_REFERENCE = -1;

/** The leaves of a tree, which hold all references in order. */
export interface LeafImage {
  readonly words: SharedArrayBuffer;
  readonly first: number;
  readonly last: number;
}

/**
 * A B+tree of references into an arena, in internal key order. All leaves live in one array of words,
 * all inner nodes in another: no object is made for an entry or a node. Beside each reference stands
 * the first bits of its key as a number, which settle most comparisons without touching the
 * arena (a cache miss); that halves the cost of a put and a get. Nothing is ever removed.
 *
 * A position is (leaf, index). Inserts move entries: `changes` tells a cursor to look again.
 */
export class EntryTree {
  readonly #arena: Arena;
  readonly #pool: SlabPool | null;
  #leaves = NO_WORDS;
  #leafCount = 0;
  #inner: Uint32Array = new Uint32Array(0);
  #innerCount = 0;
  #root = NO_LEAF;
  /** Inner levels above the leaves. */
  #height = 0;
  #first = NO_LEAF;
  #last = NO_LEAF;
  #changes = 0;
  /** Where #lookUp ended. */
  #foundLeaf = NO_LEAF;
  #foundIndex = 0;
  #touched = 0;
  readonly #path = new Uint32Array(MAX_HEIGHT);

  /** @param pool - null: nothing is added */
  constructor(arena: Arena, pool: SlabPool | null) {
    this.#arena = arena;
    this.#pool = pool;
  }

  /** A tree over the leaves of another one, to be walked: it has no inner nodes and finds nothing. */
  static over(arena: Arena, { words, first, last }: LeafImage): EntryTree {
    const tree = new EntryTree(arena, null);
    tree.#leaves = new Uint32Array(words);
    tree.#first = first;
    tree.#last = last;
    return tree;
  }

  /** What a thread needs to walk the entries. They must not change any more. */
  get leafImage(): LeafImage {
    return { words: this.#leaves.buffer, first: this.#first, last: this.#last };
  }

  /** Grows with every insert. */
  get changes(): number {
    return this.#changes;
  }

  /** Bytes of the nodes in use. */
  get nodeBytes(): number {
    return 4 * (this.#leafCount * LEAF_WORDS + this.#innerCount * INNER_WORDS);
  }

  /** Bytes of the arrays that hold nodes. */
  get reservedBytes(): number {
    return this.#leaves.byteLength + this.#inner.byteLength;
  }

  get firstLeaf(): number {
    return this.#first;
  }

  get lastLeaf(): number {
    return this.#last;
  }

  count(leaf: number): number {
    return this.#leaves[leafBase(leaf)]!;
  }

  next(leaf: number): number {
    return this.#leaves[leafBase(leaf) + NEXT]!;
  }

  previous(leaf: number): number {
    return this.#leaves[leafBase(leaf) + PREVIOUS]!;
  }

  reference(leaf: number, index: number): number {
    return this.#leaves[leafBase(leaf) + REFERENCES + index]!;
  }

  /** Leaf of the last search. */
  get foundLeaf(): number {
    return this.#foundLeaf;
  }

  /** Index in foundLeaf of the last search; equal to its count where the next leaf begins with the answer. */
  get foundIndex(): number {
    return this.#foundIndex;
  }

  /** Finds the first entry at or after (key, sequence): see foundLeaf and foundIndex. */
  search(key: Uint8Array, start: number, end: number, sequence: number): void {
    this.#lookUp(key, start, end, nodePrefix(key, start, end), sequence);
  }

  /**
   * As search; the reference of the first entry at or after (key, sequence), or NO_REFERENCE if it is none of
   * this key: where the prefixes tell, without touching the arena.
   */
  find(key: Uint8Array, sequence: number): number {
    const prefix = nodePrefix(key, 0, key.length);
    this.#lookUp(key, 0, key.length, prefix, sequence);
    let leaf = this.#foundLeaf;
    let index = this.#foundIndex;
    if (leaf === NO_LEAF) return NO_REFERENCE;
    if (index === this.count(leaf)) {
      leaf = this.next(leaf);
      index = 0;
      if (leaf === NO_LEAF) return NO_REFERENCE;
    }
    const at = leafBase(leaf) + PREFIXES + index;
    return this.#leaves[at] === prefix ? this.#leaves[at + LEAF_ENTRIES]! : NO_REFERENCE;
  }

  /** @internal Nobody wants it; but what is kept nowhere the compiler does not read (see touchWords). */
  get touched(): number {
    return this.#touched;
  }

  /** True if the last search stands exactly at (key, sequence). */
  #isAt(key: Uint8Array, start: number, end: number, sequence: number): boolean {
    const leaf = this.#foundLeaf;
    if (leaf === NO_LEAF || this.#foundIndex >= this.count(leaf)) return false;
    const reference = this.reference(leaf, this.#foundIndex);
    return this.#compareToEntry(key, start, end, sequence, reference) === 0;
  }

  /**
   * As search, for an insert: a key that goes behind all others, as in an ascending load, is compared with the
   * last one alone. False if there is an entry of this key at this sequence.
   */
  findPlace(key: Uint8Array, sequence: number): boolean {
    const { length } = key;
    const prefix = nodePrefix(key, 0, length);
    if (this.#isBehindAll(key, prefix, sequence)) {
      this.#goToEnd();
      return true;
    }
    this.#lookUp(key, 0, length, prefix, sequence);
    return !this.#isAt(key, 0, length, sequence);
  }

  #isBehindAll(key: Uint8Array, prefix: number, sequence: number): boolean {
    const leaf = this.#last;
    if (leaf === NO_LEAF) return false;
    const at = leafBase(leaf) + PREFIXES + this.count(leaf) - 1;
    const last = this.#leaves[at]!;
    if (last !== prefix) return last < prefix;
    return this.#compareToEntry(key, 0, key.length, sequence, this.#leaves[at + LEAF_ENTRIES]!) > 0;
  }

  #goToEnd(): void {
    let node = this.#root;
    for (let depth = 0; depth < this.#height; depth++) {
      const child = this.#inner[innerBase(node)]! - 1;
      this.#path[depth] = node * INNER_CHILDREN + child;
      node = this.#inner[innerBase(node) + CHILDREN + child]!;
    }
    this.#foundLeaf = node;
    this.#foundIndex = this.count(node);
  }

  /** Adds an entry where the search for its key and sequence ended just before. */
  insertFound(reference: number): void {
    this.#changes++;
    const prefix = this.#prefixOf(reference);
    if (this.#root === NO_LEAF) {
      this.#root = this.#first = this.#last = this.#addLeaf();
      this.#foundLeaf = this.#root;
      this.#foundIndex = 0;
    }
    let leaf = this.#foundLeaf;
    let index = this.#foundIndex;
    if (this.count(leaf) === LEAF_ENTRIES) {
      // In ascending load the full leaf stays full; elsewhere it gives its upper half away.
      const keep = index === LEAF_ENTRIES && leaf === this.#last ? LEAF_ENTRIES : LEAF_ENTRIES / 2;
      const right = this.#splitLeaf(leaf, keep);
      if (index >= keep && (index > keep || keep === LEAF_ENTRIES)) {
        leaf = right;
        index -= keep;
      }
      this.#putIntoLeaf(leaf, index, prefix, reference);
      this.#addChild(this.#height - 1, right);
      return;
    }
    this.#putIntoLeaf(leaf, index, prefix, reference);
  }

  #putIntoLeaf(leaf: number, index: number, prefix: number, reference: number): void {
    const words = this.#leaves;
    const base = leafBase(leaf);
    const count = words[base]!;
    const prefixes = base + PREFIXES;
    const references = base + REFERENCES;
    words.copyWithin(prefixes + index + 1, prefixes + index, prefixes + count);
    words.copyWithin(references + index + 1, references + index, references + count);
    words[prefixes + index] = prefix;
    words[references + index] = reference;
    words[base] = count + 1;
  }

  /** Moves the entries from `keep` on to a new leaf behind this one; answers the new leaf. */
  #splitLeaf(leaf: number, keep: number): number {
    const right = this.#addLeaf();
    const words = this.#leaves;
    const from = leafBase(leaf);
    const to = leafBase(right);
    words.copyWithin(to + PREFIXES, from + PREFIXES + keep, from + PREFIXES + LEAF_ENTRIES);
    words.copyWithin(to + REFERENCES, from + REFERENCES + keep, from + REFERENCES + LEAF_ENTRIES);
    words[from] = keep;
    words[to] = LEAF_ENTRIES - keep;
    const after = words[from + NEXT]!;
    words[from + NEXT] = right;
    words[to + PREVIOUS] = leaf;
    words[to + NEXT] = after;
    if (after === NO_LEAF) this.#last = right;
    else words[leafBase(after) + PREVIOUS] = right;
    return right;
  }

  /** Enters a new node beside the one that the last search went through, `depth` levels below the root. */
  #addChild(depth: number, child: number): void {
    const first = this.#firstOf(child, depth === this.#height - 1);
    if (depth < 0) {
      this.#addRoot(child, first);
      return;
    }
    const node = Math.floor(this.#path[depth]! / INNER_CHILDREN);
    const index = (this.#path[depth]! % INNER_CHILDREN) + 1;
    if (this.#inner[innerBase(node)]! < INNER_CHILDREN) {
      this.#putIntoInner(node, index, first, child);
      return;
    }
    const keep = index === INNER_CHILDREN ? INNER_CHILDREN : INNER_CHILDREN / 2;
    const right = this.#splitInner(node, keep);
    if (index >= keep && (index > keep || keep === INNER_CHILDREN)) {
      this.#putIntoInner(right, index - keep, first, child);
    } else {
      this.#putIntoInner(node, index, first, child);
    }
    this.#addChild(depth - 1, right);
  }

  #addRoot(child: number, first: number): void {
    const old = this.#root;
    const oldFirst = this.#firstOf(old, this.#height === 0);
    const root = this.#addInner();
    this.#putIntoInner(root, 0, oldFirst, old);
    this.#putIntoInner(root, 1, first, child);
    this.#root = root;
    this.#height++;
  }

  #putIntoInner(node: number, index: number, reference: number, child: number): void {
    const words = this.#inner;
    const base = innerBase(node);
    const count = words[base]!;
    for (const column of [INNER_PREFIXES, INNER_REFERENCES, CHILDREN]) {
      const at = base + column;
      words.copyWithin(at + index + 1, at + index, at + count);
    }
    words[base + INNER_PREFIXES + index] = this.#prefixOf(reference);
    words[base + INNER_REFERENCES + index] = reference;
    words[base + CHILDREN + index] = child;
    words[base] = count + 1;
  }

  #splitInner(node: number, keep: number): number {
    const right = this.#addInner();
    const words = this.#inner;
    const from = innerBase(node);
    const to = innerBase(right);
    for (const column of [INNER_PREFIXES, INNER_REFERENCES, CHILDREN]) {
      words.copyWithin(to + column, from + column + keep, from + column + INNER_CHILDREN);
    }
    words[from] = keep;
    words[to] = INNER_CHILDREN - keep;
    return right;
  }

  #firstOf(node: number, isLeaf: boolean): number {
    return isLeaf ? this.reference(node, 0) : this.#inner[innerBase(node) + INNER_REFERENCES]!;
  }

  #prefixOf(reference: number): number {
    const { bytes, words } = this.#arena.slab(reference);
    const start = keyOffset(reference);
    return nodePrefix(bytes, start, start + words[headerWord(reference)]!);
  }

  #addLeaf(): number {
    const leaf = ++this.#leafCount;
    const base = leafBase(leaf);
    this.#growLeaves(base, base + LEAF_WORDS);
    // The memory may have been used before.
    this.#leaves.fill(0, base, base + HEAD_WORDS);
    return leaf;
  }

  #growLeaves(used: number, needed: number): void {
    const words = this.#leaves;
    if (words.length >= needed) return;
    const bytes = Math.max(needed, words.length * 2) * Uint32Array.BYTES_PER_ELEMENT;
    const memory = this.#pool?.take(bytes) ?? new SharedArrayBuffer(bytes);
    const larger = new Uint32Array(memory);
    larger.set(words.subarray(0, used));
    this.#leaves = larger;
    this.#pool?.give(words.buffer);
  }

  /** Gives the memory back. The tree is empty then. */
  free(): void {
    this.#pool?.give(this.#leaves.buffer);
    this.#leaves = NO_WORDS;
    this.#inner = new Uint32Array(0);
    this.#leafCount = 0;
    this.#innerCount = 0;
    this.#height = 0;
    this.#root = this.#first = this.#last = this.#foundLeaf = NO_LEAF;
    this.#changes++;
  }

  #addInner(): number {
    const node = ++this.#innerCount;
    this.#inner = grownWords(this.#inner, innerBase(node), innerBase(node) + INNER_WORDS);
    return node;
  }

  #lookUp(key: Uint8Array, start: number, end: number, prefix: number, sequence: number): void {
    let node = this.#root;
    if (node === NO_LEAF) {
      this.#foundLeaf = NO_LEAF;
      this.#foundIndex = 0;
      return;
    }
    const inner = this.#inner;
    for (let depth = 0; depth < this.#height; depth++) {
      const base = innerBase(node);
      // The last child whose first entry is not behind the target. The first child takes all before it.
      const column = base + INNER_PREFIXES + 1;
      const others = inner[base]! - 1;
      let child = 0;
      // Where keys begin alike, all prefixes are the same: there is nothing to be passed.
      if (others > 0 && inner[column]! < prefix) {
        this.#touched = touchWords(inner, column, others);
        child = prefixesBelow(inner, column, others, prefix);
      }
      if (child < others && inner[column + child] === prefix) {
        // One that is equal is passed, too: behind it comes the same key at a sequence that is less by one.
        const behind = sequence - 1;
        child = this.#passAlike(
          inner,
          column,
          INNER_CHILDREN,
          child,
          others,
          key,
          start,
          end,
          behind,
        );
      }
      this.#path[depth] = node * INNER_CHILDREN + child;
      node = inner[base + CHILDREN + child]!;
    }
    const leaves = this.#leaves;
    const base = leafBase(node);
    const column = base + PREFIXES;
    const count = leaves[base]!;
    let index = 0;
    if (leaves[column]! < prefix) {
      this.#touched = touchWords(leaves, column, 2 * LEAF_ENTRIES);
      index = prefixesBelow(leaves, column, count, prefix);
    }
    if (index < count && leaves[column + index] === prefix) {
      index = this.#passAlike(
        leaves,
        column,
        LEAF_ENTRIES,
        index,
        count,
        key,
        start,
        end,
        sequence,
      );
    }
    this.#foundLeaf = node;
    this.#foundIndex = index;
  }

  /**
   * In a column of prefixes, from `from` on, where the first is the target's: the index of the first entry that is
   * not before the target. Only here the keys themselves are looked at.
   * @param toReference words from a prefix to its reference
   */
  #passAlike(
    words: Uint32Array,
    column: number,
    toReference: number,
    from: number,
    count: number,
    key: Uint8Array,
    start: number,
    end: number,
    sequence: number,
  ): number {
    const prefix = words[column + from]!;
    const isAlone = from + 1 === count || words[column + from + 1] !== prefix;
    let low = from;
    let high = isAlone ? from + 1 : count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = column + middle;
      const isBefore =
        words[at] === prefix &&
        this.#compareToEntry(key, start, end, sequence, words[at + toReference]!) > 0;
      if (isBefore) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Sign of (key, sequence) - entry in internal order. Equal prefixes have been seen already. */
  #compareToEntry(
    key: Uint8Array,
    start: number,
    end: number,
    sequence: number,
    reference: number,
  ): number {
    const { bytes, words } = this.#arena.slab(reference);
    const header = headerWord(reference);
    const otherStart = keyOffset(reference);
    const length = end - start;
    const otherLength = words[header]!;
    const common = Math.min(length, otherLength);
    for (let i = 0; i < common; i++) {
      const difference = key[start + i]! - bytes[otherStart + i]!;
      if (difference !== 0) return difference;
    }
    if (length !== otherLength) return length - otherLength;
    return sequenceOf(words[header + 2]!, words[header + 3]!) - sequence;
  }
}

function leafBase(leaf: number): number {
  return (leaf - 1) * LEAF_WORDS;
}

function innerBase(node: number): number {
  return (node - 1) * INNER_WORDS;
}

function grownWords(words: Uint32Array, used: number, needed: number): Uint32Array {
  if (words.length >= needed) return words;
  const larger = new Uint32Array(Math.max(needed, words.length * 2));
  larger.set(words.subarray(0, used));
  return larger;
}
