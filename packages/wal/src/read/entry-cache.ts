import type { WalEntry } from '../contract.js';
import type { EntryTable } from '../log/entry-table.js';

/** Slabs begin small, for a WAL that hardly ever writes, and double up to this. */
const SLAB_BYTES = 256 * 1024;
const FIRST_SLAB_BYTES = 16 * 1024;
/** Counted for each cached entry beside its data. */
const ENTRY_OVERHEAD_BYTES = 160;

/**
 * Owns the bytes of entries from append until they are on disk, and of the newest ones for as long as the
 * budget allows. First in, first out: readers of a log follow its end. Data is copied once, into slabs
 * that are shared by neighbours, so that a small entry costs no buffer of its own.
 */
export class EntryCache {
  readonly #limitBytes: number;
  #slab = new Uint8Array(0);
  #slabUsed = 0;
  /** First in, first out: an entry and the table that shows it. Two columns, no object for each. */
  #tables: EntryTable[] = [];
  #entries: WalEntry[] = [];
  #head = 0;
  /** Entries ever evicted: queue position 0 in the count of {@link mark}. */
  #evicted = 0;
  #evictableTo = 0;
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A copy of the data that lives as long as anyone refers to it. */
  copy(data: Uint8Array): Uint8Array {
    const { length } = data;
    // Not slice(): of a Buffer that is no copy.
    if (length > FIRST_SLAB_BYTES / 4) return new Uint8Array(data);
    if (this.#slabUsed + length > this.#slab.length) {
      const doubled = Math.max(this.#slab.length * 2, FIRST_SLAB_BYTES);
      this.#slab = new Uint8Array(Math.min(doubled, SLAB_BYTES));
      this.#slabUsed = 0;
    }
    this.#slab.set(data, this.#slabUsed);
    // Three times cheaper than subarray().
    const copy = new Uint8Array(this.#slab.buffer, this.#slabUsed, length);
    this.#slabUsed += length;
    return copy;
  }

  /** Remembers that the table holds this entry, to take it out again some day. */
  add(table: EntryTable, entry: WalEntry): void {
    this.#tables.push(table);
    this.#entries.push(entry);
    this.#bytes += entry.data.length + ENTRY_OVERHEAD_BYTES;
  }

  /** Everything added so far, for {@link written}. */
  mark(): number {
    return this.#evicted + this.#entries.length - this.#head;
  }

  /** What was added before this mark can be read from its file: it may go if space is short. */
  written(mark: number): void {
    this.#evictableTo = Math.max(this.#evictableTo, mark);
    while (this.#bytes > this.#limitBytes && this.#evicted < this.#evictableTo) {
      const entry = this.#entries[this.#head];
      if (entry === undefined) break;
      this.#tables[this.#head]?.forget(entry);
      this.#head++;
      this.#evicted++;
      this.#bytes -= entry.data.length + ENTRY_OVERHEAD_BYTES;
    }
    if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#tables = this.#tables.slice(this.#head);
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}
