import { BlockBuilder, INDEX_RESTART_INTERVAL } from './block-builder.js';
import { BloomBuilder, FILTER_NAME } from './bloom-filter.js';
import { type BlockHandle, encodeHandle, encodePartition } from './format.js';

/**
 * Size of a part of an index of two levels. With blocks of 4 KiB it names about 1 MiB of data, and its filter is
 * as large: what a get reads where nothing is cached stays small, too.
 */
const PART_BYTES = 8 * 1024;

/** What is left to write at the end of a table. */
export interface FinishedIndex {
  /** Contents of the index block, or with two levels of the index of the partitions. */
  readonly topIndex: Uint8Array;
  readonly levels: 1 | 2;
  /** Entries of the metaindex: the one given and, with one level, the filter. */
  readonly metaBlocks: (name: string, handle: BlockHandle) => Map<string, Uint8Array>;
}

interface Part {
  readonly index: Uint8Array;
  readonly blocks: number;
  /** Key of its last entry. */
  readonly lastKey: Uint8Array;
  readonly bloom: BloomBuilder;
  /** Its first key is the last one of the part before, too. */
  readonly repeatsKey: boolean;
}

/**
 * Index and filter of a table that is being written. If the index stays small there is one block of each; else
 * they are written in parts, and a small index of the parts. Which it is to be is known at the end: until then
 * all of it is held in memory, a hundredth of the table.
 */
export class IndexBuilder {
  readonly #oneLevelBytes: number;
  readonly #partBytes: number;
  readonly #write: (contents: Uint8Array) => BlockHandle;
  readonly #whole = new BlockBuilder(INDEX_RESTART_INTERVAL);
  readonly #part = new BlockBuilder(INDEX_RESTART_INTERVAL);
  readonly #parts: Part[] = [];
  #bloom = new BloomBuilder();
  #repeatsKey = false;
  #lastKey: Uint8Array = new Uint8Array(0);

  /**
   * @param oneLevelBytes a larger index has two levels
   * @param write appends a block with these contents to the file
   */
  constructor(oneLevelBytes: number, write: (contents: Uint8Array) => BlockHandle) {
    this.#oneLevelBytes = oneLevelBytes;
    this.#partBytes = Math.min(PART_BYTES, oneLevelBytes);
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
  noteKey(hash: number, isNewKey: boolean): void {
    if (this.#bloom.isEmpty) this.#repeatsKey = !isNewKey;
    this.#bloom.add(hash);
  }

  /** Enters a data block. The key is at or behind its last one and before the next block. */
  add(key: Uint8Array, handle: BlockHandle): void {
    const value = encodeHandle(handle);
    this.#whole.add(key, key.length, value, 0, value.length);
    this.#part.add(key, key.length, value, 0, value.length);
    this.#lastKey = key.slice();
    if (this.#part.sizeBytes >= this.#partBytes) this.#finishPart();
  }

  finish(): FinishedIndex {
    if (this.#part.entries > 0) this.#finishPart();
    return this.#whole.sizeBytes > this.#oneLevelBytes ? this.#twoLevels() : this.#oneLevel();
  }

  #oneLevel(): FinishedIndex {
    const bloom = new BloomBuilder();
    for (const part of this.#parts) bloom.addAll(part.bloom, part.repeatsKey ? 1 : 0);
    const filter = encodeHandle(this.#write(bloom.finish()));
    return {
      topIndex: this.#whole.finish(0),
      levels: 1,
      metaBlocks: (name, handle) =>
        new Map([
          [FILTER_NAME, filter],
          [name, encodeHandle(handle)],
        ]),
    };
  }

  #twoLevels(): FinishedIndex {
    const top = new BlockBuilder(INDEX_RESTART_INTERVAL);
    for (const { bloom, index: contents, blocks, lastKey } of this.#parts) {
      const filter = this.#write(bloom.finish());
      const index = this.#write(contents);
      const value = encodePartition({ index, filter, blocks });
      top.add(lastKey, lastKey.length, value, 0, value.length);
    }
    return {
      topIndex: top.finish(0),
      levels: 2,
      metaBlocks: (name, handle) => new Map([[name, encodeHandle(handle)]]),
    };
  }

  #finishPart(): void {
    this.#parts.push({
      blocks: this.#part.entries,
      index: this.#part.finish(0).slice(),
      lastKey: this.#lastKey,
      bloom: this.#bloom,
      repeatsKey: this.#repeatsKey,
    });
    this.#bloom = new BloomBuilder();
  }
}
