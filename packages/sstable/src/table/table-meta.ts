import type { CompressionName } from './compression.js';

/** What the manifest keeps of a table: enough to find, check and place it without opening it. */
export interface TableMeta {
  /** Number in its file name. */
  readonly number: number;
  readonly sizeBytes: number;
  /** First and last user key. */
  readonly smallest: Uint8Array;
  readonly largest: Uint8Array;
  readonly smallestSequence: number;
  readonly largestSequence: number;
  /** 16 random bytes, also in the footer: a table keeps its id when linked or shipped. */
  readonly tableId: Uint8Array;
  /** CRC-32 of the whole file. */
  readonly fileCrc: number;
  /** Versions, tombstones included. */
  readonly entries: number;
  /** Tombstones. */
  readonly deletions: number;
}

/** How a table is written. */
export interface TableFormatOptions {
  /** Uncompressed size at which a data block is closed. */
  readonly blockBytes: number;
  /** Of data blocks. Default: none. */
  readonly compression?: CompressionName;
  /** A larger index has two levels. Default: 64 KiB. */
  readonly indexBytes?: number;
}

/** With blocks of 4 KiB and short keys: tables up to some 8 MiB have an index of one level. */
export const DEFAULT_INDEX_BYTES = 64 * 1024;

/** Name and identity for a table about to be written. */
export interface TableSlot {
  readonly number: number;
  readonly tableId: Uint8Array;
  readonly seed: number;
}
