import type { BlockCache } from '../block-cache.js';
import { type MaybePromise, SstError, SstErrorCode } from '../contract.js';
import { codeOf, toSstError } from '../encoding/error-code.js';
import { MAX_SEQUENCE } from '../encoding/internal-key.js';
import { compareRanges } from '../encoding/key-order.js';
import type { ReadableFiles } from '../open-files.js';
import type { PointResult } from '../read/cursor.js';
import { BlockCursor } from './block-cursor.js';
import type { BlockFile } from './block-file.js';
import { Search } from './block-search.js';
import { BloomFilter, checkFilter, FILTER_NAME, filterMayContain } from './bloom-filter.js';
import { dataEnd, searchData, withColumn } from './data-block.js';
import { BLOCK_TRAILER_BYTES, type BlockHandle, decodeHandle } from './format.js';
import { withPrefixes } from './index-block.js';
import { IndexCursor } from './index-cursor.js';
import { decodePlainBlock } from './plain-block.js';
import { decodeProperties, PROPERTIES_NAME, type TableProperties } from './properties.js';
import { type Prepare, TableBlocks } from './table-blocks.js';
import { TableCursor } from './table-cursor.js';
import { type ExpectedTable, openTableFile, readEnd, type TableEnd } from './table-end.js';
import {
  cursorOver,
  filterOrdinal,
  findInIndex,
  indexOrdinal,
  newCachedTable,
  type Partition,
  readPartitions,
  type TableIndex,
} from './table-index.js';

interface Loaded {
  readonly index: TableIndex;
  readonly blocks: TableBlocks;
  /** Bytes that it holds outside of the cache's slots. */
  readonly chargedBytes: number;
}

/** The data block in which a key is, if the table has it. */
export interface PlaceOfKey {
  readonly block: Uint8Array;
  readonly offset: number;
}

/** Point reads are synchronous and never nested: one cursor serves them all. */
const pointCursor = new BlockCursor();

/**
 * Reads a table of either format. Opening reads the footer alone; the index and the filter of the whole
 * table, or with two levels the index of the partitions, come with the first use and stay until close.
 * Every block's checksum is checked when it is read from the file; what the cache holds has been checked.
 */
export class TableReader {
  readonly #file: BlockFile;
  readonly #end: TableEnd;
  readonly #cache: BlockCache | null;
  #loaded: Loaded | null = null;

  private constructor(file: BlockFile, end: TableEnd, cache: BlockCache | null) {
    this.#file = file;
    this.#end = end;
    this.#cache = cache;
  }

  /**
   * @param expected null where no manifest is at hand
   * @param cache null for readers that pass over a table once
   * @throws SstError SST_CORRUPT (missing, wrong size, damaged footer), SST_FOREIGN (another table's
   * id), SST_NEWER_FORMAT, SST_IO
   */
  static open(
    fs: ReadableFiles,
    path: string,
    expected: ExpectedTable | null,
    cache: BlockCache | null,
  ): TableReader {
    try {
      const { file, end } = openTableFile(fs, path, expected);
      return new TableReader(file, end, cache);
    } catch (error) {
      throw toSstError(error, `reading ${path}`, path);
    }
  }

  get path(): string {
    return this.#file.path;
  }

  get format(): TableEnd['format'] {
    return this.#end.format;
  }

  /** 16 bytes; null in a table of LevelDB's format. */
  get tableId(): Uint8Array | null {
    return this.#end.tableId;
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes;
  }

