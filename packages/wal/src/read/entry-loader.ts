import { crc32 } from '@dougdb/ports';
import { COMPACTED, type WalEntry, WalError, WalErrorCode } from '../contract.js';
import { codeOf } from '../failure.js';
import { Slot } from '../log/entry-runs.js';
import type { LogState } from '../log/log-state.js';
import type { SegmentFiles } from './segment-files.js';

/** One read brings at most so much, one large entry aside. */
const READ_BYTES = 1024 * 1024;
/** Entries of other logs between two of one log are read along up to this distance. */
const GAP_BYTES = 4096;

/** Reads entries from the cache, and older ones from their segments, each with its checksum. */
export class EntryLoader {
  readonly #files: SegmentFiles;
  readonly #onDamage: (error: WalError) => void;

  /** `onDamage` hears of each damaged entry once. */
  constructor(files: SegmentFiles, onDamage: (error: WalError) => void) {
    this.#files = files;
    this.#onDamage = onDamage;
  }

  /** See LogReader.entries. @throws WalError WAL_CORRUPT */
  read(
    log: LogState,
    low: number,
    high: number,
    maxBytes: number,
  ): readonly WalEntry[] | -1 | 'faulty' {
    if (low < log.firstIndex) return COMPACTED;
    const stop = Math.min(high, log.lastIndex + 1);
    const found: WalEntry[] = [];
    let bytes = 0;
    for (let index = low; index < stop; ) {
      if (isUnreadable(log.slotOf(index))) return found.length === 0 ? 'faulty' : found;
      const cached = log.table.cached(index);
      if (cached === undefined) {
        const loaded = this.#load(log, index, stop, maxBytes - bytes, found);
        if (loaded === 0) return found;
        for (let i = 0; i < loaded; i++) bytes += log.table.length(index++);
      } else {
        if (found.length > 0 && bytes + cached.data.length > maxBytes) return found;
        found.push(cached);
        bytes += cached.data.length;
        index++;
      }
      if (bytes > maxBytes) break;
    }
    return found;
  }

  /** The entry at an index that holds one; null if it is damaged. */
  readOne(log: LogState, index: number): WalEntry | null {
    const cached = log.table.cached(index);
    if (cached !== undefined) return cached;
    const found: WalEntry[] = [];
    try {
      this.#load(log, index, index + 1, 0, found);
      return found[0] ?? null;
    } catch (error) {
      if (codeOf(error) === WalErrorCode.Corrupt) return null;
      throw error;
    }
  }

  /** Reads a run of entries that lie close together; answers how many of them fit and are whole. */
  #load(log: LogState, low: number, stop: number, maxBytes: number, found: WalEntry[]): number {
    const { table } = log;
    const segment = table.segment(low);
    const from = table.offset(low);
    let to = from + table.length(low);
    if (found.length > 0 && to - from > maxBytes) return 0;
    let data = to - from;
    let next = low + 1;
    for (; next < stop; next++) {
      if (isUnreadable(table.slot(next)) || table.cached(next) !== undefined) break;
      const offset = table.offset(next);
      const length = table.length(next);
      if (table.segment(next) !== segment || offset < to || offset - to > GAP_BYTES) break;
      data += length;
      if (data > maxBytes || offset + length - from > READ_BYTES) break;
      to = offset + length;
    }
    const alone = next === low + 1;
    const bytes = this.#readRange(log, low, to - from, alone && found.length === 0);
    if (bytes === null) {
      // One bad sector must not hide the entries before it.
      return alone ? 0 : this.#load(log, low, low + 1, maxBytes, found);
    }
    for (let index = low; index < next; index++) {
      const start = table.offset(index) - from;
      const entry = new Uint8Array(bytes.buffer, start, table.length(index));
      const checksum = table.checksum(index);
      if (crc32(entry) !== checksum) {
        // What came before is good; the reader meets the damage when it asks from there.
        if (index > low || found.length > 0) return index - low;
        throw this.#damaged(log, index, 'its checksum does not match');
      }
      found.push({
        index,
        term: table.term(index),
        type: table.type(index),
        data: entry,
        checksum,
      });
    }
    return next - low;
  }

  /** Bytes from the start of this entry; null, or damage if asked for, where they cannot be had. */
  #readRange(
    log: LogState,
    index: number,
    length: number,
    throwing: boolean,
  ): Uint8Array<ArrayBuffer> | null {
    const bytes = new Uint8Array(length);
    const from = log.table.offset(index);
    let cause: unknown;
    try {
      const file = this.#files.get(log.table.segment(index));
      if (file.readSync(bytes, 0, length, from) === length) return bytes;
    } catch (error) {
      cause = error;
    }
    if (throwing) throw this.#damaged(log, index, 'it cannot be read', cause);
    return null;
  }

  #damaged(log: LogState, index: number, what: string, cause?: unknown): WalError {
    const { table } = log;
    const where = { file: this.#files.path(table.segment(index)), offset: table.offset(index) };
    log.setFaulty(index);
    const error = new WalError(
      WalErrorCode.Corrupt,
      `entry ${index} (term ${table.term(index)}) of log ${log.id} is damaged: ${what}, ${where.file} at ${where.offset}`,
      cause === undefined ? where : { ...where, cause },
    );
    this.#onDamage(error);
    return error;
  }
}

function isUnreadable(slot: Slot): boolean {
  return slot !== Slot.Placed && slot !== Slot.Pending;
}
