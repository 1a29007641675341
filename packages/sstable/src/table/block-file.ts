import { SstError, SstErrorCode } from '../contract.js';
import { codeOf, toSstError } from '../encoding/error-code.js';
import type { ReadableFile, ReadableFiles } from '../open-files.js';
import type { BlockCodec } from './block-codec.js';
import { BLOCK_TRAILER_BYTES, type BlockHandle } from './format.js';

/**
 * The bytes of a table file: what is read of them has the length that was asked for, and a block has its
 * checksum.
 */
export class BlockFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly #file: ReadableFile;
  #isClosed = false;

  private constructor(path: string, file: ReadableFile) {
    this.path = path;
    this.#file = file;
    this.sizeBytes = file.sizeSync();
  }

  /** @throws SstError SST_CORRUPT if there is no such file, SST_IO */
  static open(fs: ReadableFiles, path: string): BlockFile {
    const file = openFile(fs, path);
    try {
      return new BlockFile(path, file);
    } catch (error) {
      file.close();
      throw toSstError(error, `opening ${path}`, path);
    }
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** @throws SstError SST_CORRUPT where the file ends too early, SST_IO, SST_CLOSED */
  read(offset: number, length: number): Uint8Array {
    this.checkOpen();
    const bytes = new Uint8Array(length);
    try {
      this.#checkLength(this.#file.readSync(bytes, 0, length, offset), offset, length);
      return bytes;
    } catch (error) {
      throw this.#explain(error, offset);
    }
  }

  /** A block with its trailer, not checked. @throws SstError SST_CORRUPT, SST_IO, SST_CLOSED */
  readRaw(handle: BlockHandle, codec: BlockCodec): Uint8Array {
    this.#checkInside(handle, codec);
    return this.read(handle.offset, handle.sizeBytes + BLOCK_TRAILER_BYTES);
  }

  /** The contents of a block, checked. @throws SstError SST_CORRUPT, SST_IO, SST_CLOSED */
  readBlock(handle: BlockHandle, codec: BlockCodec): Uint8Array {
    return codec.unpack(this.readRaw(handle, codec), handle.offset, this.path);
  }

  /** As readBlock, through the thread pool; also SST_CLOSED if the file was closed meanwhile. */
  async readBlockOffLoop(handle: BlockHandle, codec: BlockCodec): Promise<Uint8Array> {
    this.#checkInside(handle, codec);
    this.checkOpen();
    const { offset } = handle;
    const length = handle.sizeBytes + BLOCK_TRAILER_BYTES;
    const block = new Uint8Array(length);
    try {
      this.#checkLength(await this.#file.read(block, 0, length, offset), offset, length);
    } catch (error) {
      throw this.#explain(error, offset);
    }
    this.checkOpen();
    return codec.unpack(block, offset, this.path);
  }

  /** @throws SstError SST_CLOSED */
  checkOpen(): void {
    if (this.#isClosed) throw new SstError(SstErrorCode.Closed, `${this.path} is closed`);
  }

  /** A second close does nothing. */
  close(): void {
    this.#isClosed = true;
    this.#file.close();
  }

  #checkInside({ offset, sizeBytes }: BlockHandle, { footerBytes }: BlockCodec): void {
    if (offset + sizeBytes + BLOCK_TRAILER_BYTES <= this.sizeBytes - footerBytes) return;
    throw new SstError(SstErrorCode.Corrupt, `${this.path} names a block outside of itself`, {
      file: this.path,
      offset: Math.min(offset, this.sizeBytes),
    });
  }

  #checkLength(count: number, offset: number, length: number): void {
    if (count === length) return;
    throw new SstError(SstErrorCode.Corrupt, `${this.path} ends at ${offset + count}, too early`, {
      file: this.path,
      offset: offset + count,
    });
  }

  #explain(error: unknown, offset: number): SstError {
    return toSstError(error, `reading ${this.path} at ${offset}`, this.path);
  }
}

function openFile(fs: ReadableFiles, path: string): ReadableFile {
  try {
    return fs.open(path, 'read');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw toSstError(error, `opening ${path}`, path);
    throw new SstError(SstErrorCode.Corrupt, `${path} is missing`, { file: path, cause: error });
  }
}