  /**
   * Newest version of the key at or below `atMost`, tombstones included; the result's bytes are a view
   * of a block. @throws SstError SST_CORRUPT, SST_IO
   */
  get(key: Uint8Array, hash: number, atMost: number, result: PointResult): boolean {
    const { index, blocks } = this.#loaded ?? this.#load();
    const { filter, partitions, file } = index;
    if (filter !== null && !filter.mayContain(hash)) return false;
    const at = findInIndex(index.block, key, atMost, file, index.offset);
    if (at < 0) return false;
    if (partitions === null) {
      const block =
        blocks.find(at) ??
        blocks.read(at, this.#handleIn(index.block, index.offset, at), columnIn(blocks));
      return this.#search(block, index.block, index.offset, at, key, atMost, result);
    }
    const part = this.#partition(partitions, at);
    const filterBlock = this.#checked(part, blocks.get(filterOrdinal(index, at), part.filter));
    if (!filterMayContain(filterBlock, hash)) return false;
    const leaf = blocks.get(indexOrdinal(index, at), part.index, withPrefixes);
    const inLeaf = this.#findInLeaf(leaf, part, key, atMost);
    const ordinal = part.firstBlock + inLeaf;
    const block =
      blocks.find(ordinal) ??
      blocks.read(ordinal, this.#handleIn(leaf, part.index.offset, inLeaf), columnIn(blocks));
    return this.#search(block, leaf, part.index.offset, inLeaf, key, atMost, result);
  }

  /**
   * The first half of a get that does not hold up the loop: the data block in which the key would be. A
   * promise where it, or the index, has to be read from the file. null: the table does not have the key.
   * @throws SstError SST_CORRUPT, SST_IO, SST_CLOSED; a promise rejects with them
   */
  locate(key: Uint8Array, hash: number, atMost: number): MaybePromise<PlaceOfKey | null> {
    const loaded = this.#loaded;
    if (loaded !== null) return this.#locateIn(loaded, key, hash, atMost);
    return this.#loadOffLoop().then((now) => this.#locateIn(now, key, hash, atMost));
  }

  /** The second half: as get, in the block that locate answered. @throws SstError SST_CORRUPT */
  getAt(place: PlaceOfKey, key: Uint8Array, atMost: number, result: PointResult): boolean {
    const { block, offset } = place;
    const found = searchData(block, key, atMost, result);
    if (found !== Search.Unsure) return found === Search.Found;
    return searchByCursor(block, this.path, offset, key, atMost, result);
  }

  /**
   * About where in the file a key is or would be: where its data block begins; the end of the data blocks
   * for a key behind all others. @throws SstError SST_CORRUPT, SST_IO
   */
  offsetOf(key: Uint8Array): number {
    const { index } = this.indexCursor();
    index.seek(key, 0, key.length, MAX_SEQUENCE);
    const offset = index.valid ? index.handle.offset : this.#end.metaindex.offset;
    index.close();
    return offset;
  }

  /** @throws SstError SST_CORRUPT, SST_IO on first use */
  cursor(): TableCursor {
    return new TableCursor(this);
  }

  /** @internal A new cursor over the index. @throws SstError SST_CORRUPT, SST_IO */
  indexCursor(): { readonly index: IndexCursor; readonly blocks: TableBlocks } {
    const { index, blocks } = this.#loaded ?? this.#load();
    return { index: new IndexCursor(index, blocks), blocks };
  }

  /**
   * @internal Brings what the index needs for a seek to the key into memory (null: to its beginning, in reverse
   * to its end). null: it is there. A promise rejects with SST_CORRUPT, SST_IO, SST_CLOSED.
   */
  prepareSeek(key: Uint8Array | null, isReverse: boolean): Promise<unknown> | null {
    const loaded = this.#loaded;
    if (loaded === null) {
      return this.#loadOffLoop().then((now) => this.#partAt(now, key, isReverse));
    }
    const part = this.#partAt(loaded, key, isReverse);
    return part instanceof Promise ? part : null;
  }

  /** @internal What of the index stands in memory. @throws SstError SST_CORRUPT, SST_IO */
  tableIndex(): TableIndex {
    return (this.#loaded ?? this.#load()).index;
  }

  /** @internal A block as it stands in the file, and its contents, checked. @throws SstError SST_CORRUPT, SST_IO */
  readBlock(handle: BlockHandle): { readonly raw: Uint8Array; readonly contents: Uint8Array } {
    const { codec } = this.#end;
    const raw = this.#file.readRaw(handle, codec);
    return { raw, contents: codec.unpack(raw, handle.offset, this.path) };
  }

  /** @internal The blocks that are not data, by name. @throws SstError SST_CORRUPT, SST_IO */
  metaBlocks(): Map<string, BlockHandle> {
    return this.#metaBlocksIn(this.readBlock(this.#end.metaindex).contents);
  }

  #metaBlocksIn(block: Uint8Array): Map<string, BlockHandle> {
    return this.#decoded(this.#end.metaindex.offset, () => {
      const handles = new Map<string, BlockHandle>();
      for (const [name, value] of decodePlainBlock(block)) {
        handles.set(name, decodeHandle(value));
      }
      return handles;
    });
  }

