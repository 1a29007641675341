import { SstError, SstErrorCode } from '../contract.js';
import { copyBytes, grown } from '../encoding/copy-bytes.js';
import { isKnownKind, readU32, sequenceOf, TRAILER_BYTES } from '../encoding/internal-key.js';
import { compareRanges } from '../encoding/key-order.js';
import { type Cursor, NOTHING } from '../read/cursor.js';
import { EntryStack } from './entry-stack.js';

/**
 * Walks one block of internal keys (format: block-builder.ts). Made once and reset for each block. The
 * key is put together in a buffer of the cursor, values are views of the block. Every length is checked
 * against the block: a block with a right checksum and wrong contents is an error, never a wild read.
 */
export class BlockCursor implements Cursor {
  valid = false;
  keyBytes: Uint8Array = new Uint8Array(64);
  readonly keyStart = 0;
  keyEnd = 0;
  sequence = 0;
  kind = 0;
  valueBytes: Uint8Array = NOTHING;
  valueStart = 0;
  valueEnd = 0;

  #bytes: Uint8Array = NOTHING;
  #file = '';
  #fileOffset = 0;
  #restartsAt = 0;
  #restartCount = 0;
  /** Restart point at or before the entry. */
  #restart = 0;
  /** Where the one behind it begins. */
  #nextRestartAt = 0;
  #entryAt = 0;
  #nextAt = 0;
  readonly #before = new EntryStack();
  // What #header found.
  #shared = 0;
  #unshared = 0;
  #valueLength = 0;

