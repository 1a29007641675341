import { compareRanges } from '../encoding/key-order.js';
import { type Cursor, NOTHING } from '../read/cursor.js';
import type { TableCursor } from '../table/table-cursor.js';
import type { TableMeta } from '../table/table-meta.js';
import type { TableReader } from '../table/table-reader.js';

/** A table of a level as a cursor needs it. */
export interface LevelTable {
  readonly meta: TableMeta;
  readonly reader: TableReader;
}

/** Walks tables that follow each other without overlap, one open cursor at a time. */
export class LevelCursor implements Cursor {
  valid = false;
  keyBytes: Uint8Array = NOTHING;
  readonly keyStart = 0;
  keyEnd = 0;
  sequence = 0;
  kind = 0;
  valueBytes: Uint8Array = NOTHING;
  valueStart = 0;
  valueEnd = 0;

  readonly #tables: readonly LevelTable[];
  #at = -1;
  #cursor: TableCursor | null = null;

  constructor(tables: readonly LevelTable[]) {
    this.#tables = tables;
  }

  first(): void {
    this.#use(0)?.first();
    this.#skipForward();
  }

  last(): void {
    this.#use(this.#tables.length - 1)?.last();
    this.#skipBack();
  }

  seek(key: Uint8Array, keyStart: number, keyEnd: number, sequence: number): void {
    this.#use(this.#find(key, keyStart, keyEnd))?.seek(key, keyStart, keyEnd, sequence);
    this.#skipForward();
  }

  seekBefore(key: Uint8Array, keyStart: number, keyEnd: number, sequence: number): void {
    const at = this.#find(key, keyStart, keyEnd);
    if (at === this.#tables.length) {
      this.last();
      return;
    }
    this.#use(at)?.seekBefore(key, keyStart, keyEnd, sequence);
    this.#skipBack();
  }

  next(): void {
    this.#cursor?.next();
    this.#skipForward();
  }

  prev(): void {
    this.#cursor?.prev();
    this.#skipBack();
  }

  close(): void {
    this.#cursor?.close();
    this.#cursor = null;
    this.#at = -1;
    this.valid = false;
  }

  /** First table whose largest key is at or behind the key. */
  #find(key: Uint8Array, keyStart: number, keyEnd: number): number {
    let low = 0;
    let high = this.#tables.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const largest = this.#tables[middle]?.meta.largest ?? NOTHING;
      if (compareRanges(largest, 0, largest.length, key, keyStart, keyEnd) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #use(at: number): TableCursor | null {
    if (at === this.#at) return this.#cursor;
    this.close();
    const table = this.#tables[at];
    if (table === undefined) return null;
    this.#at = at;
    this.#cursor = table.reader.cursor();
    return this.#cursor;
  }

  #skipForward(): void {
    while (this.#cursor !== null && !this.#cursor.valid) this.#use(this.#at + 1)?.first();
    this.#take();
  }

  #skipBack(): void {
    while (this.#cursor !== null && !this.#cursor.valid) this.#use(this.#at - 1)?.last();
    this.#take();
  }

  #take(): void {
    const cursor = this.#cursor;
    this.valid = cursor !== null;
    if (cursor === null) return;
    this.keyBytes = cursor.keyBytes;
    this.keyEnd = cursor.keyEnd;
    this.sequence = cursor.sequence;
    this.kind = cursor.kind;
    this.valueBytes = cursor.valueBytes;
    this.valueStart = cursor.valueStart;
    this.valueEnd = cursor.valueEnd;
  }
}
