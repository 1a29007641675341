import { crc32 } from '@dougdb/ports';
import { type KeyBounds, SstError, SstErrorCode } from '../contract.js';
import { compactionDebt } from '../jobs/compaction-debt.js';
import { nextTombstoneFloor } from '../jobs/compaction-picker.js';
import type { CurrentManifest } from '../manifest/current-manifest.js';
import { join, manifestName, markerName, tableName } from '../manifest/file-names.js';
import { Manifest } from '../manifest/manifest.js';
import { removeFile } from '../manifest/remove-file.js';
import type { DeletedFile, NewFile } from '../manifest/version-edit.js';
import { Memtable } from '../memtable/memtable.js';
import type { MemtableShare } from '../memtable-budget.js';
import { ALL_KEYS, isEmpty, isWithin } from '../read/bounds.js';
import { SnapshotSet } from '../read/snapshot.js';
import { TABLE_ID_BYTES } from '../table/format.js';
import type { TableMeta, TableSlot } from '../table/table-meta.js';
import { TableReader } from '../table/table-reader.js';
import { LogEvent } from '../telemetry.js';
import { TableHandle } from '../version/table-handle.js';
import { emptyLevels, sortLevel, Version } from '../version/version.js';
import type { Recovered } from './recovery.js';
import type { Settings } from './settings.js';

/** A memtable that takes no more writes, tied to the host state that holds for it. */
export interface Frozen {
  /** null: nothing was written since the freeze before. */
  readonly memtable: Memtable | null;
  readonly hostState: Uint8Array;
  /** Highest sequence written before the freeze. */
  readonly lastSequence: number;
  /** What the freeze narrows the database to; null: it leaves the bounds alone. */
  readonly bounds: KeyBounds | null;
}

/**
 * What a database consists of at this moment, shared by its readers and its background work: the
 * memtables, the current version, the manifest, open tables and iterators. All changes are synchronous
 * and whole: who runs between two of them sees a consistent state.
 */
export class Store {
  readonly settings: Settings;
  readonly manifest: Manifest;
  mutable: Memtable;
  readonly share: MemtableShare;
  /** Oldest first. */
  readonly frozen: Frozen[] = [];
  version: Version;
  lastSequence: number;
  /** Lowest sequence that a write may have. */
  minimumSequence: number;
  /** Of the host: older states are refused, unless a snapshot shows them. */
  readFloor = 0;
  readonly snapshots: SnapshotSet;
  /** Keys outside are invisible. Not yet durable while a freeze that narrows them waits for its flush. */
  bounds: KeyBounds;
  isClosed = false;
  /** Iterators that are not closed. */
  iterators = 0;
  flushes = 0;
  compactions = 0;
  flushedBytes = 0;
  compactionReadBytes = 0;
  compactionWrittenBytes = 0;
  /** Of the current version. */
  compactionDebtBytes = 0;
  tombstoneFloor = Number.POSITIVE_INFINITY;
  /** Tables that failed a check, with what was found first. */
  readonly damage = new Map<number, SstError>();
  readonly #handles = new Set<TableHandle>();

  /** @throws SstError if a table of the manifest is missing, damaged or another one */
  constructor(settings: Settings, recovered: Recovered) {
    const { state, current } = recovered;
    this.settings = settings;
    this.mutable = new Memtable(settings.budget.slabs);
    this.manifest = new Manifest({
      fs: settings.fs,
      dir: settings.dir,
      identity: settings.identity,
      state,
      current,
      onRotated: (old) => this.#removeManifest(old),
      openFiles: settings.openFiles,
    });
    this.lastSequence = state.lastSequence;
    this.minimumSequence =
      state.lastSequence > 0 || state.files.size > 0 ? state.lastSequence + 1 : 0;
    this.snapshots = new SnapshotSet((leak) =>
      settings.logger.warn(LogEvent.SnapshotLeaked, { dir: settings.dir, ...leak }),
    );
    this.bounds = state.bounds ?? ALL_KEYS;
    if (settings.bounds !== null) this.narrow(settings.bounds);
    this.version = this.#openVersion([...state.files.values()]);
    this.#judgeVersion();
    this.share = settings.budget.join();
  }

  /** What compaction may take for unasked: the host's floor, as far as no snapshot holds it down. */
  get historyFloor(): number {
    return Math.min(this.readFloor, this.snapshots.oldest ?? Number.POSITIVE_INFINITY);
  }

  get isClipped(): boolean {
    return this.bounds.start !== null || this.bounds.end !== null;
  }

  /** @throws SstError SST_USAGE if they are empty, or wider than those that hold */
  narrow(bounds: KeyBounds): void {
    if (isEmpty(bounds) || !isWithin(bounds, this.bounds)) {
      throw new SstError(
        SstErrorCode.Usage,
        'the bounds of a database can only be narrowed, and not to nothing',
      );
    }
    this.bounds = bounds;
  }

  /** Name and identity for a new table. */
  nextSlot(): TableSlot {
    const tableId = this.settings.random.bytes(TABLE_ID_BYTES);
    return { number: this.manifest.nextFileNumber(), tableId, seed: crc32(tableId) };
  }

