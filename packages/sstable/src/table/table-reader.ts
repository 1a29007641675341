import type { FileSystem } from '@dougdb/ports';
import { type BlockCache, CachedTable, NOT_CACHED } from '../block-cache.js';
import { type MaybePromise, SstError, SstErrorCode } from '../contract.js';
import { codeOf, toSstError } from '../encoding/error-code.js';
import { compareKeys, compareRanges } from '../encoding/key-order.js';
import type { PointResult } from '../read/cursor.js';
import { BlockCursor } from './block-cursor.js';
import { BlockFile } from './block-file.js';
import { BloomFilter, FILTER_NAME } from './bloom-filter.js';
import {
  BLOCK_TRAILER_BYTES,
  type BlockHandle,
  decodeFooter,
  decodeHandle,
  FOOTER_BYTES,
  type Footer,
} from './format.js';
import { decodePlainBlock } from './plain-block.js';
import { decodeProperties, PROPERTIES_NAME, type TableProperties } from './properties.js';
import { TableCursor } from './table-cursor.js';

/** What the manifest says a table file must be. */
export interface ExpectedTable {
  readonly sizeBytes: number;
  readonly tableId: Uint8Array;
}

interface Meta {
  readonly index: Uint8Array;
  readonly filter: BloomFilter | null;
  /** The table's part of the block cache, if it has one. */
  readonly cached: CachedTable | null;
}

/** A data block and the cache slot that holds it (NOT_CACHED: only the caller does). */
export interface LoadedBlock {
  block: Uint8Array;
  slot: number;
}

/** The data block in which a key is, if the table has it. */
export interface PlaceOfKey {
  readonly block: Uint8Array;
  readonly offset: number;
}

/** Point reads are synchronous and never nested: one cursor serves them all. */
const pointCursor = new BlockCursor();

/**
 * Reads a table. Opening reads the footer alone; index and filter come with the first use and stay
 * until close. Every block's checksum is checked when it is read from the file; what the cache holds
 * has been checked.
 */
export class TableReader {
  readonly #file: BlockFile;
  readonly #footer: Footer;
  readonly #cache: BlockCache | null;
  #meta: Meta | null = null;
  readonly #indexCursor = new BlockCursor();

  private constructor(file: BlockFile, footer: Footer, cache: BlockCache | null) {
    this.#file = file;
    this.#footer = footer;
    this.#cache = cache;
  }

  /**
   * @param expected null where no manifest is at hand
   * @param cache null for readers that pass over a table once
   * @throws SstError SST_CORRUPT (missing, wrong size, damaged footer), SST_FOREIGN (another table's
   * id), SST_NEWER_FORMAT, SST_IO
   */
  static open(
    fs: FileSystem,
    path: string,
    expected: ExpectedTable | null,
    cache: BlockCache | null,
  ): TableReader {
    const file = BlockFile.open(fs, path);
    try {
      checkSize(path, file.sizeBytes, expected);
      const offset = file.sizeBytes - FOOTER_BYTES;
      const footer = decodeFooter(file.read(offset, FOOTER_BYTES), offset, path);
      checkIdentity(path, offset, footer, expected);
      return new TableReader(file, footer, cache);
    } catch (error) {
      file.close();
      throw toSstError(error, `reading ${path}`, path);
    }
  }

  get path(): string {
    return this.#file.path;
  }

  get tableId(): Uint8Array {
    return this.#footer.tableId;
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes;
  }

  /**
   * Newest version of the key at or below `atMost`, tombstones included; the result's bytes are a view
   * of a block. @throws SstError SST_CORRUPT, SST_IO
   */
  get(key: Uint8Array, hash: number, atMost: number, result: PointResult): boolean {
    const meta = this.#load();
    if (meta.filter !== null && !meta.filter.mayContain(hash)) return false;
    const index = this.#indexCursor;
    index.seek(key, 0, key.length, atMost);
    if (!index.valid) return false;
    const { block } = this.loadBlock(index);
    this.#seekPoint(block, index, key, atMost);
    return takePoint(block, key, result);
  }

  /**
   * The first half of a get that does not hold up the loop: the data block in which the key would be. A
   * promise where it, or the index, has to be read from the file. null: the table does not have the key.
   * @throws SstError SST_CORRUPT, SST_IO, SST_CLOSED; a promise rejects with them
   */
  locate(key: Uint8Array, hash: number, atMost: number): MaybePromise<PlaceOfKey | null> {
    const meta = this.#meta;
    if (meta !== null) return this.#locateBy(meta, key, hash, atMost);
    return this.#loadOffLoop().then((loaded) => this.#locateBy(loaded, key, hash, atMost));
  }

