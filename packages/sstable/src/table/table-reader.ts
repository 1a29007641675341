import type { File, FileSystem } from '@dougdb/ports';
import { type BlockCache, CachedTable, NOT_CACHED } from '../block-cache.js';
import { SstError, SstErrorCode } from '../contract.js';
import { codeOf, toSstError } from '../encoding/error-code.js';
import { compareKeys, compareRanges } from '../encoding/key-order.js';
import type { PointResult } from '../read/cursor.js';
import { BlockCursor } from './block-cursor.js';
import { BloomFilter, FILTER_NAME } from './bloom-filter.js';
import {
  BLOCK_TRAILER_BYTES,
  type BlockHandle,
  checkBlock,
  decodeFooter,
  decodeHandle,
  FOOTER_BYTES,
  type Footer,
  fits,
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

/** Point reads are synchronous and never nested: one cursor serves them all. */
const pointCursor = new BlockCursor();

/**
 * Reads a table. Opening reads the footer alone; index and filter come with the first use and stay
 * until close. Every block's checksum is checked when it is read from the file; what the cache holds
 * has been checked.
 */
export class TableReader {
  readonly path: string;
  readonly #file: File;
  readonly #sizeBytes: number;
  readonly #footer: Footer;
  readonly #cache: BlockCache | null;
  #meta: Meta | null = null;
  readonly #indexCursor = new BlockCursor();
  #isClosed = false;

  private constructor(
    path: string,
    file: File,
    sizeBytes: number,
    footer: Footer,
    cache: BlockCache | null,
  ) {
    this.path = path;
    this.#file = file;
    this.#sizeBytes = sizeBytes;
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
    const file = openFile(fs, path);
    try {
      const sizeBytes = file.sizeSync();
      checkSize(path, sizeBytes, expected);
      const offset = sizeBytes - FOOTER_BYTES;
      const footer = decodeFooter(readExactly(file, offset, FOOTER_BYTES), offset, path);
      checkIdentity(path, offset, footer, expected);
      return new TableReader(path, file, sizeBytes, footer, cache);
    } catch (error) {
      file.close();
      throw toSstError(error, `reading ${path}`, path);
    }
  }

  get tableId(): Uint8Array {
    return this.#footer.tableId;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
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
    // The block's index key is at or behind the target and before the next block: it is here or nowhere.
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
    if (this.#isClosed) throw new SstError(SstErrorCode.Closed, `${this.path} is closed`);
    if (!fits(handle, this.#sizeBytes)) {
      throw new SstError(SstErrorCode.Corrupt, `${this.path} names a block outside of itself`, {
        file: this.path,
        offset: handle.offset,
      });
    }
    try {
      const block = readExactly(this.#file, handle.offset, handle.sizeBytes + BLOCK_TRAILER_BYTES);
      checkBlock(block, handle.offset, this.#footer.seed, this.path);
      return block;
    } catch (error) {
      throw toSstError(error, `reading ${this.path} at ${handle.offset}`, this.path);
    }
  }

  /** @internal The blocks that are not data, by name. @throws SstError SST_CORRUPT, SST_IO */
  metaBlocks(): Map<string, BlockHandle> {
    const { metaindex } = this.#footer;
    const block = this.readBlock(metaindex);
    return this.#decoded(metaindex.offset, () => {
      const handles = new Map<string, BlockHandle>();
      for (const [name, value] of decodePlainBlock(contents(block))) {
        handles.set(name, decodeHandle(value));
      }
      return handles;
    });
  }

  /** @internal The footer's bytes, read again and checked. @throws SstError SST_CORRUPT, SST_IO */
  readFooter(): { readonly bytes: Uint8Array; readonly footer: Footer } {
    const offset = this.#sizeBytes - FOOTER_BYTES;
    try {
      const bytes = readExactly(this.#file, offset, FOOTER_BYTES);
      return { bytes, footer: decodeFooter(bytes, offset, this.path) };
    } catch (error) {
      throw toSstError(error, `reading ${this.path} at ${offset}`, this.path);
    }
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
    if (this.#isClosed) return;
    this.#isClosed = true;
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

  #load(): Meta {
    if (this.#meta !== null) return this.#meta;
    const index = this.readBlock(this.#footer.index);
    const filterHandle = this.metaBlocks().get(FILTER_NAME);
    const filter =
      filterHandle === undefined
        ? null
        : new BloomFilter(contents(this.readBlock(filterHandle)), this.path, filterHandle.offset);
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

function openFile(fs: FileSystem, path: string): File {
  try {
    return fs.open(path, 'read');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw toSstError(error, `opening ${path}`, path);
    throw new SstError(SstErrorCode.Corrupt, `${path} is missing`, { file: path, cause: error });
  }
}

function readExactly(file: File, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const count = file.readSync(bytes, 0, length, offset);
  if (count !== length) {
    throw new SstError(SstErrorCode.Corrupt, `${file.path} ends at ${offset + count}, too early`, {
      file: file.path,
      offset: offset + count,
    });
  }
  return bytes;
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
