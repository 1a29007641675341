import { copyBytes, grown } from '../encoding/copy-bytes.js';
import { TRAILER_BYTES } from '../encoding/internal-key.js';

/** Fields kept for each entry. */
const FIELDS = 5;

/** Most cursors never walk backward: they hold nothing. */
const NO_KEYS: Uint8Array = new Uint8Array(0);
const NO_FIELDS: Float64Array = new Float64Array(0);

/** What is pushed: a cursor that has just decoded an entry. */
interface Decoded {
  readonly keyBytes: Uint8Array;
  readonly keyEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/**
 * The entries of a block between a restart point and the entry that a cursor stands at, decoded once for a walk
 * backward: without it each step would decode all of them again. Holds copies of their internal keys.
 */
export class EntryStack {
  entryAt = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;

  #keys: Uint8Array = NO_KEYS;
  #keysEnd = 0;
  /** For each: where it begins in the block, where its key ends in #keys, user key length, value start, value end. */
  #fields: Float64Array = NO_FIELDS;
  #count = 0;
  /** The entry that stands behind the top one; -1: none. */
  #behind = -1;

  clear(): void {
    this.#count = 0;
    this.#keysEnd = 0;
    this.#behind = -1;
  }

  /** True if the top entry is the one before the entry at this place. */
  leadsTo(entryAt: number): boolean {
    return this.#count > 0 && this.#behind === entryAt;
  }

  push(entry: Decoded, entryAt: number): void {
    const { keyBytes, keyEnd, valueStart, valueEnd } = entry;
    const end = this.#keysEnd + keyEnd + TRAILER_BYTES;
    this.#keys = grown(this.#keys, this.#keysEnd, end);
    copyBytes(this.#keys, this.#keysEnd, keyBytes, 0, keyEnd + TRAILER_BYTES);
    this.#keysEnd = end;
    const at = this.#count * FIELDS;
    if (at + FIELDS > this.#fields.length) {
      const larger = new Float64Array(Math.max(16 * FIELDS, 2 * this.#fields.length));
      larger.set(this.#fields);
      this.#fields = larger;
    }
    const fields = this.#fields;
    fields[at] = entryAt;
    fields[at + 1] = end;
    fields[at + 2] = keyEnd;
    fields[at + 3] = valueStart;
    fields[at + 4] = valueEnd;
    this.#count++;
  }

  /**
   * Takes the top entry off: fills in the fields here and copies its internal key to the start of `target`.
   * @returns the target, or a larger one in its place
   */
  pop(target: Uint8Array): Uint8Array {
    const fields = this.#fields;
    const at = --this.#count * FIELDS;
    this.entryAt = fields[at]!;
    this.keyEnd = fields[at + 2]!;
    this.valueStart = fields[at + 3]!;
    this.valueEnd = fields[at + 4]!;
    const length = this.keyEnd + TRAILER_BYTES;
    const end = fields[at + 1]!;
    this.#keysEnd = end - length;
    this.#behind = this.entryAt;
    const buffer = grown(target, 0, length);
    copyBytes(buffer, 0, this.#keys, end - length, end);
    return buffer;
  }
}