  /** The second half: as get, in the block that locate answered. @throws SstError SST_CORRUPT */
  getAt(place: PlaceOfKey, key: Uint8Array, atMost: number, result: PointResult): boolean {
    const { block, offset } = place;
    pointCursor.reset(block, block.length - BLOCK_TRAILER_BYTES, this.path, offset);
    pointCursor.seek(key, 0, key.length, atMost);
    return takePoint(block, key, result);
  }

  /** @throws SstError SST_CORRUPT, SST_IO on first use */
  cursor(): TableCursor {
    return new TableCursor(this, this.#cache);
  }

  /** @internal A new cursor over the index block. */
  indexCursor(): BlockCursor {
    const { index } = this.#load();
    const cursor = new BlockCursor();
    cursor.reset(index, index.length - BLOCK_TRAILER_BYTES, this.path, this.#footer.index.offset);
    return cursor;
  }

  /** @internal The data block that an index cursor stands at, from the cache or the file. */
  loadBlock(index: BlockCursor): LoadedBlock {
    const cached = this.#load().cached;
    const ordinal = index.restart;
    if (cached === null || this.#cache === null) {
      return { block: this.readBlock(this.handleAt(index)), slot: NOT_CACHED };
    }
    const slot = this.#cache.find(cached, ordinal);
    if (slot !== NOT_CACHED) return { block: this.#cache.block(slot), slot };
    const block = this.readBlock(this.handleAt(index));
    return { block, slot: this.#cache.insert(cached, ordinal, block) };
  }

  /** @internal Handle of the data block that an index cursor stands at. */
  handleAt(index: BlockCursor): BlockHandle {
    return this.#decoded(this.#footer.index.offset, () =>
      decodeHandle(index.valueBytes, index.valueStart, index.valueEnd),
    );
  }

  /** @internal A block with its trailer, checked. @throws SstError SST_CORRUPT, SST_IO */
  readBlock(handle: BlockHandle): Uint8Array {
    return this.#file.readBlock(handle, this.#footer.seed);
  }

  /** @internal The blocks that are not data, by name. @throws SstError SST_CORRUPT, SST_IO */
  metaBlocks(): Map<string, BlockHandle> {
    return this.#metaBlocksIn(this.readBlock(this.#footer.metaindex));
  }

  #metaBlocksIn(block: Uint8Array): Map<string, BlockHandle> {
    return this.#decoded(this.#footer.metaindex.offset, () => {
      const handles = new Map<string, BlockHandle>();
      for (const [name, value] of decodePlainBlock(contents(block))) {
        handles.set(name, decodeHandle(value));
      }
      return handles;
    });
  }

  /** @internal The footer's bytes, read again and checked. @throws SstError SST_CORRUPT, SST_IO */
  readFooter(): { readonly bytes: Uint8Array; readonly footer: Footer } {
    const offset = this.sizeBytes - FOOTER_BYTES;
    const bytes = this.#file.read(offset, FOOTER_BYTES);
    return { bytes, footer: decodeFooter(bytes, offset, this.path) };
  }

  /** @throws SstError SST_CORRUPT, SST_IO */
  properties(): TableProperties {
    const handle = this.metaBlocks().get(PROPERTIES_NAME);
    const offset = handle?.offset ?? this.#footer.metaindex.offset;
    if (handle === undefined) {
      throw new SstError(SstErrorCode.Corrupt, `${this.path} has no properties`, {
        file: this.path,
        offset,
      });
    }
    const block = this.readBlock(handle);
    return this.#decoded(offset, () => decodeProperties(contents(block)));
  }

  /** Gives back memory and closes the file; a second close does nothing. */
  close(): void {
    if (this.#file.isClosed) return;
    this.#file.close();
    const meta = this.#meta;
    if (meta !== null && this.#cache !== null) {
      if (meta.cached !== null) this.#cache.drop(meta.cached);
      this.#cache.charge(-chargedBytes(meta));
    }
    this.#meta = null;
  }

  #seekPoint(block: Uint8Array, index: BlockCursor, key: Uint8Array, atMost: number): void {
    const end = block.length - BLOCK_TRAILER_BYTES;
    try {
      pointCursor.reset(block, end, this.path, 0);
      pointCursor.seek(key, 0, key.length, atMost);
    } catch (error) {
      // Again with the block's offset, which the error must name and a good read need not decode.
      pointCursor.reset(block, end, this.path, this.handleAt(index).offset);
      pointCursor.seek(key, 0, key.length, atMost);
      throw error;
    }
  }

