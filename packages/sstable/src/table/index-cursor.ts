import { NOT_CACHED } from '../block-cache.js';
import { SstError, SstErrorCode } from '../contract.js';
import { codeOf } from '../encoding/error-code.js';
import { BlockCursor } from './block-cursor.js';
import { type BlockHandle, decodeHandle } from './format.js';
import { contentsEnd, withPrefixes } from './index-block.js';
import type { TableBlocks } from './table-blocks.js';
import { cursorOver, indexOrdinal, type Partition, type TableIndex } from './table-index.js';

/** Walks the data blocks that a table's index names, over one level or two. */
export class IndexCursor {
  readonly #index: TableIndex;
  readonly #blocks: TableBlocks;
  readonly #top: BlockCursor | null;
  readonly #leaf: BlockCursor;
  /** Number of the partition in #leaf; -1 while there is none. */
  #partition = -1;
  #firstBlock = 0;
  #leafOffset: number;
  /** Pinned slot of the partition. */
  #slot = NOT_CACHED;

  constructor(index: TableIndex, blocks: TableBlocks) {
    const { block, offset, file } = index;
    this.#index = index;
    this.#blocks = blocks;
    this.#leafOffset = offset;
    const cursor = cursorOver(block, file, offset);
    this.#top = index.partitions === null ? null : cursor;
    this.#leaf = index.partitions === null ? cursor : new BlockCursor();
  }

  get valid(): boolean {
    return this.#leaf.valid;
  }

  /** Number of the data block in the table. */
  get ordinal(): number {
    return this.#firstBlock + this.#leaf.restart;
  }

  /** Number of the partition that it stands in; -1 with one level. */
  get partition(): number {
    return this.#partition;
  }

  /** The entry's key: at or behind the last one of its block. */
  get key(): BlockCursor {
    return this.#leaf;
  }

  /** Where the data block stands. @throws SstError SST_CORRUPT */
  get handle(): BlockHandle {
    const { valueBytes, valueStart, valueEnd } = this.#leaf;
    try {
      return decodeHandle(valueBytes, valueStart, valueEnd);
    } catch (error) {
      if (codeOf(error) !== 'DECODE') throw error;
      throw this.#damage('has a right checksum and wrong contents');
    }
  }

  first(): void {
    if (this.#top === null) this.#leaf.first();
    else {
      this.#top.first();
      if (this.#enter()) this.#leaf.first();
    }
  }

  last(): void {
    if (this.#top === null) this.#leaf.last();
    else {
      this.#top.last();
      if (this.#enter()) this.#leaf.last();
    }
  }

  /** To the block in which (key, sequence) is or would be; not valid behind the last one. */
  seek(key: Uint8Array, keyStart: number, keyEnd: number, sequence: number): void {
    if (this.#top !== null) {
      this.#top.seek(key, keyStart, keyEnd, sequence);
      if (!this.#enter()) return;
    }
    this.#leaf.seek(key, keyStart, keyEnd, sequence);
    // The key of a partition is that of its last entry, so it is never behind it.
    if (!this.#leaf.valid && this.#top !== null) throw this.#damage('ends before its own key');
  }

  next(): void {
    this.#leaf.next();
    if (this.#leaf.valid || this.#top === null) return;
    this.#top.next();
    if (this.#enter()) this.#leaf.first();
  }

  prev(): void {
    this.#leaf.prev();
    if (this.#leaf.valid || this.#top === null) return;
    this.#top.prev();
    if (this.#enter()) this.#leaf.last();
  }

  /** Gives back what it pins. A second close does nothing. */
  close(): void {
    this.#leave();
    this.#leaf.invalidate();
  }

  /** Goes to the partition that the top stands at. */
  #enter(): boolean {
    const top = this.#top;
    if (top === null) return true;
    this.#leaf.invalidate();
    if (!top.valid) return false;
    const number = top.restart;
    if (number === this.#partition) return true;
    this.#leave();
    const partition = this.#index.partitions?.[number];
    if (partition === undefined) throw this.#damage('names a partition that is not there');
    this.#load(number, partition);
    return true;
  }

  #load(number: number, partition: Partition): void {
    const ordinal = indexOrdinal(this.#index, number);
    const { block, slot } = this.#blocks.getPinned(ordinal, partition.index, withPrefixes);
    this.#slot = slot;
    this.#partition = number;
    this.#firstBlock = partition.firstBlock;
    this.#leafOffset = partition.index.offset;
    this.#leaf.reset(block, contentsEnd(block), this.#index.file, this.#leafOffset);
    if (this.#leaf.restartCount !== partition.blocks) {
      throw this.#damage('has another number of entries than its table says');
    }
  }

  #leave(): void {
    this.#blocks.unpin(this.#slot);
    this.#slot = NOT_CACHED;
    this.#partition = -1;
  }

  #damage(what: string): SstError {
    const { file } = this.#index;
    const offset = this.#leafOffset;
    return new SstError(SstErrorCode.Corrupt, `index block at ${offset} of ${file} ${what}`, {
      file,
      offset,
    });
  }
}
