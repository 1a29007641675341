import { MAX_UVARINT_BYTES, writeUvarint } from '../encoding/byte-writer.js';
import { copyBytes, grown } from '../encoding/copy-bytes.js';
import { writeU32 } from '../encoding/internal-key.js';

/**
 * Builds a block in LevelDB's byte format.
 *
 * ```
 * entry    shared uvarint | unshared uvarint | value length uvarint | key[shared..] | value
 * block    entry ... | restart offset u32 ... | restart count u32
 * ```
 * `shared` bytes of the key are those of the key before. Every `restartInterval` entries the key stands
 * whole (a restart point), so that a reader can search them by halves.
 */
export class BlockBuilder {
  readonly #restartInterval: number;
  #bytes: Uint8Array = new Uint8Array(1024);
  #length = 0;
  #restarts: number[] = [0];
  #sinceRestart = 0;
  #entries = 0;
  #lastKey: Uint8Array = new Uint8Array(64);
  #lastKeyLength = 0;

  constructor(restartInterval: number) {
    this.#restartInterval = restartInterval;
  }

  get entries(): number {
    return this.#entries;
  }

  /** Size that finish() would answer now. */
  get sizeBytes(): number {
    return this.#length + 4 * this.#restarts.length + 4;
  }

  /** Appends an entry. The caller keeps the order. */
  add(
    key: Uint8Array,
    keyLength: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    let shared = 0;
    if (this.#sinceRestart < this.#restartInterval) {
      const last = this.#lastKey;
      const limit = Math.min(keyLength, this.#lastKeyLength);
      while (shared < limit && key[shared] === last[shared]) shared++;
    } else {
      this.#restarts.push(this.#length);
      this.#sinceRestart = 0;
    }
    const needed =
      this.#length + 3 * MAX_UVARINT_BYTES + keyLength - shared + valueEnd - valueStart;
    this.#bytes = grown(this.#bytes, this.#length, needed);
    const bytes = this.#bytes;
    let at = writeUvarint(bytes, this.#length, shared);
    at = writeUvarint(bytes, at, keyLength - shared);
    at = writeUvarint(bytes, at, valueEnd - valueStart);
    copyBytes(bytes, at, key, shared, keyLength);
    at += keyLength - shared;
    copyBytes(bytes, at, value, valueStart, valueEnd);
    this.#length = at + valueEnd - valueStart;
    this.#lastKey = grown(this.#lastKey, shared, keyLength);
    copyBytes(this.#lastKey, shared, key, shared, keyLength);
    this.#lastKeyLength = keyLength;
    this.#sinceRestart++;
    this.#entries++;
  }

  /**
   * The contents followed by room for `spareBytes` more; a view that is valid until the next call.
   * Begins a new block.
   */
  finish(spareBytes: number): Uint8Array {
    const total = this.sizeBytes;
    this.#bytes = grown(this.#bytes, this.#length, total + spareBytes);
    const bytes = this.#bytes;
    let at = this.#length;
    for (const restart of this.#restarts) {
      writeU32(bytes, at, restart);
      at += 4;
    }
    writeU32(bytes, at, this.#restarts.length);
    this.#length = 0;
    this.#restarts = [0];
    this.#sinceRestart = 0;
    this.#entries = 0;
    this.#lastKeyLength = 0;
    return bytes.subarray(0, total + spareBytes);
  }
}

/** Entries between two restart points of a data block. */
export const DATA_RESTART_INTERVAL = 16;

/** Index blocks are searched by restart points alone. */
export const INDEX_RESTART_INTERVAL = 1;
