import type { File } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import { Kind, MAX_SEQUENCE, TRAILER_BYTES, writeU32 } from '../encoding/internal-key.js';
import { BlockBuilder, DATA_RESTART_INTERVAL } from './block-builder.js';
import { BlockSink } from './block-sink.js';
import { filterHash } from './bloom-filter.js';
import { Compression, compress } from './compression.js';
import { EntryOrder, type TableEntry, writeFirstTrailer } from './entry-order.js';
import {
  BLOCK_TRAILER_BYTES,
  type BlockHandle,
  blockChecksum,
  encodeFooter,
  FOOTER_BYTES,
} from './format.js';
import { IndexBuilder } from './index-builder.js';
import { encodePlainBlock, encodeProperties, PROPERTIES_NAME } from './properties.js';
import {
  DEFAULT_INDEX_BYTES,
  type TableFormatOptions,
  type TableMeta,
  type TableSlot,
} from './table-meta.js';

/**
 * Writes a table from entries in order, streaming: in memory stand one block, the index and a hash for
 * each key. Writes are not durable: the caller syncs the file and its directory.
 * A writer whose add or finish threw is done for; the caller removes the file.
 */
export class TableWriter {
  readonly #sink: BlockSink;
  readonly #slot: TableSlot;
  readonly #blockBytes: number;
  readonly #isCompressed: boolean;
  readonly #data = new BlockBuilder(DATA_RESTART_INTERVAL);
  readonly #index: IndexBuilder;
  readonly #order = new EntryOrder();
  /** A finished data block whose index entry waits for the next key. */
  #unindexed: BlockHandle | null = null;
  #smallest: Uint8Array | null = null;
  #smallestSequence = MAX_SEQUENCE;
  #largestSequence = 0;
  #entries = 0;
  #deletions = 0;
  #dataBlocks = 0;
  #keyBytes = 0;
  #valueBytes = 0;

  constructor(file: File, slot: TableSlot, options: TableFormatOptions) {
    this.#sink = new BlockSink(file);
    this.#slot = slot;
    this.#blockBytes = options.blockBytes;
    this.#isCompressed = options.compression === 'deflate-raw';
    this.#index = new IndexBuilder(options.indexBytes ?? DEFAULT_INDEX_BYTES, (contents) =>
      this.#writeCopy(contents),
    );
  }

  get entries(): number {
    return this.#entries;
  }

  /** Bytes of the blocks so far, the open one included. */
  get sizeBytes(): number {
    return this.#sink.offset + (this.#data.entries === 0 ? 0 : this.#data.sizeBytes);
  }

  get dataBlocks(): number {
    return this.#dataBlocks;
  }

  /**
   * Appends the entry that the cursor stands at.
   * @throws SstError SST_USAGE if it is not behind the last one in internal order
   */
  add(entry: TableEntry): void {
    const { keyBytes, keyStart, keyEnd, sequence, valueBytes, valueStart, valueEnd } = entry;
    const order = this.#order;
    const isNewKey = order.take(entry);
    if (this.#unindexed !== null) {
      this.#index.add(order.separator(writeFirstTrailer), this.#unindexed);
      this.#unindexed = null;
    }
    if (isNewKey || this.#index.isPartNew) {
      this.#index.noteKey(filterHash(keyBytes, keyStart, keyEnd), isNewKey);
    }
    this.#data.add(order.key, order.length + TRAILER_BYTES, valueBytes, valueStart, valueEnd);
    this.#smallest ??= keyBytes.slice(keyStart, keyEnd);
    if (sequence < this.#smallestSequence) this.#smallestSequence = sequence;
    if (sequence > this.#largestSequence) this.#largestSequence = sequence;
    this.#entries++;
    if (entry.kind === Kind.Delete) this.#deletions++;
    this.#keyBytes += keyEnd - keyStart;
    this.#valueBytes += valueEnd - valueStart;
    if (this.#data.sizeBytes >= this.#blockBytes) this.#finishDataBlock();
  }

  /** Writes the rest. @throws SstError SST_USAGE without an entry; what the file throws */
  finish(): TableMeta {
    if (this.#smallest === null) {
      throw new SstError(SstErrorCode.Usage, 'a table needs an entry');
    }
    if (this.#data.entries > 0) this.#finishDataBlock();
    if (this.#unindexed !== null) this.#index.add(this.#order.last(), this.#unindexed);
    const largest = this.#order.key.slice(0, this.#order.length);
    const { topIndex, levels, metaBlocks } = this.#index.finish();
    const properties = this.#writeCopy(
      encodeProperties({
        entries: this.#entries,
        deletions: this.#deletions,
        dataBlocks: this.#dataBlocks,
        keyBytes: this.#keyBytes,
        valueBytes: this.#valueBytes,
        smallest: this.#smallest,
        largest,
        smallestSequence: this.#smallestSequence,
        largestSequence: this.#largestSequence,
      }),
    );
    const metaindex = this.#writeCopy(encodePlainBlock(metaBlocks(PROPERTIES_NAME, properties)));
    const index = this.#writeCopy(topIndex);
    const { tableId, seed, number } = this.#slot;
    const isCompressed = this.#isCompressed;
    const footer = { metaindex, index, tableId, seed, levels, isCompressed };
    this.#sink.append(encodeFooter(footer), FOOTER_BYTES);
    this.#sink.flush();
    return {
      number,
      sizeBytes: this.#sink.offset,
      smallest: this.#smallest,
      largest,
      smallestSequence: this.#smallestSequence,
      largestSequence: this.#largestSequence,
      tableId: tableId.slice(),
      fileCrc: this.#sink.fileCrc,
      entries: this.#entries,
      deletions: this.#deletions,
    };
  }

  #finishDataBlock(): void {
    const contents = this.#data.finish(BLOCK_TRAILER_BYTES);
    const length = contents.length - BLOCK_TRAILER_BYTES;
    const packed = this.#isCompressed ? compress(contents, length, BLOCK_TRAILER_BYTES) : null;
    this.#unindexed =
      packed === null
        ? this.#writeBlock(contents, Compression.None)
        : this.#writeBlock(packed, Compression.DeflateRaw);
    this.#dataBlocks++;
  }

  #writeCopy(contents: Uint8Array): BlockHandle {
    const block = new Uint8Array(contents.length + BLOCK_TRAILER_BYTES);
    block.set(contents);
    return this.#writeBlock(block, Compression.None);
  }

  /** Fills in the trailer in the last bytes of `block` and appends it. */
  #writeBlock(block: Uint8Array, compression: number): BlockHandle {
    const { offset } = this.#sink;
    const sizeBytes = block.length - BLOCK_TRAILER_BYTES;
    block[sizeBytes] = compression;
    const crc = blockChecksum(this.#slot.seed, offset, block, 0, sizeBytes + 1);
    writeU32(block, sizeBytes + 1, crc);
    this.#sink.append(block, block.length);
    return { offset, sizeBytes };
  }
}
