import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { HardStateStore } from '@dougdb/replica';
import { open, type RootDatabase } from 'lmdb';
import { lmdbFileFault } from './lmdb-file-check.js';

/** Not a replica id: what the second commit of a put writes. */
const ECHO_KEY = 0;

/** Why hard states cannot be read or kept. */
export class HardStateError extends Error {
  override readonly name = 'HardStateError';
  /** 'HARD_STATE_CORRUPT': not an lmdb environment any more. 'HARD_STATE_FAILED': a write or sync failed. */
  readonly code: 'HARD_STATE_CORRUPT' | 'HARD_STATE_FAILED';

  constructor(code: HardStateError['code'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/**
 * Term and vote of every replica in one lmdb environment (S1). lmdb gathers the puts of one turn of the
 * loop into one transaction. `overlappingSync: false` makes a commit mean that it is on the disk,
 * and a put whose sync failed reject with the old value still in place.
 *
 * Every put is followed by a second commit. lmdb keeps the two newest states, each behind a meta page
 * without a checksum: a flipped bit in the newer one brings the older one back, silently, and an
 * older vote is a second vote. After the second commit both states hold the value.
 */
export class LmdbHardState implements HardStateStore {
  readonly #db: RootDatabase<Buffer, number>;
  readonly #dir: string;
  #echo = 0;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(db: RootDatabase<Buffer, number>, dir: string) {
    this.#db = db;
    this.#dir = dir;
  }

  /** Opens the environment in this directory, made if missing. Rejects with HardStateError. */
  static async open(dir: string): Promise<LmdbHardState> {
    const file = join(dir, 'data.mdb');
    const fault = lmdbFileFault(file);
    if (fault === 'unwritten') rmSync(file, { force: true });
    else if (fault !== null) throw new HardStateError('HARD_STATE_CORRUPT', `${file}: ${fault}`);
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
      throw new HardStateError('HARD_STATE_CORRUPT', `${file}: ${(error as Error).message}`, error);
    }
  }

  /** Commits that lmdb has made, each with one sync. */
  get commits(): number {
    const { lastTxnId } = this.#db.getStats() as { readonly lastTxnId?: number };
    return lastTxnId ?? 0;
  }

  get(replicaId: number): Uint8Array | null {
    const value = this.#read(() => this.#db.get(replicaId));
    return value === undefined ? null : new Uint8Array(value);
  }

  put(replicaId: number, value: Uint8Array): Promise<void> {
    const written = this.#put(replicaId, Buffer.from(value));
    this.#last = written.catch(() => undefined);
    return written;
  }

  replicaIds(): number[] {
    return this.#read(() => [...this.#db.getKeys()]).filter((key) => key !== ECHO_KEY);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    await this.#db.close();
  }

  /** @throws HardStateError HARD_STATE_CORRUPT when lmdb cannot find its way through its pages */
  #read<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      const message = `${this.#dir} is damaged: ${(error as Error).message}`;
      throw new HardStateError('HARD_STATE_CORRUPT', message, error);
    }
  }

  async #put(replicaId: number, value: Buffer): Promise<void> {
    try {
      // lmdb ends the process with a signal when it is used after its close.
      if (this.#closed) throw new Error('it is closed');
      await this.#store(replicaId, value);
      await this.#store(ECHO_KEY, Buffer.from([++this.#echo & 0xff]));
    } catch (error) {
      const message = `${this.#dir}: writing a hard state failed: ${(error as Error).message}`;
      throw new HardStateError('HARD_STATE_FAILED', message, error);
    }
  }

  async #store(key: number, value: Buffer): Promise<void> {
    if (!(await this.#db.put(key, value))) throw new Error('lmdb did not take the value');
  }
}
