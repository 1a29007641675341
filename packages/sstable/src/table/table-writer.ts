import { crc32, type File } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import { copyBytes, grown } from '../encoding/copy-bytes.js';
import {
  Kind,
  MAX_SEQUENCE,
  TRAILER_BYTES,
  writeTrailer,
  writeU32,
} from '../encoding/internal-key.js';
import { compareRanges } from '../encoding/key-order.js';
import type { Cursor } from '../read/cursor.js';
import { BlockBuilder, DATA_RESTART_INTERVAL, INDEX_RESTART_INTERVAL } from './block-builder.js';
import { BloomBuilder, FILTER_NAME, filterHash } from './bloom-filter.js';
import {
  BLOCK_TRAILER_BYTES,
  type BlockHandle,
  blockChecksum,
  Compression,
  encodeFooter,
  encodeHandle,
  FOOTER_BYTES,
} from './format.js';
import { encodePlainBlock, encodeProperties, PROPERTIES_NAME } from './properties.js';
import type { TableFormatOptions, TableMeta, TableSlot } from './table-meta.js';

/** Bytes gathered before a write. */
const WRITE_BYTES = 128 * 1024;

/**
 * Writes a table from entries in order, streaming: in memory stand one block, the index and a hash for
 * each key. Writes are not durable: the caller syncs the file and its directory.
 * A writer whose add or finish threw is done for; the caller removes the file.
 */
