import { CachedTable } from '../block-cache.js';
import { DecodeError } from '../encoding/byte-reader.js';
import { BlockCursor } from './block-cursor.js';
import { restartsOf } from './block-search.js';
import type { BloomFilter } from './bloom-filter.js';
import { type BlockHandle, decodePartition } from './format.js';
import { contentsEnd, searchIndex } from './index-block.js';

/** A part of a two-level index. */
export interface Partition {
  readonly index: BlockHandle;
  readonly filter: BlockHandle;
  /** Data blocks that it names. */
  readonly blocks: number;
  /** Number of the first of them in the table. */
  readonly firstBlock: number;
}

/** What of a table's index stands in memory while it is open. */
export interface TableIndex {
  /** The index block, or the index of the partitions, as withPrefixes() makes it. */
  readonly block: Uint8Array;
  /** Where it stands, for errors. */
  readonly offset: number;
  readonly file: string;
  /** Of the whole table; null with two levels, and where the table has none. */
  readonly filter: BloomFilter | null;
  /** null: one level. */
  readonly partitions: readonly Partition[] | null;
  readonly dataBlocks: number;
}

/** Numbers in the table's part of the cache: data blocks first. */
export function indexOrdinal({ dataBlocks }: TableIndex, partition: number): number {
  return dataBlocks + partition;
}

export function filterOrdinal(index: TableIndex, partition: number): number {
  return index.dataBlocks + (index.partitions?.length ?? 0) + partition;
}

export function newCachedTable(index: TableIndex): CachedTable {
  return new CachedTable(index.dataBlocks + 2 * (index.partitions?.length ?? 0));
}

/** A cursor over an index block as withPrefixes() makes it; its own, to keep. */
export function cursorOver(block: Uint8Array, file: string, offset: number): BlockCursor {
  const cursor = new BlockCursor();
  cursor.reset(block, contentsEnd(block), file, offset);
  return cursor;
}

/**
 * The entry of an index block in which (key, atMost) belongs: the first at or behind it; -1 if there is none.
 * @throws SstError SST_CORRUPT
 */
export function findInIndex(
  block: Uint8Array,
  key: Uint8Array,
  atMost: number,
  file: string,
  offset: number,
): number {
  const at = searchIndex(block, key, atMost);
  if (at >= 0 && at < restartsOf(block, contentsEnd(block))) return at;
  // Behind the last one, or a block that the search does not understand.
  const cursor = cursorOver(block, file, offset);
  cursor.seek(key, 0, key.length, atMost);
  return cursor.valid ? cursor.restart : -1;
}

/**
 * The partitions that a top index names. What it says is held against the file's size, so that a lie cannot
 * cost memory.
 * @param maxBlocks more cannot be in the file
 * @throws DecodeError; SstError SST_CORRUPT
 */
export function readPartitions(cursor: BlockCursor, maxBlocks: number): Partition[] {
  const partitions: Partition[] = [];
  let firstBlock = 0;
  for (cursor.first(); cursor.valid; cursor.next()) {
    if (cursor.restart !== partitions.length) {
      throw new DecodeError('an entry of an index is not a restart point');
    }
    const part = decodePartition(cursor.valueBytes, cursor.valueStart, cursor.valueEnd);
    partitions.push({ ...part, firstBlock });
    firstBlock += part.blocks;
    if (part.blocks === 0 || firstBlock > maxBlocks) {
      throw new DecodeError('a partition names an impossible number of blocks');
    }
  }
  return partitions;
}
