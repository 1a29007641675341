import { type BlockCache, type CachedTable, NOT_CACHED } from '../block-cache.js';
import { type MaybePromise, SstError, SstErrorCode } from '../contract.js';
import type { BlockCodec } from './block-codec.js';
import type { BlockFile } from './block-file.js';
import { isMisleading } from './data-block.js';
import type { BlockHandle } from './format.js';

/** The contents of a block and the cache slot that holds them (NOT_CACHED: only the caller does). */
export interface LoadedBlock {
  readonly block: Uint8Array;
  readonly slot: number;
}

/** What becomes of a block's contents before they are kept. */
export type Prepare = (contents: Uint8Array) => Uint8Array;

function asItIs(contents: Uint8Array): Uint8Array {
  return contents;
}

/**
 * The blocks of a table that come and go: from the cache, else from the file. Each has a number in the
 * table's part of the cache: first the data blocks, then the index partitions, then the filter partitions.
 */
export class TableBlocks {
  readonly #file: BlockFile;
  readonly #codec: BlockCodec;
  readonly #cache: BlockCache | null;
  readonly #cached: CachedTable | null;
  readonly #dataBlocks: number;

  /** @param dataBlocks blocks from this number on are parts of index and filter, which many reads need */
  constructor(
    file: BlockFile,
    codec: BlockCodec,
    cache: BlockCache | null,
    cached: CachedTable | null,
    dataBlocks: number,
  ) {
    this.#file = file;
    this.#codec = codec;
    this.#cache = cache;
    this.#cached = cached;
    this.#dataBlocks = dataBlocks;
  }

  /** False where blocks are read from the file each time. */
  get isCached(): boolean {
    return this.#cached !== null;
  }

  /** Memory for the table's part of the cache. */
  get slotBytes(): number {
    return this.#cached?.slots.byteLength ?? 0;
  }

  /** The block if it is in the cache. */
  find(ordinal: number): Uint8Array | null {
    const cache = this.#cache;
    const cached = this.#cached;
    if (cache === null || cached === null) return null;
    const slot = cache.find(cached, ordinal);
    return slot === NOT_CACHED ? null : cache.block(slot);
  }

  /** Reads a block that find() did not have. @throws SstError SST_CORRUPT, SST_IO, SST_CLOSED */
  read(ordinal: number, handle: BlockHandle, prepare: Prepare = asItIs): Uint8Array {
    const block = prepare(this.#fromFile(handle));
    this.#keep(ordinal, block);
    return block;
  }

  /** find, then read. */
  get(ordinal: number, handle: BlockHandle, prepare: Prepare = asItIs): Uint8Array {
    return this.find(ordinal) ?? this.read(ordinal, handle, prepare);
  }

  /** As get, but a block that is not in memory is read through the thread pool. */
  getOffLoop(
    ordinal: number,
    handle: BlockHandle,
    prepare: Prepare = asItIs,
  ): MaybePromise<Uint8Array> {
    const found = this.find(ordinal);
    if (found !== null) return found;
    return this.#file.readBlockOffLoop(handle, this.#codec).then((contents) => {
      const block = prepare(this.#checked(contents, handle));
      // The table may have been closed meanwhile, and somebody else may have read the block.
      this.#file.checkOpen();
      if (this.#cached?.slots[ordinal] === NOT_CACHED) this.#keep(ordinal, block);
      return block;
    });
  }

  /** For a cursor that stands in the block: it stays in the cache until the slot is unpinned. */
  getPinned(ordinal: number, handle: BlockHandle, prepare: Prepare = asItIs): LoadedBlock {
    const cache = this.#cache;
    const cached = this.#cached;
    if (cache === null || cached === null) {
      return { block: prepare(this.#fromFile(handle)), slot: NOT_CACHED };
    }
    let slot = cache.find(cached, ordinal);
    let block = slot === NOT_CACHED ? null : cache.block(slot);
    if (block === null) {
      block = prepare(this.#fromFile(handle));
      slot = cache.insert(cached, ordinal, block, this.#worthOf(ordinal));
    }
    if (slot !== NOT_CACHED) cache.pin(slot);
    return { block, slot };
  }

  /** @param slot as getPinned answered it */
  unpin(slot: number): void {
    if (slot !== NOT_CACHED) this.#cache?.unpin(slot);
  }

  /** Gives all of the table's blocks back to the cache. */
  drop(): void {
    if (this.#cached !== null) this.#cache?.drop(this.#cached);
  }

  #fromFile(handle: BlockHandle): Uint8Array {
    return this.#checked(this.#file.readBlock(handle, this.#codec), handle);
  }

  /** What could be taken for a block that was prepared is none that a writer makes. */
  #checked(contents: Uint8Array, { offset }: BlockHandle): Uint8Array {
    if (!isMisleading(contents)) return contents;
    const file = this.#file.path;
    throw new SstError(
      SstErrorCode.Corrupt,
      `block at ${offset} of ${file} does not end as blocks do, although its checksum is right`,
      { file, offset },
    );
  }

  #keep(ordinal: number, block: Uint8Array): void {
    if (this.#cached === null) return;
    this.#cache?.insert(this.#cached, ordinal, block, this.#worthOf(ordinal));
  }

  #worthOf(ordinal: number): 'little' | 'much' {
    return ordinal < this.#dataBlocks ? 'little' : 'much';
  }
}
