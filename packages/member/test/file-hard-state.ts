import type { FileSystem } from '@dougdb/ports';
import type { HardStateStore } from '@dougdb/replica';

/** Hard states as one file for each replica, replaced whole: what lmdb promises, on a simulated disk. */
export class FileHardState implements HardStateStore {
  readonly #fs: FileSystem;
  readonly #dir: string;
  #tail: Promise<void> = Promise.resolve();

  private constructor(fs: FileSystem, dir: string) {
    this.#fs = fs;
    this.#dir = dir;
  }

  static async open(fs: FileSystem, dir: string): Promise<FileHardState> {
    fs.mkdir(dir);
    for (const name of fs.list(dir)) if (name.endsWith('.new')) fs.remove(`${dir}/${name}`);
    await fs.syncDir(dir);
    return new FileHardState(fs, dir);
  }

  get(replicaId: number): Uint8Array | null {
    const path = `${this.#dir}/${replicaId}`;
    const stat = this.#fs.stat(path);
    if (stat === null) return null;
    const file = this.#fs.open(path, 'read');
    const bytes = new Uint8Array(stat.sizeBytes);
    file.readSync(bytes, 0, bytes.length, 0);
    file.close();
    return bytes;
  }

  put(replicaId: number, value: Uint8Array): Promise<void> {
    const copy = value.slice();
    const written = this.#tail.then(() => this.#write(`${this.#dir}/${replicaId}`, copy));
    this.#tail = written.catch(() => undefined);
    return written;
  }

  replicaIds(): number[] {
    return this.#fs
      .list(this.#dir)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  }

  async close(): Promise<void> {
    await this.#tail;
  }

  async #write(path: string, value: Uint8Array): Promise<void> {
    const file = this.#fs.open(`${path}.new`, 'create');
    try {
      file.writeSync(value, 0, value.length, 0);
      await file.datasync();
    } finally {
      file.close();
    }
    this.#fs.rename(`${path}.new`, path);
    await this.#fs.syncDir(this.#dir);
  }
}
