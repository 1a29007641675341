import { TRAILER_BYTES } from '../encoding/internal-key.js';

/**
 * Reads the lengths of one entry of a block (format: block-builder.ts), for searches that put no key together.
 * Throws nothing: what it does not understand is for a BlockCursor, which says what is wrong.
 */
export class EntryReader {
  /** Where the bytes of the key stand that are not shared. */
  keyAt = 0;
  shared = 0;
  unshared = 0;
  valueLength = 0;

  /** Length of the user key. */
  get userLength(): number {
    return this.shared + this.unshared - TRAILER_BYTES;
  }

  get valueAt(): number {
    return this.keyAt + this.unshared;
  }

  /** Where the next entry begins. */
  get next(): number {
    return this.keyAt + this.unshared + this.valueLength;
  }

  /**
   * Goes to the entry at `at`. False where its lengths do not fit below `limit`, or need more than two bytes each:
   * longer ones are rare enough for the cursor.
   */
  read(bytes: Uint8Array, at: number, limit: number): boolean {
    if (at + 3 > limit) return false;
    let next = at;
    let shared = bytes[next++]!;
    if (shared >= 0x80) {
      const high = bytes[next++]!;
      if (high >= 0x80) return false;
      shared += (high - 1) * 0x80;
    }
    let unshared = bytes[next++]!;
    if (unshared >= 0x80) {
      const high = bytes[next++]!;
      if (high >= 0x80) return false;
      unshared += (high - 1) * 0x80;
    }
    let valueLength = bytes[next++]!;
    if (valueLength >= 0x80) {
      const high = bytes[next++]!;
      if (high >= 0x80) return false;
      valueLength += (high - 1) * 0x80;
    }
    // A byte behind the end of the array is undefined and makes this false.
    if (!(next + unshared + valueLength <= limit && shared + unshared >= TRAILER_BYTES))
      return false;
    this.keyAt = next;
    this.shared = shared;
    this.unshared = unshared;
    this.valueLength = valueLength;
    return true;
  }
}
