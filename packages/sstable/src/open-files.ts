import type { File, FileSystem } from '@dougdb/ports';

/** What is needed of a file to read a table. */
export type ReadableFile = Pick<File, 'path' | 'readSync' | 'read' | 'sizeSync' | 'close'>;

/** What is needed of a file system to open tables. */
export interface ReadableFiles {
  open(path: string, mode: 'read'): ReadableFile;
}

/** Something that holds a descriptor which it can do without for a while. */
export interface DescriptorHolder {
  /** Gives the descriptor back, unless it is just being used: then it is told of as used again. */
  release(): void;
}

/**
 * Bounds the descriptors that all databases of a process hold. Beyond the bound the file that was used
 * longest ago is closed: a table is opened again by its next read (it never changes and stays where it is
 * while it is in use, so what is opened again is what was closed), a manifest is made anew by the next edit.
 */
export class OpenFiles {
  readonly #maxFiles: number;
  /** Those that hold a descriptor, the one that was used longest ago first. */
  readonly #holders = new Set<DescriptorHolder>();
  #reopened = 0;

  /** @param maxFiles - at least 1 */
  constructor(maxFiles: number) {
    this.#maxFiles = Math.max(1, maxFiles);
  }

  /** Descriptors in use. */
  get count(): number {
    return this.#holders.size;
  }

  /** How often a table had to be opened again. */
  get reopened(): number {
    return this.#reopened;
  }

  /** @internal The tables of one file system, through this bound. */
  of(fs: FileSystem): ReadableFiles {
    return {
      open: (path) => {
        const file = new ReopenedFile(fs, path, this, () => this.#reopened++);
        this.used(file);
        return file;
      },
    };
  }

  /** @internal It holds a descriptor, and has just used it. */
  used(holder: DescriptorHolder): void {
    this.#holders.delete(holder);
    this.#holders.add(holder);
    for (const oldest of this.#holders) {
      if (this.#holders.size <= this.#maxFiles) break;
      this.#holders.delete(oldest);
      oldest.release();
    }
  }

  /** @internal It holds none any more. */
  closed(holder: DescriptorHolder): void {
    this.#holders.delete(holder);
  }
}

/** A file that may give its descriptor back between two reads. */
class ReopenedFile implements ReadableFile, DescriptorHolder {
  readonly path: string;
  readonly #fs: FileSystem;
  readonly #owner: OpenFiles;
  readonly #onReopen: () => void;
  readonly #sizeBytes: number;
  #file: File | null;
  #isClosed = false;

  constructor(fs: FileSystem, path: string, owner: OpenFiles, onReopen: () => void) {
    this.#fs = fs;
    this.path = path;
    this.#owner = owner;
    this.#onReopen = onReopen;
    const file = fs.open(path, 'read');
    try {
      this.#sizeBytes = file.sizeSync();
    } catch (error) {
      file.close();
      throw error;
    }
    this.#file = file;
  }

  readSync(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    return this.#use().readSync(target, targetOffset, length, position);
  }

  read(
    target: Uint8Array,
    targetOffset: number,
    length: number,
    position: number,
  ): Promise<number> {
    return this.#use().read(target, targetOffset, length, position);
  }

  sizeSync(): number {
    return this.#sizeBytes;
  }

  close(): void {
    this.#isClosed = true;
    this.release();
    this.#owner.closed(this);
  }

  /** A read that is under way keeps the descriptor until it ends: a File closes when it is idle. */
  release(): void {
    this.#file?.close();
    this.#file = null;
  }

  #use(): File {
    if (this.#file === null) {
      if (this.#isClosed) {
        throw Object.assign(new Error(`${this.path} is closed`), { code: 'EBADF' });
      }
      this.#file = this.#fs.open(this.path, 'read');
      this.#onReopen();
    }
    this.#owner.used(this);
    return this.#file;
  }
}
