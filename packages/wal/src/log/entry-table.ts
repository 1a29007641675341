import type { WalEntry } from '../contract.js';

/** What is known of the entry at one index. */
export const Slot = {
  /** Nothing: a place that damage has left empty, or that a rewrite further on fills. */
  Empty: 0,
  /** In the frame that is being filled; `offset` is its place in that frame's order. */
  Pending: 1,
  /** At (segment, offset) of a file. */
  Placed: 2,
  /** As Placed, but its bytes are damaged or may not be the right ones. segment 0: nowhere. */
  Faulty: 3,
} as const;
export type Slot = (typeof Slot)[keyof typeof Slot];

const INITIAL_CAPACITY = 16;

/**
 * Where the entries of one log are: columns of numbers indexed by index - base, so that term() and the
 * search for an entry touch neither disk nor garbage collector. 30 bytes an entry.
 */
export class EntryTable {
  #base = 0;
  #first = 0;
  #end = 0;
  #capacity = 0;
  #slots = new Uint8Array(0);
  #types = new Uint8Array(0);
  #offsets = new Uint32Array(0);
  #lengths = new Uint32Array(0);
  #checksums = new Uint32Array(0);
  #segments = new Float64Array(0);
  #terms = new Float64Array(0);
  #cached: (WalEntry | undefined)[] = [];

  /** Index of the first place in use; equal to {@link end} if there is none. */
  get first(): number {
    return this.#first;
  }

  get end(): number {
    return this.#end;
  }

  slot(index: number): Slot {
    return this.#slots[index - this.#base] as Slot;
  }

  term(index: number): number {
    return this.#terms[index - this.#base]!;
  }

  type(index: number): number {
    return this.#types[index - this.#base]!;
  }

  length(index: number): number {
    return this.#lengths[index - this.#base]!;
  }

  checksum(index: number): number {
    return this.#checksums[index - this.#base]!;
  }

  /** 0: in no file (pending, empty). */
  segment(index: number): number {
    return this.#segments[index - this.#base]!;
  }

  offset(index: number): number {
    return this.#offsets[index - this.#base]!;
  }

  cached(index: number): WalEntry | undefined {
    return this.#cached[index - this.#base];
  }

  /** Makes the place for `index`, which lies outside; places between become Empty. */
  extendTo(index: number): void {
    if (this.#first === this.#end) {
      this.#reserve(index, index + 1);
      this.#first = index;
      this.#end = index + 1;
    } else if (index >= this.#end) {
      this.#reserve(this.#first, index + 1);
      this.#end = index + 1;
    } else if (index < this.#first) {
      this.#reserve(index, this.#end);
      this.#first = index;
    }
  }

  setPending(entry: WalEntry, ordinal: number): void {
    this.#set(entry.index, Slot.Pending, entry.term, entry.type, entry.data.length, entry.checksum);
    this.setPlace(entry.index, Slot.Pending, 0, ordinal);
    this.#cached[entry.index - this.#base] = entry;
  }

  setPlaced(
    index: number,
    term: number,
    type: number,
    length: number,
    checksum: number,
    segment: number,
    offset: number,
  ): void {
    this.#set(index, Slot.Placed, term, type, length, checksum);
    this.setPlace(index, Slot.Placed, segment, offset);
    this.#cached[index - this.#base] = undefined;
  }

  setPlace(index: number, slot: Slot, segment: number, offset: number): void {
    const at = index - this.#base;
    this.#slots[at] = slot;
    this.#segments[at] = segment;
    this.#offsets[at] = offset;
  }

  /** The entry stays where it is, unreadable. */
  setFaulty(index: number): void {
    this.#slots[index - this.#base] = Slot.Faulty;
    this.#cached[index - this.#base] = undefined;
  }

  /** An Empty place of which at least the term could be told. */
  setMissing(index: number, term: number): void {
    this.#set(index, Slot.Faulty, term, 0, 0, 0);
  }

  /** Takes this very entry out of the cache; another one at its index stays. */
  forget(entry: WalEntry): void {
    const at = entry.index - this.#base;
    if (this.#cached[at] === entry) this.#cached[at] = undefined;
  }

  /** Drops places at and above `index`. */
  cutFrom(index: number): void {
    if (index >= this.#end) return;
    const from = Math.max(index, this.#first);
    this.#clear(from, this.#end);
    this.#end = from;
  }

  /** Drops places up to and with `index`. */
  cutThrough(index: number): void {
    const to = Math.min(index + 1, this.#end);
    this.#clear(this.#first, to);
    this.#first = Math.max(this.#first, to);
    while (this.#first < this.#end && this.slot(this.#first) === Slot.Empty) this.#first++;
  }

  #set(
    index: number,
    slot: Slot,
    term: number,
    type: number,
    length: number,
    checksum: number,
  ): void {
    const at = index - this.#base;
    this.#slots[at] = slot;
    this.#terms[at] = term;
    this.#types[at] = type;
    this.#lengths[at] = length;
    this.#checksums[at] = checksum;
  }

  #clear(from: number, to: number): void {
    for (let at = from - this.#base; at < to - this.#base; at++) {
      this.#slots[at] = Slot.Empty;
      this.#segments[at] = 0;
      this.#cached[at] = undefined;
    }
  }

  /** Room for the indexes [from, to) with those in use kept; shifts or grows. */
  #reserve(from: number, to: number): void {
    const empty = this.#first === this.#end;
    if (empty && to - from <= this.#capacity) {
      this.#base = from;
      return;
    }
    if (from >= this.#base && to <= this.#base + this.#capacity) return;
    const span = to - from;
    let capacity = INITIAL_CAPACITY;
    // Half of it must be free after a shift, or every append could be one.
    while (capacity < span * 2 && capacity < span + 1024 * 1024) capacity *= 2;
    // Below an index that grows downwards there will be more of its kind.
    const slack =
      from < this.#base && !empty ? Math.min(Math.floor((capacity - span) / 2), from) : 0;
    this.#move(from - slack, capacity);
  }

  #move(base: number, capacity: number): void {
    const [from, to] = [this.#first - this.#base, this.#end - this.#base];
    const at = from === to ? 0 : this.#first - base;
    const moved = <T extends Uint8Array | Uint32Array | Float64Array>(old: T, fresh: T): T => {
      fresh.set(old.subarray(from, to), at);
      return fresh;
    };
    const cached = new Array<WalEntry | undefined>(capacity).fill(undefined);
    for (let i = from; i < to; i++) cached[at + i - from] = this.#cached[i];
    this.#cached = cached;
    this.#slots = moved(this.#slots, new Uint8Array(capacity));
    this.#types = moved(this.#types, new Uint8Array(capacity));
    this.#offsets = moved(this.#offsets, new Uint32Array(capacity));
    this.#lengths = moved(this.#lengths, new Uint32Array(capacity));
    this.#checksums = moved(this.#checksums, new Uint32Array(capacity));
    this.#segments = moved(this.#segments, new Float64Array(capacity));
    this.#terms = moved(this.#terms, new Float64Array(capacity));
    this.#base = base;
    this.#capacity = capacity;
  }
}
