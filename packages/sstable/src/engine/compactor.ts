import { type KeyBounds, SstError, SstErrorCode } from '../contract.js';
import { bytesOf, type CompactionPick, maxGrandparentBytes } from '../jobs/compaction-pick.js';
import { compactionScore, pickCompaction } from '../jobs/compaction-picker.js';
import { ManualCompaction } from '../jobs/manual-compaction.js';
import { pickOutside } from '../jobs/outside-pick.js';
import type { VersionEdit } from '../manifest/version-edit.js';
import { ALL_KEYS } from '../read/bounds.js';
import type { TableMeta } from '../table/table-meta.js';
import { LogEvent } from '../telemetry.js';
import type { TableHandle } from '../version/table-handle.js';
import type { Background } from './background.js';

/** Of a compaction that nothing waits for: below every one that the levels need. */
const MANUAL_SCORE = 0.75;

interface ManualTask {
  readonly compaction: ManualCompaction;
  readonly resolve: () => void;
  readonly reject: (error: SstError) => void;
}

/** A compaction whose tables are written and open. */
interface Merged {
  readonly pick: CompactionPick;
  readonly outputs: readonly TableHandle[];
}

/**
 * Runs compactions one after the other while one is due: what the levels need first, then what was asked
 * for by hand, then what only gives space back. While a compaction runs, flushes may add tables to level 0,
 * nothing else changes: what was picked stays right.
 *
 * Each waits for its turn among the databases of the process. Inputs are removed when the edit without them
 * is durable and no reader uses them: the version that names them is counted.
 */
export class Compactor {
  readonly #background: Background;
  readonly #onInstall: () => void;
  readonly #manual: ManualTask[] = [];
  #running: Promise<void> | null = null;

  /** @param onInstall called after each install, when the version has changed */
  constructor(background: Background, onInstall: () => void) {
    this.#background = background;
    this.#onInstall = onInstall;
  }

  /** Begins work if a compaction is due and none runs. */
  kick(): void {
    if (this.#running !== null || this.#background.isStopped || !this.isDue) return;
    this.#running = this.#run()
      .catch((error: unknown) => this.#background.failUnexpected(error))
      .finally(() => {
        this.#running = null;
        // A flush may have been installed since the last look.
        this.kick();
      });
  }

  get isDue(): boolean {
    return this.#pick() !== null;
  }

  /** Waits for what runs. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  /** See Db.compactRange. */
  compactRange(range: KeyBounds): Promise<void> {
    const { store } = this.#background;
    const compaction = new ManualCompaction(
      range,
      store.settings,
      () => ({ floor: store.historyFloor, bounds: store.manifest.state.bounds }),
      store.manifest.nextFileNumber(),
    );
    return new Promise((resolve, reject) => {
      this.#manual.push({ compaction, resolve, reject });
      this.kick();
      // Nothing to be done for it.
      if (this.#running !== null) return;
      if (this.#background.isStopped) this.refuseManual();
      else resolve();
    });
  }

  /** Whoever waits for a compaction of a range is told why it will never be over. */
  refuseManual(
    error = this.#background.failure ?? new SstError(SstErrorCode.Closed, 'the database is closed'),
  ): void {
    for (const { reject } of this.#manual.splice(0)) reject(error);
  }

  /** Ends the tasks that have nothing left to do. */
  #pick(): CompactionPick | null {
    const { version, settings, historyFloor, manifest } = this.#background.store;
    // Only what is durable: narrower bounds that are not yet may be taken back by a crash.
    const { bounds } = manifest.state;
    const outside = bounds === null ? null : pickOutside(version, bounds);
    if (outside !== null) return outside;
    const pick = pickCompaction(version, settings, historyFloor);
    if (pick !== null && pick.score >= 1) return pick;
    for (let task = this.#manual[0]; task !== undefined; task = this.#manual[0]) {
      const step = task.compaction.next(version);
      if (step !== null) return step;
      this.#manual.shift();
      task.resolve();
    }
    return pick;
  }

  get #score(): number {
    const { version, settings } = this.#background.store;
    return Math.max(MANUAL_SCORE, compactionScore(version, settings));
  }

  async #run(): Promise<void> {
    while (!this.#background.isStopped && this.isDue) {
      const isDone = await this.#background.persist('a compaction', () => this.#compactOnce());
      if (isDone !== true) return;
    }
  }

  /** False if background work ended before it was installed. */
  async #compactOnce(): Promise<boolean> {
    const { store } = this.#background;
    const { clock } = store.settings;
    const startMs = clock.monotonicMs();
    const merged = this.#move() ?? (await this.#mergeInTurn());
    if (merged === null) return true;
    if (!(await this.#commit(merged))) return false;
    if (merged.pick.reason === 'manual') this.#manual[0]?.compaction.finished(merged.pick);
    this.#tell(merged, clock.monotonicMs() - startMs);
    this.#onInstall();
    return true;
  }

  /** Tables that only change their level wait for nobody. */
  #move(): Merged | null {
    const pick = this.#pick();
    return pick?.isMove === true ? { pick, outputs: pick.upper } : null;
  }

  #mergeInTurn(): Promise<Merged | null> {
    const { store } = this.#background;
    const lane = store.settings.scheduler.compactions;
    const write = async (): Promise<{
      pick: CompactionPick;
      metas: readonly TableMeta[];
    } | null> => {
      // Only now: flushes may have gone on while it waited.
      const pick = this.#pick();
      return pick === null ? null : { pick, metas: pick.isMove ? [] : await this.#merge(pick) };
    };
    return this.#background
      .inTurn(lane, () => this.#score, write)
      .then(async (written) => {
        if (written === null) return null;
        const { pick, metas } = written;
        if (pick.isMove) return { pick, outputs: pick.upper };
        if (metas.length > 0) await this.#background.syncDir();
        return { pick, outputs: store.openTables(metas) };
      });
  }

  /** Writes the new tables. */
  #merge(pick: CompactionPick): Promise<readonly TableMeta[]> {
    const { store } = this.#background;
    const { settings, version } = store;
    const metasOf = (tables: readonly TableHandle[]): TableMeta[] => tables.map(({ meta }) => meta);
    const below = version.levels.slice(pick.outputLevel + 1).map(metasOf);
    const upper = metasOf(pick.upper);
    const runs = pick.level === 0 ? upper.map((meta) => [meta]) : [upper];
    return this.#background.write('compact', {
      runs: [...runs, metasOf(pick.lower)],
      below,
      grandparents: metasOf(pick.grandparents),
      maxGrandparentBytes: maxGrandparentBytes(settings.tableBytes),
      floor: store.historyFloor,
      bounds: store.manifest.state.bounds ?? ALL_KEYS,
      tableBytes: settings.tableBytes,
      ...this.#background.outputs(pick.outputLevel, mostTables(pick, settings.tableBytes)),
    });
  }

