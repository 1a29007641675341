import type { File, FileSystem } from '@dougdb/ports';
import { joinPath, segmentName } from '../segment-name.js';

/** Open segment files by number. A file is opened when it is first needed and stays open. */
export class SegmentFiles {
  readonly dir: string;
  readonly #fs: FileSystem;
  readonly #files = new Map<number, File>();

  constructor(fs: FileSystem, dir: string) {
    this.#fs = fs;
    this.dir = dir;
  }

  path(segment: number): string {
    return joinPath(this.dir, segmentName(segment));
  }

  /** @throws what FileSystem.open throws */
  get(segment: number): File {
    let file = this.#files.get(segment);
    if (file === undefined) {
      file = this.#fs.open(this.path(segment), 'read');
      this.#files.set(segment, file);
    }
    return file;
  }

  /** Takes over a file that was opened for writing. */
  put(segment: number, file: File): void {
    this.close(segment);
    this.#files.set(segment, file);
  }

  close(segment: number): void {
    this.#files.get(segment)?.close();
    this.#files.delete(segment);
  }

  closeAll(): void {
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
  }
}
