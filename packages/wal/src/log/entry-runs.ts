/** What is known of the entry at one index. */
export const Slot = {
  /** Nothing: a place that damage has left empty, or that a rewrite further on fills. */
  Empty: 0,
  /** In the frame that is being filled; `offset` is its place in that frame's order. */
  Pending: 1,
  /** At (segment, offset) of a file. */
  Placed: 2,
  /** As Placed, but its bytes are damaged. segment 0: nowhere, and a term of 0 is not known. */
  Faulty: 3,
  /** In replay: as Placed, but frames behind it are lost that may have replaced it. */
  Doubtful: 4,
  /** In replay: Faulty and Doubtful. */
  DoubtfulFaulty: 5,
} as const;
export type Slot = (typeof Slot)[keyof typeof Slot];

/**
 * What neighbours in a log mostly have in common (state, term, type, segment), kept once for each run of
 * them. The runs cover [first, end) without gaps, and no two neighbours are equal. Whoever goes through a log
 * asks for the same run again and again: it is looked at first.
 */
export class EntryRuns {
  readonly #starts: number[] = [];
  readonly #slots: Slot[] = [];
  readonly #terms: number[] = [];
  readonly #types: number[] = [];
  readonly #segments: number[] = [];
  #end = 0;
  #last = 0;

  get count(): number {
    return this.#starts.length;
  }

  /** Index of the first place; {@link end} if there is none. */
  get first(): number {
    return this.#starts[0] ?? this.#end;
  }

  get end(): number {
    return this.#end;
  }

  slot(index: number): Slot {
    return this.#slots[this.#find(index)] ?? Slot.Empty;
  }

  term(index: number): number {
    return this.#terms[this.#find(index)] ?? 0;
  }

  type(index: number): number {
    return this.#types[this.#find(index)] ?? 0;
  }

  segment(index: number): number {
    return this.#segments[this.#find(index)] ?? 0;
  }

  /** Behind the last place of the run that this index is in. */
  runEnd(index: number): number {
    return this.#endOf(this.#find(index));
  }

  /** Sets one place of [first - 1, end], or the only one. */
  set(index: number, slot: Slot, term: number, type: number, segment: number): void {
    const last = this.#starts.length - 1;
    if (last < 0 || index === this.#end) {
      this.#end = index + 1;
      if (last < 0 || !this.#equals(last, slot, term, type, segment)) {
        this.#insert(last + 1, index, slot, term, type, segment);
      }
      return;
    }
    if (index === this.first - 1) {
      if (this.#equals(0, slot, term, type, segment)) this.#starts[0] = index;
      else this.#insert(0, index, slot, term, type, segment);
      return;
    }
    // Anything else would tear the runs apart.
    if (index > this.#end || index < this.first)
      throw new RangeError(`${index} is not next to [${this.first}, ${this.#end})`);
    const at = this.#find(index);
    if (!this.#equals(at, slot, term, type, segment)) {
      this.#replace(at, index, slot, term, type, segment);
    }
  }

  /** Makes empty places up to this index, which is to be the next first one or the next end. */
  fillTo(index: number): void {
    if (this.#starts.length === 0) {
      this.#end = index;
    } else if (index > this.#end) {
      this.set(this.#end, Slot.Empty, 0, 0, 0);
      this.#end = index;
    } else if (index < this.first) {
      this.set(this.first - 1, Slot.Empty, 0, 0, 0);
      this.#starts[0] = index;
    }
  }

  /** Drops places at and above an index of (first, end), or all. */
  cutFrom(index: number): void {
    if (index >= this.#end) return;
    const kept = index <= this.first ? 0 : this.#find(index - 1) + 1;
    this.#remove(kept, this.#starts.length - kept);
    this.#end = index;
  }

  /** Drops places below an index, and empty ones that are then the first. */
  cutBelow(index: number): void {
    if (index <= this.first) return;
    if (index >= this.#end) {
      this.#remove(0, this.#starts.length);
      return;
    }
    this.#remove(0, this.#find(index));
    this.#starts[0] = index;
    if (this.#slots[0] === Slot.Empty) this.#remove(0, 1);
  }

  /** Sets a place inside run `at` to what that run is not. */
  #replace(
    at: number,
    index: number,
    slot: Slot,
    term: number,
    type: number,
    segment: number,
  ): void {
    const end = this.#endOf(at);
    const isFirst = index === this.#starts[at];
    const isLast = index === end - 1;
    const joinsBelow = isFirst && at > 0 && this.#equals(at - 1, slot, term, type, segment);
    const joinsAbove =
      isLast && at + 1 < this.#starts.length && this.#equals(at + 1, slot, term, type, segment);
    if (joinsAbove) this.#starts[at + 1] = index;
    if (isFirst && isLast) {
      if (joinsBelow && joinsAbove) this.#remove(at, 2);
      else if (joinsBelow || joinsAbove) this.#remove(at, 1);
      else this.#overwrite(at, slot, term, type, segment);
    } else if (isFirst) {
      this.#starts[at] = index + 1;
      if (!joinsBelow) this.#insert(at, index, slot, term, type, segment);
    } else if (isLast) {
      if (!joinsAbove) this.#insert(at + 1, index, slot, term, type, segment);
    } else {
      const [oldSlot, oldTerm] = [this.#slots[at] ?? Slot.Empty, this.#terms[at] ?? 0];
      const [oldType, oldSegment] = [this.#types[at] ?? 0, this.#segments[at] ?? 0];
      this.#insert(at + 1, index + 1, oldSlot, oldTerm, oldType, oldSegment);
      this.#insert(at + 1, index, slot, term, type, segment);
    }
  }

  /** The run that an index of [first, end) is in. */
  #find(index: number): number {
    const starts = this.#starts;
    const last = this.#last;
    if (last < starts.length && (starts[last] ?? 0) <= index && index < this.#endOf(last)) {
      return last;
    }
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((starts[middle] ?? 0) <= index) low = middle;
      else high = middle - 1;
    }
    this.#last = low;
    return low;
  }

  #endOf(at: number): number {
    return this.#starts[at + 1] ?? this.#end;
  }

  #equals(at: number, slot: Slot, term: number, type: number, segment: number): boolean {
    return (
      this.#slots[at] === slot &&
      this.#terms[at] === term &&
      this.#types[at] === type &&
      this.#segments[at] === segment
    );
  }

  #overwrite(at: number, slot: Slot, term: number, type: number, segment: number): void {
    this.#slots[at] = slot;
    this.#terms[at] = term;
    this.#types[at] = type;
    this.#segments[at] = segment;
  }

  #insert(
    at: number,
    start: number,
    slot: Slot,
    term: number,
    type: number,
    segment: number,
  ): void {
    if (at === this.#starts.length) {
      this.#starts.push(start);
      this.#slots.push(slot);
      this.#terms.push(term);
      this.#types.push(type);
      this.#segments.push(segment);
      return;
    }
    this.#starts.splice(at, 0, start);
    this.#slots.splice(at, 0, slot);
    this.#terms.splice(at, 0, term);
    this.#types.splice(at, 0, type);
    this.#segments.splice(at, 0, segment);
  }

  #remove(at: number, count: number): void {
    if (count === 0) return;
    this.#starts.splice(at, count);
    this.#slots.splice(at, count);
    this.#terms.splice(at, count);
    this.#types.splice(at, count);
    this.#segments.splice(at, count);
  }
}