  #locateBy(
    meta: Meta,
    key: Uint8Array,
    hash: number,
    atMost: number,
  ): MaybePromise<PlaceOfKey | null> {
    if (meta.filter !== null && !meta.filter.mayContain(hash)) return null;
    const index = this.#indexCursor;
    index.seek(key, 0, key.length, atMost);
    if (!index.valid) return null;
    const { offset, sizeBytes } = this.handleAt(index);
    const { cached } = meta;
    const cache = this.#cache;
    const ordinal = index.restart;
    const slot = cached === null || cache === null ? NOT_CACHED : cache.find(cached, ordinal);
    if (cache !== null && slot !== NOT_CACHED) return { block: cache.block(slot), offset };
    return this.#file.readBlockOffLoop({ offset, sizeBytes }, this.#footer.seed).then((block) => {
      // The table may have been closed meanwhile, and somebody else may have read the block.
      this.#file.checkOpen();
      if (cache !== null && cached !== null && cached.slots[ordinal] === NOT_CACHED) {
        cache.insert(cached, ordinal, block);
      }
      return { block, offset };
    });
  }

  #load(): Meta {
    if (this.#meta !== null) return this.#meta;
    const steps = this.#loadSteps();
    let step = steps.next();
    while (step.done !== true) step = steps.next(this.readBlock(step.value));
    return step.value;
  }

  async #loadOffLoop(): Promise<Meta> {
    const { seed } = this.#footer;
    const steps = this.#loadSteps();
    let step = steps.next();
    while (step.done !== true) {
      step = steps.next(await this.#file.readBlockOffLoop(step.value, seed));
    }
    return step.value;
  }

  /** Asks for the blocks that every get needs, one by one. */
  *#loadSteps(): Generator<BlockHandle, Meta, Uint8Array> {
    const index = yield this.#footer.index;
    const filterHandle = this.#metaBlocksIn(yield this.#footer.metaindex).get(FILTER_NAME);
    const filter =
      filterHandle === undefined
        ? null
        : new BloomFilter(contents(yield filterHandle), this.path, filterHandle.offset);
    // The table may have been closed meanwhile, and somebody else may have loaded them.
    this.#file.checkOpen();
    if (this.#meta !== null) return this.#meta;
    const offset = this.#footer.index.offset;
    this.#indexCursor.reset(index, index.length - BLOCK_TRAILER_BYTES, this.path, offset);
    const cached = this.#cache === null ? null : new CachedTable(this.#indexCursor.restartCount);
    const meta = { index, filter, cached };
    this.#meta = meta;
    this.#cache?.charge(chargedBytes(meta));
    return meta;
  }

  #decoded<T>(offset: number, decode: () => T): T {
    try {
      return decode();
    } catch (error) {
      if (codeOf(error) !== 'DECODE') throw error;
      throw new SstError(
        SstErrorCode.Corrupt,
        `block at ${offset} of ${this.path} has a right checksum and wrong contents`,
        { file: this.path, offset, cause: error },
      );
    }
  }
}

function chargedBytes(meta: Meta): number {
  const slotBytes = meta.cached === null ? 0 : meta.cached.slots.byteLength;
  return meta.index.length + (meta.filter?.sizeBytes ?? 0) + slotBytes;
}

function contents(block: Uint8Array): Uint8Array {
  return block.subarray(0, block.length - BLOCK_TRAILER_BYTES);
}

/**
 * What pointCursor has come to, if it is the key. The index key of its block is at or behind the target
 * and before the next block: the key is here or nowhere.
 */
function takePoint(block: Uint8Array, key: Uint8Array, result: PointResult): boolean {
  const found = pointCursor;
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

function checkSize(path: string, sizeBytes: number, expected: ExpectedTable | null): void {
  const isWrong =
    expected === null
      ? sizeBytes < FOOTER_BYTES
      : sizeBytes !== expected.sizeBytes || sizeBytes < FOOTER_BYTES;
  if (!isWrong) return;
  const wanted = expected === null ? `at least ${FOOTER_BYTES}` : String(expected.sizeBytes);
  throw new SstError(
    SstErrorCode.Corrupt,
    `${path} has ${sizeBytes} bytes, should have ${wanted}`,
    {
      file: path,
      offset: Math.min(sizeBytes, expected?.sizeBytes ?? sizeBytes),
    },
  );
}

function checkIdentity(
  path: string,
  offset: number,
  footer: Footer,
  expected: ExpectedTable | null,
): void {
  if (expected === null || compareKeys(footer.tableId, expected.tableId) === 0) return;
  throw new SstError(SstErrorCode.Foreign, `${path} is another table than the manifest names`, {
    file: path,
    offset: offset + 24,
  });
}
