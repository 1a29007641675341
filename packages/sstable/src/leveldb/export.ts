import type { Clock, File, FileSystem } from '@dougdb/ports';
import { type DbIterator, SstError, SstErrorCode } from '../contract.js';
import type { Db } from '../db.js';
import { toSstError } from '../encoding/error-code.js';
import { Kind } from '../encoding/internal-key.js';
import { STEP_BYTES, STEP_ENTRIES } from '../jobs/job.js';
import { durableAncestors } from '../manifest/durable-ancestors.js';
import { join } from '../manifest/file-names.js';
import { removeFile } from '../manifest/remove-file.js';
import type { TableEntry } from '../table/entry-order.js';
import {
  CURRENT,
  CURRENT_UNFINISHED,
  levelDbManifestName,
  levelDbTableName,
} from './file-names.js';
import { encodeLog } from './log-format.js';
import { LevelDbTableWriter } from './table-writer.js';
import { encodeLevelDbEdit, LEVELDB_COMPARATOR, type LevelDbFile } from './version-edit.js';

export interface LevelDbExportOptions {
  readonly fs: FileSystem;
  readonly clock: Clock;
  /** Made if it is missing; must be empty. */
  readonly dir: string;
  /** Sees nothing newer. Default: everything applied. */
  readonly sequence?: number;
  /** Default 'bloom': readers that know LevelDB's filter policy use it, others pass it over. */
  readonly filter?: 'bloom' | 'none';
  /** Size at which a table is closed. Default 2 MiB, as LevelDB's own. */
  readonly tableBytes?: number;
  /** Default 4 KiB. */
  readonly blockBytes?: number;
  /** Work is cut into slices of this length. Default 2 ms. */
  readonly sliceMs?: number;
}

export interface LevelDbExport {
  readonly tables: number;
  readonly entries: number;
  readonly sizeBytes: number;
  readonly lastSequence: number;
}

/** Tables are in key order and do not overlap: they may stand in the last level, where nothing is due. */
const LEVEL = 6;
const MANIFEST_NUMBER = 1;

/**
 * Writes what a database shows at one moment as a directory of LevelDB's: tables, a manifest, CURRENT.
 * LevelDB, its bindings and RocksDB's tools open it. Keys, values and sequences are kept; older versions,
 * tombstones and the host state are not: LevelDB has no place for them.
 *
 * CURRENT gets its name last, when everything else is durable: a directory without it is no database.
 * After a failure what was written is removed.
 * @throws SstError SST_USAGE if the directory holds anything, and for a version with the host's mark: without it
 * nobody could tell what its value is; SST_CORRUPT, SST_IO, SST_NO_SPACE
 */
export async function exportLevelDb(
  db: Pick<Db, 'iterator' | 'lastSequence'>,
  options: LevelDbExportOptions,
): Promise<LevelDbExport> {
  const { fs, dir, sequence } = options;
  const iterator = db.iterator(sequence === undefined ? {} : { sequence });
  const lastSequence = Math.min(sequence ?? Number.MAX_SAFE_INTEGER, db.lastSequence);
  const made: string[] = [];
  const output = new LevelDbOutput(options, made);
  try {
    if (fs.stat(dir) === null) fs.mkdir(dir);
    if (fs.list(dir).length > 0) {
      throw new SstError(SstErrorCode.Usage, `${dir} is not empty`, { file: dir });
    }
    await writeTables(iterator, output, options);
    await writeManifest(output, lastSequence, options, made);
    return {
      tables: output.files.length,
      entries: output.entries,
      sizeBytes: output.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      lastSequence,
    };
  } catch (error) {
    output.close();
    for (const path of made.reverse()) removeFile(fs, path);
    throw toSstError(error, `exporting to ${dir}`, dir);
  } finally {
    iterator.close();
  }
}

