import type { HardStateStore } from '@dougdb/replica';
import { open, type RootDatabase } from 'lmdb';

/** Why hard states cannot be read or kept. */
export class HardStateError extends Error {
  override readonly name = 'HardStateError';
  /** 'HARD_STATE_CORRUPT': not an lmdb environment any more. 'HARD_STATE_FAILED': a write or sync failed. */
  readonly code: 'HARD_STATE_CORRUPT' | 'HARD_STATE_FAILED';

  constructor(code: HardStateError['code'], message: string, cause: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/**
 * Term and vote of every replica in one lmdb environment (S1). lmdb gathers the puts of one turn of the
 * loop into one transaction. `overlappingSync: false` makes a commit mean that it is on the disk,
 * and a put whose sync failed reject with the old value still in place.
 */
export class LmdbHardState implements HardStateStore {
  readonly #db: RootDatabase<Buffer, number>;
  readonly #dir: string;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(db: RootDatabase<Buffer, number>, dir: string) {
    this.#db = db;
    this.#dir = dir;
  }

  /** Opens the environment in this directory, made if missing. Rejects with HardStateError. */
  static async open(dir: string): Promise<LmdbHardState> {
    try {
      const db = open<Buffer, number>({
        path: dir,
        noSubdir: false,
        encoding: 'binary',
        overlappingSync: false,
        // One process, one thread; a handful of values.
        maxReaders: 16,
        mapSize: 1 << 20,
      });
      return new LmdbHardState(db, dir);
    } catch (error) {
      const message = `${dir} is not readable as hard states: ${(error as Error).message}`;
      throw new HardStateError('HARD_STATE_CORRUPT', message, error);
    }
  }

  get(replicaId: number): Uint8Array | null {
    const value = this.#db.get(replicaId);
    return value === undefined ? null : new Uint8Array(value);
  }

  put(replicaId: number, value: Uint8Array): Promise<void> {
    const written = this.#put(replicaId, Buffer.from(value));
    this.#last = written.catch(() => undefined);
    return written;
  }

  replicaIds(): number[] {
    return [...this.#db.getKeys()];
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#db.close();
  }

  async #put(replicaId: number, value: Buffer): Promise<void> {
    try {
      const stored = await this.#db.put(replicaId, value);
      if (!stored) throw new Error('lmdb did not take the value');
    } catch (error) {
      const message = `${this.#dir}: writing a hard state failed: ${(error as Error).message}`;
      throw new HardStateError('HARD_STATE_FAILED', message, error);
    }
  }
}
