import { FileJournal } from './file-journal.js';

const NO_BYTES = new Uint8Array(0);

/** Space on one simulated disk. */
export interface DiskSpace {
  capacityBytes: number;
  usedBytes: number;
}

/** A write that was started and has not ended: after a power loss any part of it may be there. */
export interface WriteInFlight {
  /** As it was opened. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly position: number;
  readonly ordinal: number;
}

/**
 * The bytes of a file as a reader sees them, whatever names it has, and the {@link FileJournal} that
 * tells what of them a disk would still hold after a power loss.
 */
export class FileInode {
  readonly kind = 'file';
  readonly journal: FileJournal;
  readonly inFlight = new Set<WriteInFlight>();
  readonly #space: DiskSpace;
  /** Bytes beyond the size are always zero. */
  #image: Uint8Array = NO_BYTES;
  #size = 0;
  /** Names and open files; the space is free when both are 0. */
  #references = 0;

  /** With bytes (which it takes over): a file that is wholly durable. */
  constructor(space: DiskSpace, durable: Uint8Array = NO_BYTES) {
    this.#space = space;
    this.#image = durable;
    this.#size = durable.length;
    this.#space.usedBytes += durable.length;
    this.journal = new FileJournal(durable.length);
  }

  get size(): number {
    return this.#size;
  }

  /** The bytes as read now. A view: it must not be changed or kept. */
  get bytes(): Uint8Array {
    return this.#image.subarray(0, this.#size);
  }

  retain(): void {
    this.#references++;
  }

  release(): void {
    this.#references--;
    if (this.#references === 0) this.#space.usedBytes -= this.#size;
  }

  read(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    const count = Math.max(0, Math.min(length, this.#size - position));
    if (count === 0) return 0;
    target.set(this.#image.subarray(position, position + count), targetOffset);
    return count;
  }

  /** Writes as much as the disk has room for; answers how much. */
  write(source: Uint8Array, position: number, ordinal: number): number {
    const room = this.#size + this.#space.capacityBytes - this.#space.usedBytes;
    const fits = position + source.length <= this.#size ? source.length : room - position;
    const count = Math.max(0, Math.min(source.length, fits));
    if (count === 0) return 0;
    const end = position + count;
    const before = position < this.#size ? this.#grown(end).slice(position, end) : null;
    const sizeAfter = Math.max(this.#size, end);
    this.#grown(end).set(count === source.length ? source : source.subarray(0, count), position);
    this.journal.add({
      truncates: false,
      offset: position,
      length: count,
      before,
      sizeBefore: this.#size,
      sizeAfter,
      ordinal,
    });
    this.#setSize(sizeAfter);
    return count;
  }

  /** False if the disk has no room for the longer file; then nothing was changed. */
  truncate(sizeBytes: number, ordinal: number): boolean {
    const growth = sizeBytes - this.#size;
    if (growth > this.#space.capacityBytes - this.#space.usedBytes) return false;
    if (growth === 0) return true;
    const cut = Math.max(0, -growth);
    const before = cut > 0 ? this.#image.slice(sizeBytes, this.#size) : null;
    this.#grown(sizeBytes).fill(0, sizeBytes, this.#size);
    this.journal.add({
      truncates: true,
      offset: sizeBytes,
      length: cut,
      before,
      sizeBefore: this.#size,
      sizeAfter: sizeBytes,
      ordinal,
    });
    this.#setSize(sizeBytes);
    return true;
  }

  /** Changes one byte behind everyone's back, on the disk as well. */
  flip(position: number, xorMask: number): void {
    this.#image[position] = (this.#image[position] as number) ^ xorMask;
  }

  #setSize(sizeBytes: number): void {
    this.#space.usedBytes += sizeBytes - this.#size;
    this.#size = sizeBytes;
  }

  #grown(sizeBytes: number): Uint8Array {
    if (sizeBytes <= this.#image.length) return this.#image;
    const image = new Uint8Array(Math.max(sizeBytes, this.#image.length * 2, 256));
    image.set(this.bytes);
    this.#image = image;
    return image;
  }
}