async function writeTables(
  iterator: DbIterator,
  output: LevelDbOutput,
  { clock, sliceMs = 2 }: LevelDbExportOptions,
): Promise<void> {
  let beganMs = clock.monotonicMs();
  let entries = 0;
  let bytes = 0;
  while (iterator.next()) {
    if (iterator.marked()) {
      throw new SstError(
        SstErrorCode.Usage,
        `the version at ${iterator.sequence()} has a mark of its host, for which LevelDB has no place`,
      );
    }
    if (output.isFull) await output.finishTable();
    output.add(iterator);
    bytes += iterator.value().length;
    if (++entries < STEP_ENTRIES && bytes < STEP_BYTES) continue;
    entries = 0;
    bytes = 0;
    if (clock.monotonicMs() - beganMs < sliceMs) continue;
    await new Promise<void>((resolve) => clock.defer(resolve));
    beganMs = clock.monotonicMs();
  }
  await output.finishTable();
}

async function writeManifest(
  output: LevelDbOutput,
  lastSequence: number,
  { fs, dir }: LevelDbExportOptions,
  made: string[],
): Promise<void> {
  const manifest = encodeLog([
    encodeLevelDbEdit({
      comparator: LEVELDB_COMPARATOR,
      logNumber: 0,
      previousLogNumber: 0,
      nextFileNumber: output.nextNumber,
      lastSequence,
      deletedFiles: [],
      newFiles: output.files,
    }),
  ]);
  const name = levelDbManifestName(MANIFEST_NUMBER);
  await writeWhole(fs, join(dir, name), manifest, made);
  // The names of tables and manifest, and the way to them, before CURRENT says that they count.
  await fs.syncDir(dir);
  await durableAncestors(fs, dir);
  const current = Uint8Array.from(`${name}\n`, (c) => c.charCodeAt(0));
  await writeWhole(fs, join(dir, CURRENT_UNFINISHED), current, made);
  fs.rename(join(dir, CURRENT_UNFINISHED), join(dir, CURRENT));
  made.push(join(dir, CURRENT));
  await fs.syncDir(dir);
}

async function writeWhole(
  fs: FileSystem,
  path: string,
  bytes: Uint8Array,
  made: string[],
): Promise<void> {
  const file = fs.open(path, 'create');
  made.push(path);
  try {
    file.writeSync(bytes, 0, bytes.length, 0);
    await file.datasync();
  } finally {
    file.close();
  }
}

/** The tables of an export, one after the other. */
class LevelDbOutput {
  readonly #options: LevelDbExportOptions;
  readonly #made: string[];
  readonly #files: LevelDbFile[] = [];
  #open: {
    readonly file: File;
    readonly number: number;
    readonly writer: LevelDbTableWriter;
  } | null = null;
  nextNumber = MANIFEST_NUMBER + 1;
  entries = 0;

  constructor(options: LevelDbExportOptions, made: string[]) {
    this.#options = options;
    this.#made = made;
  }

  get files(): readonly LevelDbFile[] {
    return this.#files;
  }

  get isFull(): boolean {
    const { tableBytes = 2 * 1024 * 1024 } = this.#options;
    return (this.#open?.writer.sizeBytes ?? 0) >= tableBytes;
  }

  add(iterator: DbIterator): void {
    this.#open ??= this.#begin();
    this.#open.writer.add(entryOf(iterator));
    this.entries++;
  }

  /** Ends the open table, if there is one, and makes its data durable. */
  async finishTable(): Promise<void> {
    const open = this.#open;
    if (open === null) return;
    const { sizeBytes, smallest, largest } = open.writer.finish();
    await open.file.datasync();
    open.file.close();
    this.#open = null;
    this.#files.push({ level: LEVEL, number: open.number, sizeBytes, smallest, largest });
  }

  close(): void {
    this.#open?.file.close();
  }

  #begin(): { file: File; number: number; writer: LevelDbTableWriter } {
    const { fs, dir, blockBytes = 4096, filter = 'bloom' } = this.#options;
    const number = this.nextNumber++;
    const path = join(dir, levelDbTableName(number));
    const file = fs.open(path, 'create');
    this.#made.push(path);
    return { file, number, writer: new LevelDbTableWriter(file, { blockBytes, filter }) };
  }
}

function entryOf(iterator: DbIterator): TableEntry {
  const keyBytes = iterator.key();
  const valueBytes = iterator.value();
  return {
    keyBytes,
    keyStart: 0,
    keyEnd: keyBytes.length,
    sequence: iterator.sequence(),
    kind: Kind.Set,
    valueBytes,
    valueStart: 0,
    valueEnd: valueBytes.length,
  };
}
