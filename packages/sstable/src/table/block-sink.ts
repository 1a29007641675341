import { crc32, type File } from '@dougdb/ports';
import { grown } from '../encoding/copy-bytes.js';

/** Bytes gathered before a write. */
const WRITE_BYTES = 128 * 1024;

/** Appends to a new file in large writes, and keeps the checksum of all of it. */
export class BlockSink {
  readonly #file: File;
  #pending: Uint8Array = new Uint8Array(16 * 1024);
  #pendingBytes = 0;
  #writtenBytes = 0;
  #fileCrc = 0;

  constructor(file: File) {
    this.#file = file;
  }

  /** Where the next byte will stand. */
  get offset(): number {
    return this.#writtenBytes + this.#pendingBytes;
  }

  /** CRC-32 of the file; right after flush(). */
  get fileCrc(): number {
    return this.#fileCrc;
  }

  /** Copies bytes[0, length). @throws what the file throws */
  append(bytes: Uint8Array, length: number): void {
    this.#pending = grown(this.#pending, this.#pendingBytes, this.#pendingBytes + length);
    const whole = length === bytes.length;
    this.#pending.set(whole ? bytes : bytes.subarray(0, length), this.#pendingBytes);
    this.#pendingBytes += length;
    if (this.#pendingBytes >= WRITE_BYTES) this.flush();
  }

  /** Writes what is gathered; not durable before the caller syncs the file. @throws what the file throws */
  flush(): void {
    this.#fileCrc = crc32(this.#pending, this.#fileCrc, 0, this.#pendingBytes);
    this.#file.writeSync(this.#pending, 0, this.#pendingBytes, this.#writtenBytes);
    this.#writtenBytes += this.#pendingBytes;
    this.#pendingBytes = 0;
  }
}