export class TableWriter {
  readonly #file: File;
  readonly #slot: TableSlot;
  readonly #blockBytes: number;
  readonly #data = new BlockBuilder(DATA_RESTART_INTERVAL);
  readonly #index = new BlockBuilder(INDEX_RESTART_INTERVAL);
  readonly #bloom = new BloomBuilder();
  #pending: Uint8Array = new Uint8Array(16 * 1024);
  #pendingBytes = 0;
  #writtenBytes = 0;
  #fileCrc = 0;
  /** Internal key of the last entry, and room for the next one. */
  #lastKey: Uint8Array = new Uint8Array(64);
  #lastKeyEnd = 0;
  #lastSequence = 0;
  #key: Uint8Array = new Uint8Array(64);
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
    this.#file = file;
    this.#slot = slot;
    this.#blockBytes = options.blockBytes;
  }

  get entries(): number {
    return this.#entries;
  }

  /** Bytes of the blocks so far, the open one included. */
  get sizeBytes(): number {
    return this.#offset + (this.#data.entries === 0 ? 0 : this.#data.sizeBytes);
  }

  get dataBlocks(): number {
    return this.#dataBlocks;
  }

  /**
   * Appends the entry that the cursor stands at.
   * @throws SstError SST_USAGE if it is not behind the last one in internal order
   */
  add(entry: Cursor): void {
    const { keyBytes, keyStart, keyEnd, sequence } = entry;
    const length = keyEnd - keyStart;
    const isNewKey = this.#checkOrder(keyBytes, keyStart, keyEnd, sequence);
    this.#key = grown(this.#key, 0, length + TRAILER_BYTES);
    copyBytes(this.#key, 0, keyBytes, keyStart, keyEnd);
    writeTrailer(this.#key, length, sequence, entry.kind);
    if (this.#unindexed !== null) this.#addIndexEntry(this.#unindexed, length);
    if (isNewKey) this.#bloom.add(filterHash(keyBytes, keyStart, keyEnd));
    this.#data.add(
      this.#key,
      length + TRAILER_BYTES,
      entry.valueBytes,
      entry.valueStart,
      entry.valueEnd,
    );
    const spare = this.#lastKey;
    this.#lastKey = this.#key;
    this.#key = spare;
    this.#lastKeyEnd = length;
    this.#lastSequence = sequence;
    this.#smallest ??= keyBytes.slice(keyStart, keyEnd);
    if (sequence < this.#smallestSequence) this.#smallestSequence = sequence;
    if (sequence > this.#largestSequence) this.#largestSequence = sequence;
    this.#entries++;
    if (entry.kind === Kind.Delete) this.#deletions++;
    this.#keyBytes += length;
    this.#valueBytes += entry.valueEnd - entry.valueStart;
    if (this.#data.sizeBytes >= this.#blockBytes) this.#finishDataBlock();
  }

  /** Writes the rest. @throws SstError SST_USAGE without an entry; what the file throws */
  finish(): TableMeta {
    if (this.#smallest === null) {
      throw new SstError(SstErrorCode.Usage, 'a table needs an entry');
    }
    if (this.#data.entries > 0) this.#finishDataBlock();
    if (this.#unindexed !== null) this.#addIndexEntry(this.#unindexed, -1);
    const largest = this.#lastKey.slice(0, this.#lastKeyEnd);
    const filter = this.#writeCopy(this.#bloom.finish());
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
    const metaindex = this.#writeCopy(
      encodePlainBlock(
        new Map([
          [FILTER_NAME, encodeHandle(filter)],
          [PROPERTIES_NAME, encodeHandle(properties)],
        ]),
      ),
    );
    const index = this.#writeBlock(this.#index.finish(BLOCK_TRAILER_BYTES));
    const { tableId, seed, number } = this.#slot;
    this.#write(encodeFooter({ metaindex, index, tableId, seed }), FOOTER_BYTES);
    this.#writeOut();
    return {
      number,
      sizeBytes: this.#writtenBytes,
      smallest: this.#smallest,
      largest,
      smallestSequence: this.#smallestSequence,
      largestSequence: this.#largestSequence,
      tableId: tableId.slice(),
      fileCrc: this.#fileCrc,
      entries: this.#entries,
      deletions: this.#deletions,
    };
  }

  get #offset(): number {
    return this.#writtenBytes + this.#pendingBytes;
  }

  /** True if the user key differs from the last one. */
  #checkOrder(key: Uint8Array, start: number, end: number, sequence: number): boolean {
    if (this.#entries === 0) return true;
    const order = compareRanges(this.#lastKey, 0, this.#lastKeyEnd, key, start, end);
    if (order > 0 || (order === 0 && sequence >= this.#lastSequence)) {
      throw new SstError(SstErrorCode.Usage, 'entries of a table must be given in order');
    }
    return order < 0;
  }

  #finishDataBlock(): void {
    this.#unindexed = this.#writeBlock(this.#data.finish(BLOCK_TRAILER_BYTES));
    this.#dataBlocks++;
  }

  /** Enters the last block under a key at or behind its last and before the next one (in #key, or none: -1). */
  #addIndexEntry(handle: BlockHandle, nextLength: number): void {
    this.#unindexed = null;
    const value = encodeHandle(handle);
    const last = this.#lastKey;
    const lastLength = this.#lastKeyEnd;
    const short = nextLength < 0 ? -1 : separatorLength(last, lastLength, this.#key, nextLength);
    if (short < 0) {
      this.#index.add(last, lastLength + TRAILER_BYTES, value, 0, value.length);
      return;
    }
    const separator = new Uint8Array(short + TRAILER_BYTES);
    separator.set(last.subarray(0, short));
    separator[short - 1]!++;
    writeTrailer(separator, short, MAX_SEQUENCE, Kind.Set);
    this.#index.add(separator, separator.length, value, 0, value.length);
  }

  #writeCopy(contents: Uint8Array): BlockHandle {
    const block = new Uint8Array(contents.length + BLOCK_TRAILER_BYTES);
    block.set(contents);
    return this.#writeBlock(block);
  }

  /** Fills in the trailer in the last bytes of `block` and appends it. */
  #writeBlock(block: Uint8Array): BlockHandle {
    const offset = this.#offset;
    const sizeBytes = block.length - BLOCK_TRAILER_BYTES;
    block[sizeBytes] = Compression.None;
    const crc = blockChecksum(this.#slot.seed, offset, block, 0, sizeBytes + 1);
    writeU32(block, sizeBytes + 1, crc);
    this.#write(block, block.length);
    return { offset, sizeBytes };
  }

  #write(bytes: Uint8Array, length: number): void {
    this.#pending = grown(this.#pending, this.#pendingBytes, this.#pendingBytes + length);
    this.#pending.set(bytes, this.#pendingBytes);
    this.#pendingBytes += length;
    if (this.#pendingBytes >= WRITE_BYTES) this.#writeOut();
  }

  #writeOut(): void {
    this.#fileCrc = crc32(this.#pending, this.#fileCrc, 0, this.#pendingBytes);
    this.#file.writeSync(this.#pending, 0, this.#pendingBytes, this.#writtenBytes);
    this.#writtenBytes += this.#pendingBytes;
    this.#pendingBytes = 0;
  }
}

/**
 * Length of a prefix of `last` that, its last byte raised by one, lies strictly between the two user
 * keys; -1 if there is none that is shorter than `last`.
 */
function separatorLength(
  last: Uint8Array,
  lastLength: number,
  next: Uint8Array,
  nextLength: number,
): number {
  const limit = Math.min(lastLength, nextLength);
  let at = 0;
  while (at < limit && last[at] === next[at]) at++;
  if (at >= limit || at + 1 >= lastLength) return -1;
  // last < next, so last[at] < next[at]: no overflow. Raised, it must stay below next itself.
  if (last[at]! + 1 < next[at]! || (last[at]! + 1 === next[at]! && nextLength > at + 1))
    return at + 1;
  return -1;
}
