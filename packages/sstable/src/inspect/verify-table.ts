import { crc32 } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import { Kind } from '../encoding/internal-key.js';
import { compareKeys, compareRanges } from '../encoding/key-order.js';
import type { Job } from '../jobs/job.js';
import { BlockCursor } from '../table/block-cursor.js';
import { BloomFilter, FILTER_NAME, filterHash } from '../table/bloom-filter.js';
import { BLOCK_TRAILER_BYTES, type BlockHandle } from '../table/format.js';
import type { TableMeta } from '../table/table-meta.js';
import type { TableReader } from '../table/table-reader.js';

/**
 * Reads every byte of a table, past the cache: checksums, that the blocks fill the file without a gap,
 * order of the keys, filter, counts, and all of it against the manifest's entry and the file's checksum
 * there. Pauses after each block.
 * @param meta null where no manifest is at hand
 * @throws SstError SST_CORRUPT, SST_NEWER_FORMAT, SST_IO
 */
export function* verifyTable(reader: TableReader, meta: TableMeta | null): Job<void> {
  const { bytes: footerBytes, footer } = reader.readFooter();
  const check = new TableCheck(reader, meta);
  const properties = reader.properties();
  const filterHandle = reader.metaBlocks().get(FILTER_NAME);
  if (filterHandle !== undefined) {
    const block = reader.readBlock(filterHandle);
    const contents = block.subarray(0, block.length - BLOCK_TRAILER_BYTES);
    check.filter = new BloomFilter(contents, reader.path, filterHandle.offset);
  }
  const index = reader.indexCursor();
  for (index.first(); index.valid; index.next()) {
    const handle = reader.handleAt(index);
    check.take(handle);
    check.dataBlock(handle, index);
    yield;
  }
  const rest = [...reader.metaBlocks().values(), footer.metaindex, footer.index];
  for (const handle of rest.sort((a, b) => a.offset - b.offset)) check.take(handle);
  check.end(footerBytes, properties);
}

class TableCheck {
  filter: BloomFilter | null = null;
  readonly #reader: TableReader;
  readonly #meta: TableMeta | null;
  readonly #cursor = new BlockCursor();
  #offset = 0;
  #crc = 0;
  #entries = 0;
  #deletions = 0;
  #block: Uint8Array = new Uint8Array(0);
  #last: Uint8Array | null = null;
  #lastSequence = 0;

  constructor(reader: TableReader, meta: TableMeta | null) {
    this.#reader = reader;
    this.#meta = meta;
  }

  /** Reads the next block of the file. */
  take(handle: BlockHandle): void {
    if (handle.offset !== this.#offset)
      this.#fail(`has a gap before ${handle.offset}`, this.#offset);
    this.#block = this.#reader.readBlock(handle);
    this.#crc = crc32(this.#block, this.#crc);
    this.#offset += this.#block.length;
  }

  dataBlock(handle: BlockHandle, index: BlockCursor): void {
    const cursor = this.#cursor;
    const block = this.#block;
    cursor.reset(block, block.length - BLOCK_TRAILER_BYTES, this.#reader.path, handle.offset);
    for (cursor.first(); cursor.valid; cursor.next()) {
      this.#checkOrder(cursor, handle);
      const hash = filterHash(cursor.keyBytes, 0, cursor.keyEnd);
      if (this.filter?.mayContain(hash) === false) {
        this.#fail('has a key that its filter does not know', handle.offset);
      }
      this.#last = cursor.keyBytes.slice(0, cursor.keyEnd);
      this.#lastSequence = cursor.sequence;
      this.#entries++;
      if (cursor.kind === Kind.Delete) this.#deletions++;
    }
    const last = this.#last ?? new Uint8Array(0);
    const order = compareRanges(last, 0, last.length, index.keyBytes, 0, index.keyEnd);
    if (order > 0 || (order === 0 && this.#lastSequence < index.sequence)) {
      this.#fail('has a block that ends behind its index key', handle.offset);
    }
  }

  end(
    footer: Uint8Array,
    properties: {
      readonly entries: number;
      readonly deletions: number;
      readonly largest: Uint8Array;
    },
  ): void {
    if (this.#offset !== this.#reader.sizeBytes - footer.length) {
      this.#fail('has a gap before its footer', this.#offset);
    }
    const isCounted =
      properties.entries === this.#entries &&
      properties.deletions === this.#deletions &&
      compareKeys(properties.largest, this.#last ?? new Uint8Array(0)) === 0;
    if (!isCounted) this.#fail('does not hold what its properties say', this.#offset);
    const meta = this.#meta;
    if (meta === null) return;
    if (crc32(footer, this.#crc) !== meta.fileCrc) {
      this.#fail('is whole, but not the file that the manifest names', this.#offset);
    }
    if (meta.entries !== this.#entries || compareKeys(meta.largest, properties.largest) !== 0) {
      this.#fail('does not hold what the manifest says', this.#offset);
    }
  }

  #checkOrder(cursor: BlockCursor, handle: BlockHandle): void {
    const last = this.#last;
    if (last === null) {
      const first = cursor.keyBytes.slice(0, cursor.keyEnd);
      if (this.#meta !== null && compareKeys(this.#meta.smallest, first) !== 0) {
        this.#fail('does not begin with the key that the manifest names', handle.offset);
      }
      return;
    }
    const order = compareRanges(last, 0, last.length, cursor.keyBytes, 0, cursor.keyEnd);
    if (order > 0 || (order === 0 && this.#lastSequence <= cursor.sequence)) {
      this.#fail('has entries out of order', handle.offset);
    }
  }

  #fail(what: string, offset: number): never {
    const file = this.#reader.path;
    throw new SstError(SstErrorCode.Corrupt, `${file} ${what}`, { file, offset });
  }
}
