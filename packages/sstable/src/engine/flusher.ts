import { SstError, SstErrorCode } from '../contract.js';
import type { VersionEdit } from '../manifest/version-edit.js';
import type { Memtable } from '../memtable/memtable.js';
import type { TableMeta } from '../table/table-meta.js';
import { LogEvent } from '../telemetry.js';
import type { TableHandle } from '../version/table-handle.js';
import type { Background } from './background.js';
import type { Frozen } from './store.js';

/**
 * Writes frozen memtables to level 0, one at a time, in the order of the freezes:
 *
 * 1. the table is written and synced, then its name
 * 2. one manifest edit names the table and the host state, and is synced
 * 3. the version with the table takes the memtable's place, the host is told
 *
 * A crash before the end of 2 leaves the old host state without the table (a file that nothing names),
 * after it the new one with it. A freeze without writes has no table and goes through 2 and 3 alone,
 * but never before the freezes ahead of it.
 */
export class Flusher {
  readonly #background: Background;
  readonly #onInstall: () => void;
  #running: Promise<void> | null = null;

  /** @param onInstall called after each install, when the version has changed */
  constructor(background: Background, onInstall: () => void) {
    this.#background = background;
    this.#onInstall = onInstall;
  }

  /** Begins work if there is any and none runs. */
  kick(): void {
    if (this.#running !== null || this.#background.store.frozen.length === 0) return;
    this.#running = this.#run()
      .catch((error: unknown) => this.#background.failUnexpected(error))
      .finally(() => {
        this.#running = null;
        if (!this.#background.isStopped) this.kick();
      });
  }

  /** Waits for what runs. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    const { store } = this.#background;
    for (let oldest = store.frozen[0]; oldest !== undefined; oldest = store.frozen[0]) {
      if (this.#background.isStopped || !(await this.#flush(oldest))) return;
    }
  }

  async #flush(oldest: Frozen): Promise<boolean> {
    const { store } = this.#background;
    const { clock, telemetry, logger } = store.settings;
    const startMs = clock.monotonicMs();
    const { memtable } = oldest;
    let handle: TableHandle | null = null;
    if (memtable !== null) {
      handle = await this.#background.persist('a flush', async () => {
        const written = await this.#background.inTurn(
          store.settings.scheduler.flushes,
          () => store.frozen.length,
          () => this.#write(memtable),
        );
        await this.#background.syncDir();
        return store.openTables(written)[0] ?? null;
      });
      if (handle === null) return false;
    }
    const isCommitted = await this.#background.persist('the edit of a flush', async () => {
      await store.manifest.commit(editOf(oldest, handle), () => this.#install(oldest, handle));
      return true;
    });
    if (isCommitted === null) {
      if (handle !== null) store.abandonTable(handle);
      return false;
    }
    const sizeBytes = handle?.meta.sizeBytes ?? 0;
    const durationMs = clock.monotonicMs() - startMs;
    store.flushedBytes += sizeBytes;
    telemetry.flushes.add(1);
    telemetry.flushedBytes.add(sizeBytes);
    telemetry.flushSeconds.observe(durationMs / 1000);
    const { lastSequence } = oldest;
    const event = { table: handle?.meta.number ?? null, sizeBytes, lastSequence };
    logger.debug(LogEvent.FlushInstalled, event);
    this.#onInstall();
    store.settings.onInstalled(oldest.hostState);
    store.settings.events.flushInstalled?.({ ...event, durationMs });
    return true;
  }

  #write(memtable: Memtable): Promise<readonly TableMeta[]> {
    return this.#background.write('flush', {
      memtable: memtable.image,
      ...this.#background.outputs(0, 1),
    });
  }

  #install(oldest: Frozen, handle: TableHandle | null): void {
    const { store } = this.#background;
    // INVARIANT(frontier-atomic): the manifest names host state H iff every write at or below H's freeze
    // is in its tables: installs follow the order of the freezes, and state and table are one edit.
    if (store.frozen[0] !== oldest || store.manifest.state.lastSequence !== oldest.lastSequence) {
      const error = new SstError(SstErrorCode.Usage, 'a flush was installed out of order');
      this.#background.fail('fatal', error);
      throw error;
    }
    if (handle !== null) store.installVersion([], [{ level: 0, handle }]);
    store.frozen.shift();
    store.share.flushed(oldest.memtable?.reservedBytes ?? 0);
    if (oldest.memtable !== null) store.freeMemtable(oldest.memtable);
    store.flushes++;
  }
}

function editOf(frozen: Frozen, handle: TableHandle | null): VersionEdit {
  return {
    hostState: frozen.hostState,
    lastSequence: frozen.lastSequence,
    newFiles: handle === null ? [] : [{ level: 0, table: handle.meta }],
    ...(frozen.bounds === null ? {} : { bounds: frozen.bounds }),
  };
}
