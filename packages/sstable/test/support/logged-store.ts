import { type Clock, crc32, type FileSystem, type Random } from '@dougdb/ports';
import { Wal, type WalOptions } from '@dougdb/wal';
import { BlockCache } from '../../src/block-cache.js';
import type { DbOptions, SstError } from '../../src/contract.js';
import { Db } from '../../src/db.js';
import { mustBe } from './check-store.js';
import type { Write } from './commands.js';
import { encodeCommand } from './commands.js';
import { bytes, text } from './entries.js';

const LOG = 1;
/** Versions older than so many commands may go. */
const HISTORY = 300;

export interface LoggedStoreOptions {
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly dir: string;
  readonly wal?: Partial<WalOptions>;
  readonly db?: Partial<DbOptions>;
  readonly onFatal?: (error: unknown) => void;
}

/**
 * A write-ahead log and a database put together as a host does it: a command is acknowledged when the log has it
 * durably, and comes into the database then; the log is cut where the database's host state has arrived; a
 * start writes the rest of the log again. The number of a command is its index in the log and its sequence.
 */
export class LoggedStore {
  readonly wal: Wal;
  readonly db: Db;
  /** Commands in the database. */
  #applied: number;
  readonly #queued = new Map<number, readonly Write[]>();

  private constructor(wal: Wal, db: Db, applied: number) {
    this.wal = wal;
    this.db = db;
    this.#applied = applied;
  }

  static async open(options: LoggedStoreOptions): Promise<LoggedStore> {
    const { fs, clock, random, dir, onFatal } = options;
    const quarantineDir = `${dir}/quarantine`;
    const shared = { fs, clock, random, quarantineDir };
    const { wal } = await Wal.open({
      ...shared,
      dir: `${dir}/wal`,
      segmentBytes: 32 * 1024,
      ...options.wal,
    });
    try {
      let store: LoggedStore | null = null;
      const db = await Db.open({
        ...shared,
        dir: `${dir}/db`,
        identity: bytes('logged store'),
        cache: new BlockCache(64 * 1024),
        memtableBytes: 6000,
        blockBytes: 256,
        tableBytes: 4000,
        level0Tables: 3,
        level1Bytes: 12_000,
        ...options.db,
        onInstalled: (state) => store?.compact(Number(text(state))),
        onBackgroundError: (severity, error: SstError) => {
          if (severity !== 'retried') onFatal?.(error);
        },
      });
      store = new LoggedStore(wal, db, db.hostState === null ? 0 : Number(text(db.hostState)));
      try {
        store.#replay();
      } catch (error) {
        await db.close();
        throw error;
      }
      return store;
    } catch (error) {
      await wal.close();
      throw error;
    }
  }

  /** Commands in the log, durable or not. */
  get last(): number {
    return this.wal.log(LOG).lastIndex();
  }

  /** Queues a command; resolves with its number when it is durable and can be read. */
  write(command: readonly Write[]): Promise<number> {
    const index = this.last + 1;
    const data = encodeCommand(command);
    this.wal.append(LOG, [{ index, term: 1, type: 0, data, checksum: crc32(data) }], index - 1);
    this.#queued.set(index, command);
    return new Promise((resolve, reject) => {
      this.wal.sync((error) => {
        if (error !== null) {
          reject(error);
          return;
        }
        try {
          this.#applyTo(index);
          resolve(index);
        } catch (cause) {
          reject(cause as Error);
        }
      });
    });
  }

  /** Cuts the log: the database has everything up to this command. */
  compact(index: number): void {
    this.wal.compactPrefix(LOG, index, 1);
  }

  async close(): Promise<void> {
    await this.db.close();
    await this.wal.close();
  }

  /** Writes again what the database does not have. */
  #replay(): void {
    const log = this.wal.log(LOG);
    // I5: nothing lies between what the database has and where the log begins, nor behind the log.
    mustBe('a log that begins too late', log.firstIndex() <= this.#applied + 1, true);
    mustBe('a database ahead of its log', this.#applied <= log.lastIndex(), true);
    for (let next = this.#applied + 1; next <= log.lastIndex(); ) {
      const entries = log.entries(next, log.lastIndex() + 1, 64 * 1024);
      if (typeof entries !== 'object') throw new Error(`command ${next} is ${entries}`);
      for (const { index, data } of entries) {
        this.#apply(index, JSON.parse(text(data)) as readonly Write[]);
        next = index + 1;
      }
    }
  }

  #applyTo(last: number): void {
    for (let index = this.#applied + 1; index <= last; index++) {
      const command = this.#queued.get(index);
      this.#queued.delete(index);
      if (command !== undefined) this.#apply(index, command);
    }
  }

  #apply(index: number, command: readonly Write[]): void {
    const { db } = this;
    for (const { key, value } of command) {
      if (value === null) db.delete(index, bytes(key));
      else db.put(index, bytes(key), bytes(value));
    }
    this.#applied = index;
    db.setHistoryFloor(Math.max(0, index - HISTORY));
    if (db.wantsFreeze) db.freeze(bytes(`${index}`));
  }
}
