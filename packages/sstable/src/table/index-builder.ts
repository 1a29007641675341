import { BlockBuilder, INDEX_RESTART_INTERVAL } from './block-builder.js';
import { BloomBuilder, FILTER_NAME } from './bloom-filter.js';
import { type BlockHandle, encodeHandle, encodePartition } from './format.js';

/** What is left to write at the end of a table. */
export interface FinishedIndex {
  /** Contents of the index block, or with two levels of the index of the partitions. */
  readonly topIndex: Uint8Array;
  readonly levels: 1 | 2;
  /** Entries of the metaindex: the one given and, with one level, the filter. */
  readonly metaBlocks: (name: string, handle: BlockHandle) => Map<string, Uint8Array>;
}

/**
 * Index and filter of a table that is being written. While the index stays small, there is one of each, at
 * the end of the file. When it has reached `partitionBytes`, it is written out with a filter of its keys, behind
 * its data blocks, and the next part begins: then a small index of the parts stands at the end.
 */
export class IndexBuilder {
  readonly #partitionBytes: number;
  readonly #write: (contents: Uint8Array) => BlockHandle;
  readonly #entries = new BlockBuilder(INDEX_RESTART_INTERVAL);
  readonly #top = new BlockBuilder(INDEX_RESTART_INTERVAL);
  readonly #bloom = new BloomBuilder();
  #lastKey: Uint8Array = new Uint8Array(0);

  /** @param write appends a block with these contents to the file */
  constructor(partitionBytes: number, write: (contents: Uint8Array) => BlockHandle) {
    this.#partitionBytes = partitionBytes;
    this.#write = write;
  }

  /**
   * True where the filter needs the next key in any case: each part's filter knows all keys in its blocks,
   * also one whose newer versions stand in the part before.
   */
  get isPartNew(): boolean {
    return this.#bloom.isEmpty;
  }

  /** A key goes into the data block that is being filled. */
  noteKey(hash: number): void {
    this.#bloom.add(hash);
  }

  /** Enters a data block. The key is at or behind its last one and before the next block. */
  add(key: Uint8Array, handle: BlockHandle): void {
    const value = encodeHandle(handle);
    this.#entries.add(key, key.length, value, 0, value.length);
    if (this.#entries.sizeBytes >= this.#partitionBytes) this.#finishPartition(key);
    else this.#lastKey = key.slice();
  }

  finish(): FinishedIndex {
    if (this.#top.entries > 0) {
      if (this.#entries.entries > 0) this.#finishPartition(this.#lastKey);
      return {
        topIndex: this.#top.finish(0),
        levels: 2,
        metaBlocks: (name, handle) => new Map([[name, encodeHandle(handle)]]),
      };
    }
    const filter = encodeHandle(this.#write(this.#bloom.finish()));
    return {
      topIndex: this.#entries.finish(0),
      levels: 1,
      metaBlocks: (name, handle) =>
        new Map([
          [FILTER_NAME, filter],
          [name, encodeHandle(handle)],
        ]),
    };
  }

  #finishPartition(lastKey: Uint8Array): void {
    const blocks = this.#entries.entries;
    const filter = this.#write(this.#bloom.finish());
    const index = this.#write(this.#entries.finish(0));
    const value = encodePartition({ index, filter, blocks });
    this.#top.add(lastKey, lastKey.length, value, 0, value.length);
  }
}
