import fs from 'node:fs';
import { promisify } from 'node:util';
import type { File } from '../file-system.js';
import { checkFileSize, checkTransfer } from '../transfer-range.js';
import { systemError } from './system-error.js';

const fdatasync = promisify(fs.fdatasync);

/** A file descriptor as a {@link File}. */
export class NodeFile implements File {
  readonly path: string;
  #fd: number;
  #inFlight = 0;
  #closing = false;

  /** Takes the descriptor over. */
  constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  readSync(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    checkTransfer(target, targetOffset, length, position);
    const fd = this.#open('read');
    let done = 0;
    while (done < length) {
      const count = fs.readSync(fd, target, targetOffset + done, length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  read(
    target: Uint8Array,
    targetOffset: number,
    length: number,
    position: number,
  ): Promise<number> {
    return this.#during('read', async (fd) => {
      checkTransfer(target, targetOffset, length, position);
      let done = 0;
      while (done < length) {
        const count = await readOnce(
          fd,
          target,
          targetOffset + done,
          length - done,
          position + done,
        );
        if (count === 0) break;
        done += count;
      }
      return done;
    });
  }

  writeSync(source: Uint8Array, sourceOffset: number, length: number, position: number): void {
    checkTransfer(source, sourceOffset, length, position);
    const fd = this.#open('write');
    let done = 0;
    while (done < length) {
      const count = fs.writeSync(fd, source, sourceOffset + done, length - done, position + done);
      // A device that takes nothing and says no error would hold the loop for ever.
      if (count === 0) throw systemError('EIO', 'write', this.path);
      done += count;
    }
  }

  write(source: Uint8Array, sourceOffset: number, length: number, position: number): Promise<void> {
    return this.#during('write', async (fd) => {
      checkTransfer(source, sourceOffset, length, position);
      let done = 0;
      while (done < length) {
        const count = await writeOnce(
          fd,
          source,
          sourceOffset + done,
          length - done,
          position + done,
        );
        if (count === 0) throw systemError('EIO', 'write', this.path);
        done += count;
      }
    });
  }

  datasync(): Promise<void> {
    return this.#during('fdatasync', (fd) => fdatasync(fd));
  }

  datasyncSync(): void {
    fs.fdatasyncSync(this.#open('fdatasync'));
  }

  truncateSync(sizeBytes: number): void {
    checkFileSize(sizeBytes);
    fs.ftruncateSync(this.#open('ftruncate'), sizeBytes);
  }

  sizeSync(): number {
    return fs.fstatSync(this.#open('fstat')).size;
  }

  close(): void {
    this.#closing = true;
    this.#closeWhenIdle();
  }

  /**
   * The descriptor stays open while the thread pool uses it: closed under a queued write its number
   * could by then belong to another file.
   */
  async #during<T>(syscall: string, work: (fd: number) => Promise<T>): Promise<T> {
    const fd = this.#open(syscall);
    this.#inFlight++;
    try {
      return await work(fd);
    } finally {
      this.#inFlight--;
      if (this.#closing) this.#closeWhenIdle();
    }
  }

  #open(syscall: string): number {
    if (this.#closing) throw systemError('EBADF', syscall, this.path);
    return this.#fd;
  }

  #closeWhenIdle(): void {
    if (this.#inFlight > 0 || this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    fs.closeSync(fd);
  }
}

// fs.read's promisified form makes an object per call; these make none.

function readOnce(
  fd: number,
  target: Uint8Array,
  offset: number,
  length: number,
  position: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, target, offset, length, position, (error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}

function writeOnce(
  fd: number,
  source: Uint8Array,
  offset: number,
  length: number,
  position: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(fd, source, offset, length, position, (error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}
