import type { WalEntry } from '../contract.js';
import { CachedEntries } from './cached-entries.js';
import { EntryRuns, Slot } from './entry-runs.js';

const INITIAL_CAPACITY = 16;

/**
 * Where the entries of one log are, so that term() and the search for an entry touch neither disk nor garbage
 * collector: what neighbours share in runs, the rest in columns of numbers indexed by index - base. 12 bytes
 * an entry, and as much again of room to grow at most.
 */
export class EntryTable {
  readonly #runs = new EntryRuns();
  readonly #cached = new CachedEntries();
  #base = 0;
  #capacity = 0;
  #offsets = new Uint32Array(0);
  #lengths = new Uint32Array(0);
  #checksums = new Uint32Array(0);

  /** Index of the first place in use; equal to {@link end} if there is none. */
  get first(): number {
    return this.#runs.first;
  }

  get end(): number {
    return this.#runs.end;
  }

  slot(index: number): Slot {
    return this.#runs.slot(index);
  }

  term(index: number): number {
    return this.#runs.term(index);
  }

  type(index: number): number {
    return this.#runs.type(index);
  }

  /** 0: in no file (pending, empty). */
  segment(index: number): number {
    return this.#runs.segment(index);
  }

  /** Up to here all entries from this one on have its slot, term, type and segment. */
  runEnd(index: number): number {
    return this.#runs.runEnd(index);
  }

  length(index: number): number {
    return this.#lengths[index - this.#base]!;
  }

  checksum(index: number): number {
    return this.#checksums[index - this.#base]!;
  }

  offset(index: number): number {
    return this.#offsets[index - this.#base]!;
  }

  cached(index: number): WalEntry | undefined {
    return this.#cached.get(index);
  }

  /** Makes empty places down to or up to this index, if it lies outside. */
  extendTo(index: number): void {
    if (index >= this.first && index < this.end) return;
    this.#reach(index);
    this.#runs.set(index, Slot.Empty, 0, 0, 0);
  }

  /** Inside or outside: places between become empty. */
  setPending(entry: WalEntry, ordinal: number): void {
    const { index, term, type, data, checksum } = entry;
    this.#reach(index);
    this.#runs.set(index, Slot.Pending, term, type, 0);
    this.#setColumns(index, data.length, checksum, ordinal);
    this.#cached.set(entry);
  }

  /** Inside or outside: places between become empty. */
  setPlaced(
    index: number,
    term: number,
    type: number,
    length: number,
    checksum: number,
    segment: number,
    offset: number,
  ): void {
    this.#reach(index);
    this.#runs.set(index, Slot.Placed, term, type, segment);
    this.#setColumns(index, length, checksum, offset);
    this.#cached.delete(index);
  }

  /** A pending entry got its place. */
  setPlace(index: number, segment: number, offset: number): void {
    const runs = this.#runs;
    runs.set(index, Slot.Placed, runs.term(index), runs.type(index), segment);
    this.#offsets[index - this.#base] = offset;
  }

  /** The entry stays where it is, unreadable. */
  setFaulty(index: number): void {
    this.setSlot(index, Slot.Faulty);
    this.#cached.delete(index);
  }

  /** What is thought of the entry changes, and nothing else. */
  setSlot(index: number, slot: Slot): void {
    const runs = this.#runs;
    runs.set(index, slot, runs.term(index), runs.type(index), runs.segment(index));
  }

  /** Nothing is known of the entry but perhaps its term; 0: not even that. */
  setMissing(index: number, term: number): void {
    this.#runs.set(index, Slot.Faulty, term, 0, 0);
    this.#setColumns(index, 0, 0, 0);
  }

  /** Takes this very entry out of the cache; another one at its index stays. */
  forget(entry: WalEntry): void {
    this.#cached.forget(entry);
  }

  /** Drops places at and above `index`. */
  cutFrom(index: number): void {
    if (index >= this.end) return;
    this.#runs.cutFrom(Math.max(index, this.first));
    this.#cached.cutFrom(index);
  }

  /** Drops places up to and with `index`, and empty ones that are then the first. */
  cutThrough(index: number): void {
    this.#runs.cutBelow(Math.min(index + 1, this.end));
    this.#cached.cutThrough(index);
  }

  /** Room for `index` in the columns, and empty places between it and those in use. */
  #reach(index: number): void {
    const { first, end } = this;
    if (first === end) this.#reserve(index, index + 1);
    else if (index >= end) this.#reserve(first, index + 1);
    else if (index < first) this.#reserve(index, end);
    else return;
    if (first !== end && index === end) return;
    this.#runs.fillTo(index < first && first !== end ? index + 1 : index);
  }

  #setColumns(index: number, length: number, checksum: number, offset: number): void {
    const at = index - this.#base;
    this.#lengths[at] = length;
    this.#checksums[at] = checksum;
    this.#offsets[at] = offset;
  }

  /** Room for the indexes [from, to) with those in use kept; shifts or grows. */
  #reserve(from: number, to: number): void {
    const isEmpty = this.first === this.end;
    if (isEmpty && to - from <= this.#capacity) {
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
      from < this.#base && !isEmpty ? Math.min(Math.floor((capacity - span) / 2), from) : 0;
    this.#move(from - slack, capacity);
  }

  #move(base: number, capacity: number): void {
    const { first, end } = this;
    const [from, to] = [first - this.#base, end - this.#base];
    const at = first === end ? 0 : first - base;
    const moved = (old: Uint32Array): Uint32Array<ArrayBuffer> => {
      const fresh = new Uint32Array(capacity);
      if (first !== end) fresh.set(old.subarray(from, to), at);
      return fresh;
    };
    this.#offsets = moved(this.#offsets);
    this.#lengths = moved(this.#lengths);
    this.#checksums = moved(this.#checksums);
    this.#base = base;
    this.#capacity = capacity;
  }
}
