import { type Clock, type Logger, silentLogger, type Timer } from '@dougdb/ports';
import { SstErrorCode } from './contract.js';
import { codeOf, messageOf } from './encoding/error-code.js';
import { LogEvent } from './telemetry.js';

export interface ScrubberOptions {
  readonly clock: Clock;
  /** How fast it reads on average: after each table it pauses for as long. Default 4 MiB. */
  readonly bytesPerSecond?: number;
  /** Pause between two rounds over all tables. Default a day. */
  readonly roundPauseMs?: number;
  readonly logger?: Logger;
}

export interface ScrubberStats {
  /** Rounds over all databases that were ended. */
  readonly rounds: number;
  readonly tables: number;
  readonly bytes: number;
}

/** A database as the scrubber sees it. */
export interface Scrubbed {
  /** Numbers of the tables that it has now. */
  tableNumbers(): readonly number[];
  /**
   * Reads every byte of a table, reports damage to the host of the database, answers the bytes that were
   * read: 0 if the table has gone. @throws SST_CLOSED, SST_IO
   */
  checkTable(table: number): Promise<number>;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Reads over all tables of all databases of a process, slowly and again and again: what rots where nobody
 * reads is found while there are other copies. One table at a time, then a pause. What it finds goes to the
 * `onCorruption` of the database; what the system's page cache holds it reads from there.
 */
export class Scrubber {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  readonly #roundPauseMs: number;
  readonly #logger: Logger;
  readonly #databases = new Set<Scrubbed>();
  #isStopped = false;
  #running: Promise<void> | null = null;
  #pause: { readonly timer: Timer; readonly end: () => void } | null = null;
  #rounds = 0;
  #tables = 0;
  #bytes = 0;

  constructor(options: ScrubberOptions) {
    this.#clock = options.clock;
    this.#bytesPerSecond = options.bytesPerSecond ?? 4 * 1024 * 1024;
    this.#roundPauseMs = options.roundPauseMs ?? DAY_MS;
    this.#logger = options.logger ?? silentLogger;
  }

  stats(): ScrubberStats {
    return { rounds: this.#rounds, tables: this.#tables, bytes: this.#bytes };
  }

  /** @internal Called by a database when it is open. The first one starts the rounds. */
  add(database: Scrubbed): void {
    if (this.#isStopped) return;
    this.#databases.add(database);
    this.#running ??= this.#run();
  }

  /** @internal Called by a database when it closes. */
  remove(database: Scrubbed): void {
    this.#databases.delete(database);
  }

  /** Ends for good; resolves when nothing is read any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#pause?.timer.cancel();
    this.#pause?.end();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      for (const database of this.#databases) await this.#scrub(database);
      if (this.#isStopped) return;
      this.#rounds++;
      await this.#wait(this.#roundPauseMs);
    }
  }

  async #scrub(database: Scrubbed): Promise<void> {
    for (const table of database.tableNumbers()) {
      if (this.#isStopped || !this.#databases.has(database)) return;
      const bytes = await database.checkTable(table).catch((error: unknown) => {
        this.#failed(database, table, error);
        return 0;
      });
      if (bytes === 0) continue;
      this.#tables++;
      this.#bytes += bytes;
      await this.#wait((bytes / this.#bytesPerSecond) * 1000);
    }
  }

  /** Not damage: the file could not be read now. The next round tries again. */
  #failed(database: Scrubbed, table: number, error: unknown): void {
    if (codeOf(error) === SstErrorCode.Closed) this.#databases.delete(database);
    else {
      const fields = { table, code: codeOf(error), reason: messageOf(error) };
      this.#logger.warn(LogEvent.ScrubFailed, fields);
    }
  }

  #wait(durationMs: number): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    return new Promise((end) => {
      const timer = this.#clock.setTimer(durationMs, () => {
        this.#pause = null;
        end();
      });
      this.#pause = { timer, end };
    });
  }
}