  /**
   * Goes to another block: contents are bytes[0, end).
   * @param file and fileOffset name the block in errors
   * @throws SstError SST_CORRUPT
   */
  reset(bytes: Uint8Array, end: number, file: string, fileOffset: number): void {
    this.valid = false;
    this.#bytes = bytes;
    this.valueBytes = bytes;
    this.#file = file;
    this.#fileOffset = fileOffset;
    this.#restartCount = end < 4 ? 0 : readU32(bytes, end - 4);
    this.#restartsAt = end - 4 - 4 * this.#restartCount;
    this.#before.clear();
    if (this.#restartCount === 0 || this.#restartsAt < 0) this.#fail('has no restart points');
  }

  /** Number of the entry's restart point; in an index block, the number of the entry. */
  get restart(): number {
    return this.#restart;
  }

  /** Restart points of the block; in an index block, its entries. */
  get restartCount(): number {
    return this.#restartCount;
  }

  /** To the entry at a restart point; not valid if there is none with this number. */
  goTo(restart: number): void {
    this.valid = false;
    if (restart >= this.#restartCount) return;
    this.#goToRestart(restart);
    this.#advance();
  }

  first(): void {
    this.#goToRestart(0);
    this.#advance();
  }

  last(): void {
    this.#goToRestart(this.#restartCount - 1);
    this.#advance();
    while (this.valid && this.#nextAt < this.#restartsAt) this.#advance();
  }

  seek(key: Uint8Array, keyStart: number, keyEnd: number, sequence: number): void {
    this.#goToRestart(this.#restartBefore(key, keyStart, keyEnd, sequence));
    this.#advance();
    while (this.valid && this.#compareTo(key, keyStart, keyEnd, sequence) < 0) this.#advance();
  }

  seekBefore(key: Uint8Array, keyStart: number, keyEnd: number, sequence: number): void {
    this.seek(key, keyStart, keyEnd, sequence);
    if (this.valid) this.prev();
    else this.last();
  }

  next(): void {
    this.#advance();
  }

  prev(): void {
    const before = this.#before;
    if (!before.leadsTo(this.#entryAt) && !this.#fillBefore()) {
      this.valid = false;
      return;
    }
    this.keyBytes = before.pop(this.keyBytes);
    this.#entryAt = before.entryAt;
    this.keyEnd = before.keyEnd;
    this.valueStart = before.valueStart;
    this.valueEnd = before.valueEnd;
    this.#nextAt = this.valueEnd;
    this.#readTrailer();
  }

  /** Stands nowhere, but stays in its block. */
  invalidate(): void {
    this.valid = false;
  }

  close(): void {
    this.valid = false;
    this.#bytes = NOTHING;
    this.valueBytes = NOTHING;
  }

  /** Decodes what stands between the entry and the last restart point before it; false if nothing does. */
  #fillBefore(): boolean {
    const target = this.#entryAt;
    let restart = this.#restart;
    while (this.#restartPoint(restart) >= target) {
      if (restart === 0) return false;
      restart--;
    }
    const before = this.#before;
    before.clear();
    this.#goToRestart(restart);
    do {
      this.#advance();
      before.push(this, this.#entryAt);
    } while (this.#nextAt < target);
    return true;
  }

  /** The last restart point whose key is before the target (0 if there is none). */
  #restartBefore(key: Uint8Array, keyStart: number, keyEnd: number, sequence: number): number {
    const bytes = this.#bytes;
    let low = 0;
    let high = this.#restartCount - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const at = this.#header(this.#restartPoint(middle));
      if (this.#shared !== 0) this.#fail('shares bytes at a restart point');
      const userEnd = at + this.#unshared - TRAILER_BYTES;
      let order = compareRanges(bytes, at, userEnd, key, keyStart, keyEnd);
      if (order === 0) {
        order = sequence - sequenceOf(readU32(bytes, userEnd), readU32(bytes, userEnd + 4));
      }
      if (order < 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Sign of entry - (key, sequence) in internal order. */
  #compareTo(key: Uint8Array, keyStart: number, keyEnd: number, sequence: number): number {
    const order = compareRanges(this.keyBytes, 0, this.keyEnd, key, keyStart, keyEnd);
    return order === 0 ? sequence - this.sequence : order;
  }

  #restartPoint(index: number): number {
    const at = readU32(this.#bytes, this.#restartsAt + 4 * index);
    if (at > this.#restartsAt) this.#fail('has a restart point outside');
    return at;
  }

  #goToRestart(index: number): void {
    this.#restart = index;
    this.#nextAt = this.#restartPoint(index);
    this.#setNextRestart();
    this.keyEnd = -TRAILER_BYTES;
  }

  #setNextRestart(): void {
    const next = this.#restart + 1;
    this.#nextRestartAt = next < this.#restartCount ? this.#restartPoint(next) : this.#restartsAt;
  }

  /** Decodes the entry at #nextAt on top of the key before it. */
  #advance(): void {
    const entryAt = this.#nextAt;
    if (entryAt >= this.#restartsAt) {
      this.valid = false;
      return;
    }
    const keyAt = this.#header(entryAt);
    const shared = this.#shared;
    const length = shared + this.#unshared;
    if (shared > this.keyEnd + TRAILER_BYTES) this.#fail('shares more than there is');
    this.keyBytes = grown(this.keyBytes, shared, length);
    const key = this.keyBytes;
    copyBytes(key, shared, this.#bytes, keyAt, keyAt + this.#unshared);
    this.keyEnd = length - TRAILER_BYTES;
    this.#readTrailer();
    this.valueStart = keyAt + this.#unshared;
    this.valueEnd = this.valueStart + this.#valueLength;
    this.#entryAt = entryAt;
    this.#nextAt = this.valueEnd;
    while (entryAt >= this.#nextRestartAt) {
      this.#restart++;
      this.#setNextRestart();
    }
    this.valid = true;
  }

  #readTrailer(): void {
    const key = this.keyBytes;
    const low = readU32(key, this.keyEnd);
    this.kind = low & 0xff;
    if (!isKnownKind(this.kind)) this.#refuseKind();
    this.sequence = sequenceOf(low, readU32(key, this.keyEnd + 4));
  }

  /** Reads the three lengths of an entry; answers the offset of its key bytes. */
  #header(at: number): number {
    const bytes = this.#bytes;
    const limit = this.#restartsAt;
    let next = at + 3;
    if (next <= limit && (bytes[at]! | bytes[at + 1]! | bytes[at + 2]!) < 0x80) {
      this.#shared = bytes[at]!;
      this.#unshared = bytes[at + 1]!;
      this.#valueLength = bytes[at + 2]!;
    } else {
      next = this.#longHeader(at);
    }
    const isWhole = next + this.#unshared + this.#valueLength <= limit;
    if (!isWhole || this.#shared + this.#unshared < TRAILER_BYTES) {
      this.#fail('has an entry that does not fit');
    }
    return next;
  }

  #longHeader(at: number): number {
    let next = this.#uvarint(at);
    this.#shared = this.#number;
    next = this.#uvarint(next);
    this.#unshared = this.#number;
    next = this.#uvarint(next);
    this.#valueLength = this.#number;
    return next;
  }

  #number = 0;

  #uvarint(at: number): number {
    let value = 0;
    let unit = 1;
    for (let next = at; next < this.#restartsAt && next < at + 5; ) {
      const byte = this.#bytes[next++]!;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) {
        this.#number = value;
        return next;
      }
      unit *= 0x80;
    }
    return this.#fail('has a length that does not end');
  }

  #refuseKind(): never {
    throw new SstError(
      SstErrorCode.Newer,
      `block at ${this.#fileOffset} of ${this.#file} holds an entry of kind ${this.kind}, this program knows 0, 1 and 3`,
      { file: this.#file, offset: this.#fileOffset },
    );
  }

  #fail(what: string): never {
    throw new SstError(
      SstErrorCode.Corrupt,
      `block at ${this.#fileOffset} of ${this.#file} ${what}, although its checksum is right`,
      { file: this.#file, offset: this.#fileOffset },
    );
  }
}
