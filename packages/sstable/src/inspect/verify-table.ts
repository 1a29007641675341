import { crc32 } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import { Kind, MAX_SEQUENCE } from '../encoding/internal-key.js';
import { compareKeys, compareRanges } from '../encoding/key-order.js';
import type { Job } from '../jobs/job.js';
import {
  LEVELDB_FILTER_NAME,
  levelDbFilterHash,
  levelDbFilterMayContain,
} from '../leveldb/bloom.js';
import { BlockCursor } from '../table/block-cursor.js';
import { checkFilter, FILTER_NAME, filterHash, filterMayContain } from '../table/bloom-filter.js';
import type { BlockHandle } from '../table/format.js';
import type { IndexCursor } from '../table/index-cursor.js';
import type { TableMeta } from '../table/table-meta.js';
import type { TableReader } from '../table/table-reader.js';

/**
 * Reads every byte of a table, past the cache: checksums, that the blocks fill the file without a gap,
 * order of the keys, index, filters, counts, and all of it against the manifest's entry and the file's
 * checksum there. Pauses after each block. Works on tables of both formats.
 * @param meta null where no manifest of ours is at hand
 * @throws SstError SST_CORRUPT, SST_NEWER_FORMAT, SST_IO
 */
export function* verifyTable(reader: TableReader, meta: TableMeta | null): Job<TableCounts> {
  const { bytes: endBytes, end } = reader.readEnd();
  const check = new TableCheck(reader, meta);
  const properties = reader.properties();
  const metaBlocks = reader.metaBlocks();
  const { partitions } = reader.tableIndex();
  if (partitions === null) check.useFilter(metaBlocks.get(wholeFilterName(reader)));
  const { index } = reader.indexCursor();
  try {
    let part = -1;
    for (index.first(); index.valid; index.next()) {
      if (partitions !== null && index.partition !== part) {
        part = index.partition;
        check.useFilter(partitions[part]?.filter);
      }
      const { handle } = index;
      check.take(handle);
      check.dataBlock(handle, index);
      yield;
    }
  } finally {
    index.close();
  }
  const inParts = (partitions ?? []).flatMap((part) => [part.filter, part.index]);
  const rest = [...inParts, ...metaBlocks.values(), end.metaindex, end.index];
  for (const handle of rest.sort((a, b) => a.offset - b.offset)) check.take(handle);
  return check.end(endBytes, properties);
}

export interface TableCounts {
  readonly entries: number;
  readonly deletions: number;
  readonly largestSequence: number;
}

function wholeFilterName({ format }: TableReader): string {
  return format === 'leveldb' ? LEVELDB_FILTER_NAME : FILTER_NAME;
}

class TableCheck {
  readonly #reader: TableReader;
  readonly #meta: TableMeta | null;
  readonly #cursor = new BlockCursor();
  #filter: Uint8Array | null = null;
  #offset = 0;
  #crc = 0;
  #entries = 0;
  #deletions = 0;
  #contents: Uint8Array = new Uint8Array(0);
  #last: Uint8Array | null = null;
  #lastSequence = 0;
  #largestSequence = 0;

  constructor(reader: TableReader, meta: TableMeta | null) {
    this.#reader = reader;
    this.#meta = meta;
  }

  /** The keys that follow must all be known to this filter. */
  useFilter(handle: BlockHandle | undefined): void {
    this.#filter = null;
    if (handle === undefined) return;
    const { contents } = this.#reader.readBlock(handle);
    if (this.#reader.format === 'native') checkFilter(contents, this.#reader.path, handle.offset);
    this.#filter = contents;
  }

  /** Reads the next block of the file. */
  take(handle: BlockHandle): void {
    if (handle.offset !== this.#offset)
      this.#fail(`has a gap before ${handle.offset}`, this.#offset);
    const { raw, contents } = this.#reader.readBlock(handle);
    this.#contents = contents;
    this.#crc = crc32(raw, this.#crc);
    this.#offset += raw.length;
  }

  dataBlock(handle: BlockHandle, index: IndexCursor): void {
    const cursor = this.#cursor;
    const contents = this.#contents;
    cursor.reset(contents, contents.length, this.#reader.path, handle.offset);
    for (cursor.first(); cursor.valid; cursor.next()) {
      if (cursor.kind === Kind.SetMarked && this.#reader.format === 'leveldb') {
        this.#fail('has an entry with a mark, which LevelDB does not know', handle.offset);
      }
      this.#checkOrder(cursor, handle);
      if (!this.#isInFilter(cursor, handle)) {
        this.#fail('has a key that its filter does not know', handle.offset);
      }
      this.#last = cursor.keyBytes.slice(0, cursor.keyEnd);
      this.#lastSequence = cursor.sequence;
      if (cursor.sequence > this.#largestSequence) this.#largestSequence = cursor.sequence;
      this.#entries++;
      if (cursor.kind === Kind.Delete) this.#deletions++;
    }
    const last = this.#last ?? new Uint8Array(0);
    const { key } = index;
    const order = compareRanges(last, 0, last.length, key.keyBytes, 0, key.keyEnd);
    if (order > 0 || (order === 0 && this.#lastSequence < key.sequence)) {
      this.#fail('has a block that ends behind its index key', handle.offset);
    }
  }

  end(
    endBytes: Uint8Array,
    properties: {
      readonly entries: number;
      readonly deletions: number;
      readonly largest: Uint8Array;
    } | null,
  ): TableCounts {
    if (this.#offset !== this.#reader.sizeBytes - endBytes.length) {
      this.#fail('has a gap before its footer', this.#offset);
    }
    const counts = {
      entries: this.#entries,
      deletions: this.#deletions,
      largestSequence: this.#largestSequence,
    };
    if (properties !== null) {
      const isCounted =
        properties.entries === this.#entries &&
        properties.deletions === this.#deletions &&
        compareKeys(properties.largest, this.#last ?? new Uint8Array(0)) === 0;
      if (!isCounted) this.#fail('does not hold what its properties say', this.#offset);
    }
    const meta = this.#meta;
    if (meta === null) return counts;
    if (crc32(endBytes, this.#crc) !== meta.fileCrc) {
      this.#fail('is whole, but not the file that the manifest names', this.#offset);
    }
    if (
      meta.entries !== this.#entries ||
      compareKeys(meta.largest, this.#last ?? new Uint8Array(0)) !== 0
    ) {
      this.#fail('does not hold what the manifest says', this.#offset);
    }
    return counts;
  }

  #isInFilter(cursor: BlockCursor, handle: BlockHandle): boolean {
    const filter = this.#filter;
    if (filter === null) return true;
    const { keyBytes, keyEnd } = cursor;
    return this.#reader.format === 'leveldb'
      ? levelDbFilterMayContain(filter, handle.offset, levelDbFilterHash(keyBytes, 0, keyEnd))
      : filterMayContain(filter, filterHash(keyBytes, 0, keyEnd));
  }

  #checkOrder(cursor: BlockCursor, handle: BlockHandle): void {
    if (cursor.sequence > MAX_SEQUENCE) this.#fail('has a sequence above 2^48', handle.offset);
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
