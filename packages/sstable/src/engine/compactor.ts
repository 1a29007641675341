import { compactTables } from '../jobs/compaction-job.js';
import {
  type CompactionPick,
  type CompactionPointers,
  pickCompaction,
} from '../jobs/compaction-picker.js';
import type { VersionEdit } from '../manifest/version-edit.js';
import { LogEvent } from '../telemetry.js';
import type { TableHandle } from '../version/table-handle.js';
import type { Background } from './background.js';

/**
 * Runs compactions one after the other while one is due. While a compaction runs, flushes may add tables
 * to level 0, nothing else changes: what was picked stays right.
 *
 * Inputs are removed when the edit without them is durable and no reader uses them: the version that
 * names them is counted.
 */
export class Compactor {
  readonly #background: Background;
  readonly #pointers: CompactionPointers = new Map();
  #running: Promise<void> | null = null;

  constructor(background: Background) {
    this.#background = background;
  }

  /** Begins work if a compaction is due and none runs. */
  kick(): void {
    if (this.#running !== null || this.#background.isStopped || !this.isDue) return;
    this.#running = this.#run()
      .catch((error: unknown) => this.#background.failUnexpected(error))
      .finally(() => {
        this.#running = null;
      });
  }

  get isDue(): boolean {
    return this.#pick() !== null;
  }

  /** Waits for what runs. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  #pick(): CompactionPick | null {
    const { version, settings } = this.#background.store;
    return pickCompaction(version, settings, this.#pointers);
  }

  async #run(): Promise<void> {
    for (let pick = this.#pick(); pick !== null; pick = this.#pick()) {
      if (this.#background.isStopped || !(await this.#compact(pick))) return;
    }
  }

  async #compact(pick: CompactionPick): Promise<boolean> {
    const { store } = this.#background;
    const { clock, telemetry, logger } = store.settings;
    const startMs = clock.monotonicMs();
    // One table that nothing below overlaps only changes its level.
    const isMove = pick.upper.length === 1 && pick.lower.length === 0;
    const outputs = isMove ? pick.upper : await this.#merge(pick);
    if (outputs === null || !(await this.#commit(pick, outputs, isMove))) return false;
    store.compactions++;
    const last = pick.upper.at(-1);
    if (pick.level > 0 && last !== undefined) this.#pointers.set(pick.level, last.meta.largest);
    telemetry.compactions.add(1);
    telemetry.compactionSeconds.observe((clock.monotonicMs() - startMs) / 1000);
    const readBytes = isMove ? 0 : bytesOf([...pick.upper, ...pick.lower]);
    const writtenBytes = isMove ? 0 : bytesOf(outputs);
    telemetry.compactionReadBytes.add(readBytes);
    telemetry.compactionWrittenBytes.add(writtenBytes);
    logger.debug(LogEvent.CompactionInstalled, {
      level: pick.level,
      tables: outputs.length,
      readBytes,
      writtenBytes,
    });
    return true;
  }

  /** Writes the new tables; null if background work ended. */
  #merge(pick: CompactionPick): Promise<TableHandle[] | null> {
    const { store } = this.#background;
    const { settings, version } = store;
    const below = version.levels
      .slice(pick.level + 2)
      .map((level) => level.map(({ meta }) => meta));
    const upper = pick.upper.map(({ meta }) => meta);
    const runs = pick.level === 0 ? upper.map((meta) => [meta]) : [upper];
    return this.#background.persist('a compaction', async () => {
      const job = compactTables({
        runs: [...runs, pick.lower.map(({ meta }) => meta)],
        below,
        floor: store.historyFloor,
        tableBytes: settings.tableBytes,
        destination: this.#background.destination(pick.level + 1),
      });
      const metas = await this.#background.run(job);
      if (metas.length > 0) await this.#background.syncDir();
      return store.openTables(metas);
    });
  }

  async #commit(
    pick: CompactionPick,
    outputs: readonly TableHandle[],
    isMove: boolean,
  ): Promise<boolean> {
    const { store } = this.#background;
    const deleted = [
      ...pick.upper.map(({ meta }) => ({ level: pick.level, number: meta.number })),
      ...pick.lower.map(({ meta }) => ({ level: pick.level + 1, number: meta.number })),
    ];
    const added = outputs.map((handle) => ({ level: pick.level + 1, handle }));
    const edit: VersionEdit = {
      deletedFiles: deleted,
      newFiles: added.map(({ level, handle }) => ({ level, table: handle.meta })),
    };
    const isCommitted = await this.#background.persist('the edit of a compaction', async () => {
      await store.manifest.commit(edit, () => store.installVersion(deleted, added));
      return true;
    });
    if (isCommitted === null && !isMove) for (const handle of outputs) store.abandonTable(handle);
    return isCommitted ?? false;
  }
}

function bytesOf(tables: readonly TableHandle[]): number {
  return tables.reduce((sum, { meta }) => sum + meta.sizeBytes, 0);
}