  /** Opens a table that no version names yet. @throws SstError */
  openTable(meta: TableMeta): TableHandle {
    const { fs, openFiles, dir, cache } = this.settings;
    const files = openFiles === null ? fs : openFiles.of(fs);
    const reader = TableReader.open(files, join(dir, tableName(meta.number)), meta, cache);
    const handle = new TableHandle(meta, reader, (unused) => this.#onUnused(unused));
    this.#handles.add(handle);
    return handle;
  }

  /** Opens new tables, all or none: if one cannot be opened, the files are removed. @throws SstError */
  openTables(metas: readonly TableMeta[]): TableHandle[] {
    const opened: TableHandle[] = [];
    try {
      for (const meta of metas) opened.push(this.openTable(meta));
      return opened;
    } catch (error) {
      for (const handle of opened) this.abandonTable(handle);
      for (const { number } of metas) this.removeTable(number, 'could not be opened');
      throw error;
    }
  }

  /** Closes a table that came into no version. */
  abandonTable(handle: TableHandle): void {
    this.#handles.delete(handle);
    handle.reader.close();
  }

  /** Goes over to the version with these changes. The manifest has them durably. */
  installVersion(
    deleted: readonly DeletedFile[],
    added: readonly { readonly level: number; readonly handle: TableHandle }[],
  ): void {
    const gone = new Set(deleted.map(({ level, number }) => `${level}/${number}`));
    const levels = this.version.levels.map((tables, level) => {
      const kept = tables.filter(({ meta }) => !gone.has(`${level}/${meta.number}`));
      const fresh = added.filter((file) => file.level === level).map(({ handle }) => handle);
      return gone.size === 0 && fresh.length === 0 ? tables : sortLevel(level, [...kept, ...fresh]);
    });
    const before = this.version;
    this.version = new Version(levels).acquire();
    this.#judgeVersion();
    before.release();
  }

  /** What is asked of a version too often to be counted each time. */
  #judgeVersion(): void {
    this.compactionDebtBytes = compactionDebt(this.version, this.settings);
    this.tombstoneFloor = nextTombstoneFloor(this.version);
  }

  /**
   * Gives the memory of a memtable back that no read will ask any more. Where an iterator is open, which may
   * stand in it, it is left to the collector.
   */
  freeMemtable(memtable: Memtable): void {
    if (this.iterators === 0) memtable.free();
  }

  /** @throws SstError SST_CLOSED */
  checkOpen(): void {
    if (this.isClosed) throw new SstError(SstErrorCode.Closed, 'the database is closed');
  }

  /** Closes every file, also those that iterators still use. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.snapshots.close();
    this.share.leave();
    await this.manifest.close();
    for (const handle of this.#handles) handle.reader.close();
    this.#handles.clear();
    this.freeMemtable(this.mutable);
    for (const { memtable } of this.frozen) if (memtable !== null) this.freeMemtable(memtable);
  }

  removeTable(number: number, why: string): void {
    this.#remove(tableName(number), why);
    this.settings.telemetry.removedFiles.add(1);
    this.settings.events.tableRemoved?.(number);
  }

  /** Tells the host of a table that failed a check, once. */
  reportDamage(table: number, error: SstError): void {
    if (this.damage.has(table)) return;
    this.damage.set(table, error);
    const { logger, telemetry, onCorruption } = this.settings;
    telemetry.damagedTables.add(1);
    const { file, offset, message } = error;
    logger.error(LogEvent.TableDamaged, { table, file, offset, reason: message });
    onCorruption({ table, error });
  }

  /** As removeTable, where nobody knows whether it came to be. */
  removeIfThere(number: number, why: string): void {
    if (this.settings.fs.stat(join(this.settings.dir, tableName(number))) === null) return;
    this.removeTable(number, why);
  }

  /** Removes all files that nothing names. The manifest that counts was made by this process. */
  removeLeftovers({ files }: Recovered): void {
    const { state, current } = this.manifest;
    for (const file of files) {
      if (file.kind === 'table') {
        if (!state.files.has(file.number)) this.removeTable(file.number, 'unreferenced');
        continue;
      }
      const number = file.kind === 'marker' ? file.manifest : file.number;
      if (number !== current?.number) this.#remove(file.name, 'superseded');
    }
  }

  /**
   * Removes tables that no manifest can have named: all that may go while the manifest of the process
   * before is the one that counts. Its marker's name may not be durable, and then an older manifest counts
   * after a power loss, with tables that this one does not know any more.
   */
  removeHalfMade({ files, isHalfMade }: Recovered): void {
    for (const file of files) {
      if (file.kind === 'table' && isHalfMade(file.number))
        this.removeTable(file.number, 'half made');
    }
  }

  #openVersion(files: readonly NewFile[]): Version {
    const levels = emptyLevels();
    try {
      for (const { level, table } of files) levels[level]?.push(this.openTable(table));
    } catch (error) {
      for (const handle of this.#handles) handle.reader.close();
      throw error;
    }
    return new Version(levels.map((tables, level) => sortLevel(level, tables))).acquire();
  }

  /** No version names it. If the manifest does not either, it goes; unless the disk's state is in doubt. */
  #onUnused(handle: TableHandle): void {
    if (this.isClosed) return;
    this.#handles.delete(handle);
    handle.reader.close();
    const { number } = handle.meta;
    if (this.manifest.isFailed || this.manifest.state.files.has(number)) return;
    this.removeTable(number, 'obsolete');
  }

  #removeManifest(old: CurrentManifest | null): void {
    this.settings.telemetry.manifestRotations.add(1);
    if (old === null) return;
    this.#remove(markerName(old.iteration, old.number), 'superseded');
    this.#remove(manifestName(old.number), 'superseded');
  }

  #remove(name: string, why: string): void {
    const { fs, dir, logger } = this.settings;
    const code = removeFile(fs, join(dir, name));
    if (code === null) logger.debug(LogEvent.FileRemoved, { file: name, why });
    else logger.warn(LogEvent.FileRemoveFailed, { file: name, why, code });
  }
}
