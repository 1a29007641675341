import type { File } from '@dougdb/ports';
import { WalError, WalErrorCode } from '../contract.js';

const WINDOW_BYTES = 1024 * 1024;

/**
 * A file read from front to back through a buffer of 1 MiB, or as much as the largest piece asked for.
 * The bytes it shows are valid until the next call.
 */
export class ByteWindow {
  readonly path: string;
  readonly sizeBytes: number;
  readonly #file: File;
  #bytes = new Uint8Array(0);
  #start = 0;
  #end = 0;

  constructor(file: File) {
    this.#file = file;
    this.path = file.path;
    this.sizeBytes = file.sizeSync();
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#end - this.#start);
  }

  /**
   * Makes file bytes [offset, +length) visible; answers where in {@link bytes} they begin, or -1 if the file
   * is shorter. @throws WalError WAL_CORRUPT if the disk does not give them
   */
  seek(offset: number, length: number): number {
    if (offset + length > this.sizeBytes) return -1;
    if (offset < this.#start || offset + length > this.#end) this.#fill(offset, length);
    return offset - this.#start;
  }

  /** Bytes visible from this offset on; at least one unless the file ends there. */
  visibleFrom(offset: number): number {
    if (offset >= this.sizeBytes) return 0;
    if (offset < this.#start || offset >= this.#end) this.#fill(offset, 1);
    return this.#end - offset;
  }

  /** A copy of file bytes [from, to). */
  copy(from: number, to: number): Uint8Array {
    const at = this.seek(from, to - from);
    if (at < 0) throw new RangeError(`${this.path} ends before ${to}`);
    return this.#bytes.slice(at, at + to - from);
  }

  /** Where the last byte at or behind `from` ends that is not zero; `from` if all are. */
  contentEnd(from: number): number {
    let end = from;
    for (let offset = from; offset < this.sizeBytes; ) {
      const visible = this.visibleFrom(offset);
      const at = offset - this.#start;
      for (let i = at + visible - 1; i >= at; i--) {
        if (this.#bytes[i] !== 0) {
          end = this.#start + i + 1;
          break;
        }
      }
      offset += visible;
    }
    return end;
  }

  #fill(offset: number, length: number): void {
    const wanted = Math.min(Math.max(length, WINDOW_BYTES), this.sizeBytes - offset);
    if (this.#bytes.length < wanted) this.#bytes = new Uint8Array(wanted);
    this.#start = offset;
    this.#end = offset;
    let cause: unknown;
    try {
      if (this.#file.readSync(this.#bytes, 0, wanted, offset) === wanted) {
        this.#end = offset + wanted;
        return;
      }
    } catch (error) {
      cause = error;
    }
    throw new WalError(WalErrorCode.Corrupt, `${this.path} cannot be read at ${offset}`, {
      file: this.path,
      offset,
      cause,
    });
  }
}
