import { crc32 } from '@dougdb/ports';
import type { ProposalData } from '@dougdb/raft-core';
import { type LimitTable, limits } from '@dougdb/rpc-proto';
import {
  COMMAND_OVERHEAD_BYTES,
  ENTRY_HEADER_BYTES,
  writeCommandLength,
  writeEntryHeader,
} from './entry-format.js';

const SMALLEST_SLAB_BYTES = 16 << 10;
const LARGEST_SLAB_BYTES = 1 << 20;

/**
 * Gathers the commands of a turn into the data of one entry. Each command's bytes are copied once,
 * into a slab; the entry is a region of it that is never written again, so log and peers may keep it.
 */
export class EntryWriter {
  readonly #limits: LimitTable;
  #slab: Uint8Array = none;
  #start = 0;
  #pos = 0;
  #count = 0;

  constructor(table: LimitTable = limits) {
    this.#limits = table;
  }

  /** Commands in the open entry. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of the open entry. */
  get sizeBytes(): number {
    return this.#count === 0 ? 0 : this.#pos - this.#start;
  }

  /** Whether the open entry takes one more command of this length. An empty one takes any. */
  hasRoom(commandBytes: number): boolean {
    if (this.#count === 0) return true;
    const size = this.sizeBytes + COMMAND_OVERHEAD_BYTES + commandBytes;
    return this.#count < this.#limits.entryCommands && size <= this.#limits.entryBytes;
  }

  /** Copies bytes[start, end) as the next command. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const opening = this.#count === 0 ? ENTRY_HEADER_BYTES : 0;
    this.#reserve(opening + COMMAND_OVERHEAD_BYTES + length);
    this.#pos += opening;
    writeCommandLength(this.#slab, this.#pos, length);
    this.#pos += COMMAND_OVERHEAD_BYTES;
    this.#slab.set(bytes.subarray(start, end), this.#pos);
    this.#pos += length;
    this.#count++;
  }

  /** Closes the entry, which has at least one command: its data with the one checksum it will ever get. */
  take(logTime: number, epochVersion: number): ProposalData {
    writeEntryHeader(this.#slab, this.#start, this.#count, logTime, epochVersion);
    const data = this.#slab.subarray(this.#start, this.#pos);
    const checksum = crc32(data);
    this.#start = this.#pos;
    this.#count = 0;
    return { data, checksum };
  }

  /** Drops the open entry. */
  clear(): void {
    this.#pos = this.#start;
    this.#count = 0;
  }

  #reserve(count: number): void {
    if (this.#pos + count <= this.#slab.length) return;
    const open = this.#pos - this.#start;
    const needed = open + count;
    // An idle partition holds 16 KiB; a busy one fills a slab with a few entries.
    const usual = Math.min(LARGEST_SLAB_BYTES, Math.max(SMALLEST_SLAB_BYTES, needed * 4));
    const slab = new Uint8Array(Math.max(usual, needed));
    slab.set(this.#slab.subarray(this.#start, this.#pos));
    this.#slab = slab;
    this.#start = 0;
    this.#pos = open;
  }
}

const none = new Uint8Array(0);
