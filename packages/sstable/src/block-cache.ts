/** Not in the cache. */
export const NOT_CACHED = -1;

/** A table's part of the cache: for each of its data blocks the slot that holds it, or NOT_CACHED. */
export class CachedTable {
  /** @internal */
  readonly slots: Int32Array;

  constructor(blocks: number) {
    this.slots = new Int32Array(blocks).fill(NOT_CACHED);
  }
}

export interface BlockCacheStats {
  readonly blocks: number;
  readonly usedBytes: number;
  readonly hits: number;
  readonly misses: number;
}

/**
 * Decoded blocks of all databases of a process, bounded in bytes.
 *
 * A block is found by a number in its table's slot column, not by a hash: 40 ns. What goes is chosen by
 * CLOCK: a hand walks over the slots, spares once what was read since it came by, and never takes a
 * pinned block (an iterator stands in it). Index and filter blocks are charged to the capacity while
 * their table is open; they and pinned blocks may hold more than the capacity, nothing else may.
 */
export class BlockCache {
  readonly capacityBytes: number;

  readonly #blocks: (Uint8Array | null)[] = [];
  readonly #tables: (CachedTable | null)[] = [];
  readonly #ordinals: number[] = [];
  readonly #pins: number[] = [];
  readonly #isWarm: boolean[] = [];
  readonly #free: number[] = [];
  #hand = 0;
  #usedBytes = 0;
  #hits = 0;
  #misses = 0;

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes;
  }

  stats(): BlockCacheStats {
    return {
      blocks: this.#blocks.length - this.#free.length,
      usedBytes: this.#usedBytes,
      hits: this.#hits,
      misses: this.#misses,
    };
  }

  /** @internal The slot of a block or NOT_CACHED. */
  find(table: CachedTable, ordinal: number): number {
    const slot = table.slots[ordinal]!;
    if (slot === NOT_CACHED) {
      this.#misses++;
      return NOT_CACHED;
    }
    this.#hits++;
    this.#isWarm[slot] = true;
    return slot;
  }

  /** @internal */
  block(slot: number): Uint8Array {
    const block = this.#blocks[slot];
    if (block === undefined || block === null) throw new RangeError('an empty slot of the cache');
    return block;
  }

  /**
   * @internal Takes a block in and answers its slot, or NOT_CACHED if no room can be made.
   * @param worth 'much': it is spared once, as what was read since the hand came by
   */
  insert(
    table: CachedTable,
    ordinal: number,
    block: Uint8Array,
    worth: 'little' | 'much' = 'little',
  ): number {
    if (!this.#makeRoom(block.length)) return NOT_CACHED;
    const slot = this.#free.pop() ?? this.#blocks.length;
    this.#blocks[slot] = block;
    this.#tables[slot] = table;
    this.#ordinals[slot] = ordinal;
    this.#pins[slot] = 0;
    this.#isWarm[slot] = worth === 'much';
    this.#usedBytes += block.length;
    table.slots[ordinal] = slot;
    return slot;
  }

  /** @internal Keeps a slot's block until the same number of unpins. */
  pin(slot: number): void {
    this.#pins[slot] = (this.#pins[slot] ?? 0) + 1;
  }

  /** @internal */
  unpin(slot: number): void {
    const pins = (this.#pins[slot] ?? 0) - 1;
    this.#pins[slot] = pins;
    if (pins === 0 && this.#tables[slot] === null) this.#release(slot);
  }

  /** @internal Forgets all blocks of a table; pinned ones when they are unpinned. */
  drop(table: CachedTable): void {
    for (let ordinal = 0; ordinal < table.slots.length; ordinal++) {
      const slot = table.slots[ordinal]!;
      if (slot === NOT_CACHED) continue;
      table.slots[ordinal] = NOT_CACHED;
      this.#tables[slot] = null;
      if (this.#pins[slot] === 0) this.#release(slot);
    }
  }

  /** @internal Counts bytes held outside of the slots (index and filter blocks); negative gives back. */
  charge(bytes: number): void {
    this.#usedBytes += bytes;
    this.#makeRoom(0);
  }

  /** False if the pinned blocks and the charges leave too little room. */
  #makeRoom(neededBytes: number): boolean {
    if (neededBytes > this.capacityBytes) return false;
    const slots = this.#blocks.length;
    // Two rounds: the first may only take the marks of warmth away.
    for (let steps = 0; steps < 2 * slots; steps++) {
      if (this.#usedBytes + neededBytes <= this.capacityBytes) return true;
      const slot = this.#hand;
      this.#hand = slot + 1 === slots ? 0 : slot + 1;
      if (this.#blocks[slot] === null || this.#pins[slot] !== 0) continue;
      if (this.#isWarm[slot]) this.#isWarm[slot] = false;
      else this.#evict(slot);
    }
    return this.#usedBytes + neededBytes <= this.capacityBytes;
  }

  #evict(slot: number): void {
    const table = this.#tables[slot];
    if (table) table.slots[this.#ordinals[slot] ?? 0] = NOT_CACHED;
    this.#release(slot);
  }

  #release(slot: number): void {
    this.#usedBytes -= this.block(slot).length;
    this.#blocks[slot] = null;
    this.#tables[slot] = null;
    this.#free.push(slot);
  }
}
