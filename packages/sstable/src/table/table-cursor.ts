import { NOT_CACHED } from '../block-cache.js';
import { type Cursor, NOTHING } from '../read/cursor.js';
import { BlockCursor } from './block-cursor.js';
import { dataEnd } from './data-block.js';
import type { IndexCursor } from './index-cursor.js';
import type { TableBlocks } from './table-blocks.js';
import type { TableReader } from './table-reader.js';

/** Walks a whole table: a cursor over the index on top of one over the data block it stands in. */
export class TableCursor implements Cursor {
  valid = false;
  keyBytes: Uint8Array = NOTHING;
  readonly keyStart = 0;
  keyEnd = 0;
  sequence = 0;
  kind = 0;
  valueBytes: Uint8Array = NOTHING;
  valueStart = 0;
  valueEnd = 0;

  readonly #reader: TableReader;
  readonly #data = new BlockCursor();
  #index: IndexCursor | null = null;
  #blocks: TableBlocks | null = null;
  /** Pinned slot of the data block; NOT_CACHED while none is. */
  #slot = NOT_CACHED;
  /** Number of the data block in #data; -1 while there is none. */
  #ordinal = -1;

  constructor(reader: TableReader) {
    this.#reader = reader;
  }

  first(): void {
    const index = this.#useIndex();
    index.first();
    if (!this.#enter(index)) return;
    this.#data.first();
    this.#skipForward(index);
  }

  last(): void {
    const index = this.#useIndex();
    index.last();
    if (!this.#enter(index)) return;
    this.#data.last();
    this.#skipBack(index);
  }

  seek(key: Uint8Array, keyStart: number, keyEnd: number, sequence: number): void {
    const index = this.#useIndex();
    index.seek(key, keyStart, keyEnd, sequence);
    if (!this.#enter(index)) return;
    this.#data.seek(key, keyStart, keyEnd, sequence);
    this.#skipForward(index);
  }

  seekBefore(key: Uint8Array, keyStart: number, keyEnd: number, sequence: number): void {
    const index = this.#useIndex();
    index.seek(key, keyStart, keyEnd, sequence);
    if (!index.valid) {
      this.last();
      return;
    }
    if (!this.#enter(index)) return;
    this.#data.seekBefore(key, keyStart, keyEnd, sequence);
    this.#skipBack(index);
  }

  next(): void {
    this.#data.next();
    if (this.#data.valid) this.#take();
    else this.#skipForward(this.#useIndex());
  }

  prev(): void {
    this.#data.prev();
    if (this.#data.valid) this.#take();
    else this.#skipBack(this.#useIndex());
  }

  close(): void {
    this.#leave();
    this.#data.close();
    this.#index?.close();
  }

  #useIndex(): IndexCursor {
    if (this.#index === null) {
      const { index, blocks } = this.#reader.indexCursor();
      this.#index = index;
      this.#blocks = blocks;
    }
    return this.#index;
  }

  #skipForward(index: IndexCursor): void {
    while (!this.#data.valid) {
      index.next();
      if (!this.#enter(index)) return;
      this.#data.first();
    }
    this.#take();
  }

  #skipBack(index: IndexCursor): void {
    while (!this.#data.valid) {
      index.prev();
      if (!this.#enter(index)) return;
      this.#data.last();
    }
    this.#take();
  }

  /** Goes to the block that the index stands at; false (and not valid) if it stands nowhere. */
  #enter(index: IndexCursor): boolean {
    const blocks = this.#blocks;
    if (!index.valid || blocks === null) {
      this.valid = false;
      return false;
    }
    const ordinal = index.ordinal;
    if (this.#ordinal === ordinal) return true;
    this.#leave();
    const { handle } = index;
    const { block, slot } = blocks.getPinned(ordinal, handle);
    this.#slot = slot;
    this.#ordinal = ordinal;
    this.#data.reset(block, dataEnd(block), this.#reader.path, handle.offset);
    return true;
  }

  #leave(): void {
    this.valid = false;
    this.#data.valid = false;
    this.#blocks?.unpin(this.#slot);
    this.#slot = NOT_CACHED;
    this.#ordinal = -1;
  }

  #take(): void {
    const data = this.#data;
    this.valid = true;
    this.keyBytes = data.keyBytes;
    this.keyEnd = data.keyEnd;
    this.sequence = data.sequence;
    this.kind = data.kind;
    this.valueBytes = data.valueBytes;
    this.valueStart = data.valueStart;
    this.valueEnd = data.valueEnd;
  }
}
