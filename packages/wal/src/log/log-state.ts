import { COMPACTED, type LogId, UNAVAILABLE, type WalEntry } from '../contract.js';
import { Slot } from './entry-runs.js';
import { EntryTable } from './entry-table.js';
import type { SegmentLedger } from './segment-ledger.js';

/**
 * One log as the stream of operations has made it so far. The methods are the meaning of those
 * operations, for the writer and for replay alike; checks of what a caller may ask for are the Wal's.
 *
 * Replay may begin in the middle of the stream, behind segments that were collected. Then the state is at
 * every point a subset of what it was when the operations were written, and complete at the end: what
 * was only in those segments and still needed was written again further on.
 */
export class LogState {
  readonly id: LogId;
  readonly table = new EntryTable();
  readonly #ledger: SegmentLedger;
  #prefixIndex = 0;
  #prefixTerm = 0;
  #prefixSegment = 0;
  #hint = 0;
  #hintSegment = 0;
  /** Serial number of the frame that is to carry this log's hint: the writer's. */
  touchedIn = -1;

  constructor(id: LogId, ledger: SegmentLedger) {
    this.id = id;
    this.#ledger = ledger;
  }

  get firstIndex(): number {
    return this.#prefixIndex + 1;
  }

  get lastIndex(): number {
    return this.table.first === this.table.end ? this.#prefixIndex : this.table.end - 1;
  }

  get prefixIndex(): number {
    return this.#prefixIndex;
  }

  get prefixTerm(): number {
    return this.#prefixTerm;
  }

  /** Segment of the newest compactPrefix operation; 0: in none yet. */
  get prefixSegment(): number {
    return this.#prefixSegment;
  }

  /** Highest commit hint. */
  get hint(): number {
    return this.#hint;
  }

  /** Segment of the newest operation with this hint; 0: in none yet. */
  get hintSegment(): number {
    return this.#hintSegment;
  }

  /** True for a log of which nothing is known: the same as one that never was. */
  get isVoid(): boolean {
    return this.#prefixIndex === 0 && this.#hint === 0 && this.table.first === this.table.end;
  }

