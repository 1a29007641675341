import { SstError, SstErrorCode } from '../contract.js';
import { copyBytes, grown } from '../encoding/copy-bytes.js';
import { MAX_SEQUENCE, TRAILER_BYTES, writeTrailer } from '../encoding/internal-key.js';
import { compareRanges } from '../encoding/key-order.js';
import type { Cursor } from '../read/cursor.js';
import { separatorLength } from './separator.js';

/** An entry as the writers of tables take it: what a cursor shows. */
export type TableEntry = Pick<
  Cursor,
  | 'keyBytes'
  | 'keyStart'
  | 'keyEnd'
  | 'sequence'
  | 'kind'
  | 'valueBytes'
  | 'valueStart'
  | 'valueEnd'
>;

/**
 * The internal keys of a table that is being written: the last one and the one that comes now, their
 * order, and the keys that separate blocks.
 */
export class EntryOrder {
  /** Internal key of the entry that came last: key[0, length + 8). */
  key: Uint8Array = new Uint8Array(64);
  /** Length of its user key; -1 before the first entry. */
  length = -1;
  #sequence = 0;
  #before: Uint8Array = new Uint8Array(64);
  #lengthBefore = -1;

  /**
   * Takes the next entry.
   * @returns whether its user key is another one than the last
   * @throws SstError SST_USAGE if it is not behind the last one in internal order
   */
  take({ keyBytes, keyStart, keyEnd, sequence, kind }: TableEntry): boolean {
    const order =
      this.length < 0 ? -1 : compareRanges(this.key, 0, this.length, keyBytes, keyStart, keyEnd);
    if (order > 0 || (order === 0 && sequence >= this.#sequence)) {
      throw new SstError(SstErrorCode.Usage, 'entries of a table must be given in order');
    }
    const spare = this.#before;
    this.#before = this.key;
    this.#lengthBefore = this.length;
    const length = keyEnd - keyStart;
    this.key = grown(spare, 0, length + TRAILER_BYTES);
    copyBytes(this.key, 0, keyBytes, keyStart, keyEnd);
    writeTrailer(this.key, length, sequence, kind);
    this.length = length;
    this.#sequence = sequence;
    return order < 0;
  }

  /**
   * An internal key at or behind the entry before the last and before the last one: short where it can be.
   * @param madeUp writes the trailer of a key that stands in no block
   */
  separator(madeUp: (key: Uint8Array, at: number) => void): Uint8Array {
    const before = this.#before;
    const lengthBefore = this.#lengthBefore;
    const short = separatorLength(before, lengthBefore, this.key, this.length);
    if (short < 0) return before.subarray(0, lengthBefore + TRAILER_BYTES);
    const key = new Uint8Array(short + TRAILER_BYTES);
    key.set(before.subarray(0, short));
    key[short - 1]!++;
    madeUp(key, short);
    return key;
  }

  /** Internal key of the last entry. */
  last(): Uint8Array {
    return this.key.subarray(0, this.length + TRAILER_BYTES);
  }
}

/** Trailer of a made-up key in our own tables: before all versions of its user key. */
export function writeFirstTrailer(key: Uint8Array, at: number): void {
  writeTrailer(key, at, MAX_SEQUENCE, 1);
}