  async #commit({ pick, outputs }: Merged): Promise<boolean> {
    const { store } = this.#background;
    const { level, outputLevel, upper, lower } = pick;
    const deleted = [
      ...upper.map(({ meta }) => ({ level, number: meta.number })),
      ...lower.map(({ meta }) => ({ level: outputLevel, number: meta.number })),
    ];
    const added = outputs.map((handle) => ({ level: outputLevel, handle }));
    const edit: VersionEdit = {
      deletedFiles: deleted,
      newFiles: added.map(({ handle }) => ({ level: outputLevel, table: handle.meta })),
    };
    const isCommitted = await this.#background.persist('the edit of a compaction', async () => {
      await store.manifest.commit(edit, () => store.installVersion(deleted, added));
      return true;
    });
    if (isCommitted === null && !pick.isMove) {
      for (const handle of outputs) store.abandonTable(handle);
    }
    return isCommitted ?? false;
  }

  #tell({ pick, outputs }: Merged, durationMs: number): void {
    const { store } = this.#background;
    const { telemetry, logger, events } = store.settings;
    const readBytes = pick.isMove ? 0 : bytesOf([...pick.upper, ...pick.lower]);
    const writtenBytes = pick.isMove ? 0 : bytesOf(outputs);
    store.compactions++;
    store.compactionReadBytes += readBytes;
    store.compactionWrittenBytes += writtenBytes;
    telemetry.compactions.add(1);
    telemetry.compactionSeconds.observe(durationMs / 1000);
    telemetry.compactionReadBytes.add(readBytes);
    telemetry.compactionWrittenBytes.add(writtenBytes);
    const { reason, level, outputLevel } = pick;
    const told = { reason, level, outputLevel, readBytes, writtenBytes };
    logger.debug(LogEvent.CompactionInstalled, { ...told, tables: outputs.length });
    events.compactionInstalled?.({
      ...told,
      inputs: [...pick.upper, ...pick.lower].map(({ meta }) => meta.number),
      outputs: outputs.map(({ meta }) => meta.number),
      durationMs,
    });
  }
}

/** More than a compaction needs: it would go on in its last table. Each table holds an entry. */
function mostTables(pick: CompactionPick, tableBytes: number): number {
  const inputs = [...pick.upper, ...pick.lower];
  const bySize = 2 * Math.ceil(bytesOf(inputs) / tableBytes);
  const byCuts = Math.ceil(bytesOf(pick.grandparents) / maxGrandparentBytes(tableBytes));
  const entries = inputs.reduce((sum, { meta }) => sum + meta.entries, 0);
  return Math.max(1, Math.min(entries, bySize + byCuts + 2));
}