  termOf(index: number): number {
    if (index < this.#prefixIndex) return COMPACTED;
    if (index === this.#prefixIndex) return this.#prefixTerm;
    if (index > this.lastIndex) return UNAVAILABLE;
    return index < this.table.first ? 0 : this.table.term(index);
  }

  /** What stands at an index of [firstIndex, lastIndex]. */
  slotOf(index: number): Slot {
    return index < this.table.first ? Slot.Empty : this.table.slot(index);
  }

  /**
   * True if this entry may fill a place whose own bytes are damaged or lost. Where the directory survived,
   * all of it must agree: same index and term means same bytes (Raft 5.3, Log Matching). Where it did not,
   * terms never fall along a log.
   */
  lacks(entry: WalEntry): boolean {
    const { index, term, type, data, checksum } = entry;
    if (index < this.firstIndex || index > this.lastIndex) return false;
    const { table } = this;
    if (this.slotOf(index) !== Slot.Faulty) return false;
    if (table.segment(index) === 0) {
      const known = table.term(index);
      if (known > 0) return known === term;
      return term >= Math.max(this.termOf(index - 1), 1) && term <= this.#termAbove(index);
    }
    return (
      table.term(index) === term &&
      table.type(index) === type &&
      table.length(index) === data.length &&
      table.checksum(index) === checksum
    );
  }

  /** True if another entry is known to stand at this index. Of a damaged one too little is known. */
  contradicts(index: number, term: number): boolean {
    const slot = this.slotOf(index);
    return (slot === Slot.Placed || slot === Slot.Pending) && this.termOf(index) !== term;
  }

  /** Bytes in recovered segments newer than that of the entry; 0: it stands in none. */
  bytesBehind(index: number): number {
    const { table } = this;
    const segment = index >= table.first && index < table.end ? table.segment(index) : 0;
    return segment === 0 ? 0 : this.#ledger.bytesBehind(segment);
  }

  /** append, as it is queued: replaces what stands at and above the entry. */
  appendPending(entry: WalEntry, ordinal: number): void {
    this.cutFrom(entry.index);
    this.table.setPending(entry, ordinal);
  }

  /** rewrite, as it is queued: the same entry in a newer place. */
  rewritePending(entry: WalEntry, ordinal: number): void {
    // INVARIANT(rewrite-keeps-tail): only the place of this very entry changes.
    this.#release(entry.index);
    this.table.setPending(entry, ordinal);
  }

  /** The frame of a pending entry got its place. Nothing happens if another one stands there meanwhile. */
  place(index: number, ordinal: number, segment: number, offset: number): void {
    const { table } = this;
    if (index < table.first || index >= table.end) return;
    if (table.slot(index) !== Slot.Pending || table.offset(index) !== ordinal) return;
    table.setPlace(index, segment, offset);
    this.#ledger.addEntry(segment, table.length(index));
  }

  /** append, as it is read back. False: it lies below the log's beginning, which only damage can bring about. */
  append(
    index: number,
    term: number,
    type: number,
    length: number,
    checksum: number,
    segment: number,
    offset: number,
  ): boolean {
    if (index <= this.#prefixIndex) return false;
    this.cutFrom(index);
    this.table.setPlaced(index, term, type, length, checksum, segment, offset);
    this.#ledger.addEntry(segment, length);
    return true;
  }

  /** rewrite, as it is read back. False: it was ignored. */
  rewrite(
    index: number,
    term: number,
    type: number,
    length: number,
    checksum: number,
    segment: number,
    offset: number,
  ): boolean {
    if (index <= this.#prefixIndex) return false;
    const { table } = this;
    const inside = index >= table.first && index < table.end;
    // INVARIANT(rewrite-keeps-tail): it fills a place or renews the same entry, and cuts nothing. In a
    // doubtful place it is what the log had when it was written, behind the loss.
    if (inside && isSettled(table.slot(index)) && table.term(index) !== term) return false;
    if (inside) this.#release(index);
    table.setPlaced(index, term, type, length, checksum, segment, offset);
    this.#ledger.addEntry(segment, length);
    return true;
  }

  /** truncateSuffix. */
  cutFrom(index: number): void {
    const { table } = this;
    if (index >= table.end) return;
    for (let i = Math.max(index, table.first); i < table.end; i++) this.#release(i);
    table.cutFrom(index);
  }

  /** compactPrefix: entries above the index stay. */
  compact(index: number, term: number): void {
    if (index <= this.#prefixIndex) return;
    const { table } = this;
    for (let i = table.first; i <= index && i < table.end; i++) this.#release(i);
    table.cutThrough(index);
    this.#prefixIndex = index;
    this.#prefixTerm = term;
  }

  /** commitHint: the highest one wins. */
  raiseHint(hint: number): boolean {
    if (hint <= this.#hint) return false;
    this.#hint = hint;
    return true;
  }

  /** removeLog. */
  clear(): void {
    this.cutFrom(0);
    this.#prefixIndex = 0;
    this.#prefixTerm = 0;
    this.#hint = 0;
    this.prefixStandsIn(0);
    this.hintStandsIn(0);
  }

  /** The newest prefix was written in this segment. */
  prefixStandsIn(segment: number): void {
    this.#ledger.moveFact(this.#prefixSegment, segment);
    this.#prefixSegment = segment;
  }

  /** The highest hint was written in this segment. */
  hintStandsIn(segment: number): void {
    this.#ledger.moveFact(this.#hintSegment, segment);
    this.#hintSegment = segment;
  }

  /** The bytes of this entry are damaged: it stays in its place and is not read again. */
  setFaulty(index: number): void {
    this.table.setFaulty(index);
  }

  /**
   * A frame was lost whole, and with it perhaps entries that replaced these: what is not known to be
   * committed can no longer be told from what was replaced, until something behind it settles it.
   */
  doubtUncommitted(): void {
    const { table } = this;
    for (let i = Math.max(this.#hint + 1, table.first); i < table.end; i++) {
      const slot = table.slot(i);
      if (slot === Slot.Placed) table.setSlot(i, Slot.Doubtful);
      else if (slot === Slot.Faulty) table.setSlot(i, Slot.DoubtfulFaulty);
    }
  }

  /** A doubtful entry is what stands there after all. */
  trust(index: number): void {
    const { table } = this;
    if (table.slot(index) === Slot.Doubtful) table.setSlot(index, Slot.Placed);
    else table.setFaulty(index);
  }

  /** Nothing is known of the entry that must stand there but perhaps its term (0: not known). */
  setMissing(index: number, term: number): void {
    this.#release(index);
    this.table.setMissing(index, term);
  }

  /** The next term above this index that is known; infinite if there is none. */
  #termAbove(index: number): number {
    const { table } = this;
    for (let i = index + 1; i < table.end; i = table.runEnd(i)) {
      if (table.term(i) > 0) return table.term(i);
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Gives up the place of an entry in its segment. */
  #release(index: number): void {
    const segment = this.table.segment(index);
    if (segment !== 0) this.#ledger.removeEntry(segment, this.table.length(index));
  }
}

function isSettled(slot: Slot): boolean {
  return slot !== Slot.Empty && slot !== Slot.Doubtful && slot !== Slot.DoubtfulFaulty;
}
