import type { File } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import { TRAILER_BYTES, writeU32 } from '../encoding/internal-key.js';
import {
  BlockBuilder,
  DATA_RESTART_INTERVAL,
  INDEX_RESTART_INTERVAL,
} from '../table/block-builder.js';
import { BlockSink } from '../table/block-sink.js';
import { EntryOrder, type TableEntry } from '../table/entry-order.js';
import { BLOCK_TRAILER_BYTES, type BlockHandle, encodeHandle } from '../table/format.js';
import { encodePlainBlock } from '../table/properties.js';
import { LEVELDB_FILTER_NAME, LevelDbFilterBuilder, levelDbFilterHash } from './bloom.js';
import { crc32c, masked } from './crc32c.js';
import { encodeLevelDbFooter, LEVELDB_FOOTER_BYTES } from './table-format.js';

export interface LevelDbTableOptions {
  /** Size at which a data block is closed. */
  readonly blockBytes: number;
  /** 'bloom': a filter that LevelDB and its bindings use if they are opened with one. */
  readonly filter: 'bloom' | 'none';
}

/** What LevelDB's manifest keeps of a table. */
export interface LevelDbTableMeta {
  readonly sizeBytes: number;
  /** First and last internal key. */
  readonly smallest: Uint8Array;
  readonly largest: Uint8Array;
  readonly entries: number;
}

/**
 * Writes a table of LevelDB's format from entries in order, streaming. Blocks are not compressed. Writes are
 * not durable: the caller syncs the file and its directory.
 */
export class LevelDbTableWriter {
  readonly #sink: BlockSink;
  readonly #blockBytes: number;
  readonly #data = new BlockBuilder(DATA_RESTART_INTERVAL);
  readonly #index = new BlockBuilder(INDEX_RESTART_INTERVAL);
  readonly #filter: LevelDbFilterBuilder | null;
  readonly #order = new EntryOrder();
  #unindexed: BlockHandle | null = null;
  #smallest: Uint8Array | null = null;
  #entries = 0;

  constructor(file: File, options: LevelDbTableOptions) {
    this.#sink = new BlockSink(file);
    this.#blockBytes = options.blockBytes;
    this.#filter = options.filter === 'bloom' ? new LevelDbFilterBuilder() : null;
    this.#filter?.startBlock(0);
  }

  /** Bytes of the blocks so far, the open one included. */
  get sizeBytes(): number {
    return this.#sink.offset + (this.#data.entries === 0 ? 0 : this.#data.sizeBytes);
  }

  /** @throws SstError SST_USAGE if the entry is not behind the last one in internal order */
  add(entry: TableEntry): void {
    const order = this.#order;
    order.take(entry);
    if (this.#unindexed !== null) {
      this.#addIndexEntry(order.separator(writeFirstTrailer), this.#unindexed);
    }
    this.#filter?.add(levelDbFilterHash(entry.keyBytes, entry.keyStart, entry.keyEnd));
    const { valueBytes, valueStart, valueEnd } = entry;
    this.#data.add(order.key, order.length + TRAILER_BYTES, valueBytes, valueStart, valueEnd);
    this.#smallest ??= order.last().slice();
    this.#entries++;
    if (this.#data.sizeBytes >= this.#blockBytes) this.#finishDataBlock();
  }

  /** Writes the rest. @throws SstError SST_USAGE without an entry; what the file throws */
  finish(): LevelDbTableMeta {
    if (this.#smallest === null) {
      throw new SstError(SstErrorCode.Usage, 'a table needs an entry');
    }
    if (this.#data.entries > 0) this.#finishDataBlock();
    if (this.#unindexed !== null) this.#addIndexEntry(this.#order.last(), this.#unindexed);
    const metaBlocks = new Map<string, Uint8Array>();
    if (this.#filter !== null) {
      const filter = this.#writeCopy(this.#filter.finish());
      metaBlocks.set(LEVELDB_FILTER_NAME, encodeHandle(filter));
    }
    const metaindex = this.#writeCopy(encodePlainBlock(metaBlocks));
    const index = this.#writeBlock(this.#index.finish(BLOCK_TRAILER_BYTES));
    this.#sink.append(encodeLevelDbFooter({ metaindex, index }), LEVELDB_FOOTER_BYTES);
    this.#sink.flush();
    return {
      sizeBytes: this.#sink.offset,
      smallest: this.#smallest,
      largest: this.#order.last().slice(),
      entries: this.#entries,
    };
  }

  #addIndexEntry(key: Uint8Array, handle: BlockHandle): void {
    this.#unindexed = null;
    const value = encodeHandle(handle);
    this.#index.add(key, key.length, value, 0, value.length);
  }

  #finishDataBlock(): void {
    this.#unindexed = this.#writeBlock(this.#data.finish(BLOCK_TRAILER_BYTES));
    this.#filter?.startBlock(this.#sink.offset);
  }

  #writeCopy(contents: Uint8Array): BlockHandle {
    const block = new Uint8Array(contents.length + BLOCK_TRAILER_BYTES);
    block.set(contents);
    return this.#writeBlock(block);
  }

  /** Fills in the trailer in the last bytes of `block` and appends it. */
  #writeBlock(block: Uint8Array): BlockHandle {
    const { offset } = this.#sink;
    const sizeBytes = block.length - BLOCK_TRAILER_BYTES;
    block[sizeBytes] = 0;
    writeU32(block, sizeBytes + 1, masked(crc32c(block, 0, sizeBytes + 1)));
    this.#sink.append(block, block.length);
    return { offset, sizeBytes };
  }
}

/** Trailer of a key that stands in no block: LevelDB's highest sequence, 2^56 - 1, and kind 1. */
function writeFirstTrailer(key: Uint8Array, at: number): void {
  key.fill(0xff, at, at + TRAILER_BYTES);
  key[at] = 1;
}