  /** @internal The end of the file, read again and checked. @throws SstError SST_CORRUPT, SST_IO */
  readEnd(): { readonly bytes: Uint8Array; readonly end: TableEnd } {
    return readEnd(this.#file);
  }

  /** What the table says of itself; null in LevelDB's format. @throws SstError SST_CORRUPT, SST_IO */
  properties(): TableProperties | null {
    if (this.format === 'leveldb') return null;
    const handle = this.metaBlocks().get(PROPERTIES_NAME);
    const offset = handle?.offset ?? this.#end.metaindex.offset;
    if (handle === undefined) {
      throw new SstError(SstErrorCode.Corrupt, `${this.path} has no properties`, {
        file: this.path,
        offset,
      });
    }
    const { contents } = this.readBlock(handle);
    return this.#decoded(offset, () => decodeProperties(contents));
  }

  /** Gives back memory and closes the file; a second close does nothing. */
  close(): void {
    if (this.#file.isClosed) return;
    this.#file.close();
    const loaded = this.#loaded;
    if (loaded !== null) {
      loaded.blocks.drop();
      this.#cache?.charge(-loaded.chargedBytes);
    }
    this.#loaded = null;
  }

  #search(
    block: Uint8Array,
    index: Uint8Array,
    indexOffset: number,
    at: number,
    key: Uint8Array,
    atMost: number,
    result: PointResult,
  ): boolean {
    const found = searchData(block, key, atMost, result);
    if (found !== Search.Unsure) return found === Search.Found;
    const { offset } = this.#handleIn(index, indexOffset, at);
    return searchByCursor(block, this.path, offset, key, atMost, result);
  }

  #locateIn(
    { index, blocks }: Loaded,
    key: Uint8Array,
    hash: number,
    atMost: number,
  ): MaybePromise<PlaceOfKey | null> {
    const { filter, partitions, file } = index;
    if (filter !== null && !filter.mayContain(hash)) return null;
    const at = findInIndex(index.block, key, atMost, file, index.offset);
    if (at < 0) return null;
    if (partitions === null) {
      return this.#place(blocks, at, this.#handleIn(index.block, index.offset, at));
    }
    const part = this.#partition(partitions, at);
    return andThen(blocks.getOffLoop(filterOrdinal(index, at), part.filter), (filterBlock) => {
      if (!filterMayContain(this.#checked(part, filterBlock), hash)) return null;
      return andThen(
        blocks.getOffLoop(indexOrdinal(index, at), part.index, withPrefixes),
        (leaf) => {
          const inLeaf = this.#findInLeaf(leaf, part, key, atMost);
          const handle = this.#handleIn(leaf, part.index.offset, inLeaf);
          return this.#place(blocks, part.firstBlock + inLeaf, handle);
        },
      );
    });
  }

  #place(blocks: TableBlocks, ordinal: number, handle: BlockHandle): MaybePromise<PlaceOfKey> {
    const { offset } = handle;
    return andThen(blocks.getOffLoop(ordinal, handle, columnIn(blocks)), (block) => ({
      block,
      offset,
    }));
  }

  /** The part of a two-level index in which the key is; null: there is none. */
  #partAt(
    { index, blocks }: Loaded,
    key: Uint8Array | null,
    isReverse: boolean,
  ): MaybePromise<Uint8Array> | null {
    const { block, offset, file, partitions } = index;
    if (partitions === null || partitions.length === 0) return null;
    const last = partitions.length - 1;
    let at = isReverse ? last : 0;
    if (key !== null) at = findInIndex(block, key, MAX_SEQUENCE, file, offset);
    if (at < 0) at = last;
    const part = this.#partition(partitions, at).index;
    return blocks.getOffLoop(indexOrdinal(index, at), part, withPrefixes);
  }

  #partition(partitions: readonly Partition[], at: number): Partition {
    const part = partitions[at];
    if (part === undefined) throw this.#misfit(this.#end.index.offset);
    return part;
  }

  #checked({ filter }: Partition, block: Uint8Array): Uint8Array {
    checkFilter(block, this.path, filter.offset);
    return block;
  }

  /** Number of the entry in a partition: there is one, as the partition's key is that of its last entry. */
  #findInLeaf(leaf: Uint8Array, part: Partition, key: Uint8Array, atMost: number): number {
    const at = findInIndex(leaf, key, atMost, this.path, part.index.offset);
    if (at < 0 || at >= part.blocks) throw this.#misfit(part.index.offset);
    return at;
  }

  /** Handle in an entry of an index block. */
  #handleIn(block: Uint8Array, offset: number, at: number): BlockHandle {
    const cursor = cursorOver(block, this.path, offset);
    cursor.goTo(at);
    return this.#decoded(offset, () =>
      decodeHandle(cursor.valueBytes, cursor.valueStart, cursor.valueEnd),
    );
  }

  #load(): Loaded {
    const steps = this.#loadSteps();
    let step = steps.next();
    while (step.done !== true) step = steps.next(this.readBlock(step.value).contents);
    return step.value;
  }

  async #loadOffLoop(): Promise<Loaded> {
    const { codec } = this.#end;
    const steps = this.#loadSteps();
    let step = steps.next();
    while (step.done !== true) {
      step = steps.next(await this.#file.readBlockOffLoop(step.value, codec));
    }
    return step.value;
  }

  /** Asks for the blocks that every get needs, one by one. */
  *#loadSteps(): Generator<BlockHandle, Loaded, Uint8Array> {
    const { levels, index: handle, metaindex } = this.#end;
    const block = withPrefixes(yield handle);
    const filterHandle =
      levels === 2 ? undefined : this.#metaBlocksIn(yield metaindex).get(FILTER_NAME);
    const filter =
      filterHandle === undefined
        ? null
        : new BloomFilter(yield filterHandle, this.path, filterHandle.offset);
    // The table may have been closed meanwhile, and somebody else may have loaded them.
    this.#file.checkOpen();
    if (this.#loaded !== null) return this.#loaded;
    const cursor = cursorOver(block, this.path, handle.offset);
    if (this.format === 'leveldb') this.#checkRestarts(cursor);
    const partitions = levels === 1 ? null : this.#partitionsIn(cursor);
    const last = partitions?.at(-1);
    const index: TableIndex = {
      block,
      offset: handle.offset,
      file: this.path,
      filter,
      partitions,
      dataBlocks: last === undefined ? cursor.restartCount : last.firstBlock + last.blocks,
    };
    const cached = this.#cache === null ? null : newCachedTable(index);
    const blocks = new TableBlocks(
      this.#file,
      this.#end.codec,
      this.#cache,
      cached,
      index.dataBlocks,
    );
    const chargedBytes = block.length + (filter?.sizeBytes ?? 0) + blocks.slotBytes;
    const loaded = { index, blocks, chargedBytes };
    this.#loaded = loaded;
    this.#cache?.charge(chargedBytes);
    return loaded;
  }

  /** Others may have written it: an entry that is no restart point would be one that nobody finds. */
  #checkRestarts(cursor: BlockCursor): void {
    let entries = 0;
    for (cursor.first(); cursor.valid; cursor.next()) {
      if (cursor.restart !== entries++) throw this.#misfit(this.#end.index.offset);
    }
  }

  #partitionsIn(cursor: BlockCursor): Partition[] {
    const maxBlocks = Math.floor(this.sizeBytes / (BLOCK_TRAILER_BYTES + 1));
    return this.#decoded(this.#end.index.offset, () => readPartitions(cursor, maxBlocks));
  }

  #decoded<T>(offset: number, decode: () => T): T {
    try {
      return decode();
    } catch (error) {
      if (codeOf(error) !== 'DECODE') throw error;
      throw this.#misfit(offset, error);
    }
  }

  #misfit(offset: number, cause?: unknown): SstError {
    return new SstError(
      SstErrorCode.Corrupt,
      `block at ${offset} of ${this.path} has a right checksum and wrong contents`,
      { file: this.path, offset, cause },
    );
  }
}

/** A column pays where the next get finds it. */
function columnIn({ isCached }: TableBlocks): Prepare | undefined {
  return isCached ? withColumn : undefined;
}

/** Waits only where there is something to wait for. */
function andThen<A, B>(
  value: MaybePromise<A>,
  next: (value: A) => MaybePromise<B>,
): MaybePromise<B> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/**
 * As searchData, step by step and with every check. The index key of the block is at or behind the target
 * and before the next block: the key is here or nowhere.
 */
function searchByCursor(
  block: Uint8Array,
  file: string,
  offset: number,
  key: Uint8Array,
  atMost: number,
  result: PointResult,
): boolean {
  const found = pointCursor;
  found.reset(block, dataEnd(block), file, offset);
  found.seek(key, 0, key.length, atMost);
  const isFound =
    found.valid && compareRanges(found.keyBytes, 0, found.keyEnd, key, 0, key.length) === 0;
  if (isFound) {
    result.kind = found.kind;
    result.sequence = found.sequence;
    result.bytes = block;
    result.start = found.valueStart;
    result.end = found.valueEnd;
  }
  found.close();
  return isFound;
}
