import type { FileSystem } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import { codeOf, toSstError } from '../encoding/error-code.js';
import { MAX_SEQUENCE, TRAILER_BYTES } from '../encoding/internal-key.js';
import { compareRanges } from '../encoding/key-order.js';
import { join } from '../manifest/file-names.js';
import { CURRENT, parseLevelDbName } from './file-names.js';
import { decodeLog } from './log-format.js';
import {
  decodeLevelDbEdit,
  LEVELDB_COMPARATOR,
  LEVELDB_LEVELS,
  type LevelDbEdit,
  type LevelDbFile,
} from './version-edit.js';

/** What a directory of LevelDB's consists of. */
export interface LevelDbContents {
  /** Name of the manifest that counts. */
  readonly manifest: string;
  /** Tables as the manifest names them, each with its file. */
  readonly tables: readonly (LevelDbFile & { readonly name: string })[];
  /** Logs that hold what is in no table yet, oldest first. */
  readonly logs: readonly { readonly name: string; readonly number: number }[];
  readonly lastSequence: number;
  /** The last edit of the manifest was cut off, as by a crash, and is not in this. */
  readonly isTorn: boolean;
  /** Files that the manifest does not name: LevelDB would remove them. */
  readonly unreferenced: readonly string[];
}

/** Longest manifest or log that is read into memory. */
const MAX_LOG_BYTES = 1024 * 1024 * 1024;

/** True if the directory is a database of LevelDB's, judged by names alone. */
export function isLevelDb(names: readonly string[]): boolean {
  return names.includes(CURRENT);
}

/**
 * Reads CURRENT and the manifest. Changes nothing and takes no lock: nobody may have the database open.
 * @throws SstError SST_CORRUPT (with file and offset), SST_NEWER_FORMAT (another order of keys), SST_IO
 */
export function readLevelDb(fs: FileSystem, dir: string): LevelDbContents {
  try {
    return readContents(fs, dir);
  } catch (error) {
    throw toSstError(error, `reading ${dir}`, dir);
  }
}

function readContents(fs: FileSystem, dir: string): LevelDbContents {
  const names = fs.list(dir);
  const manifest = readCurrent(fs, dir);
  const path = join(dir, manifest);
  const { edits, tail } = decodeEdits(readFile(fs, path), path);
  const state = new ManifestSum(path);
  for (const { edit } of edits) state.apply(edit);
  const { files, logNumber, previousLogNumber, lastSequence } = state.finish();
  const parsed = names.flatMap((name) => parseLevelDbName(name) ?? []);
  const tableNames = new Map<number, string>();
  for (const file of parsed) {
    if (file.kind !== 'table') continue;
    // LevelDB looks for .ldb first.
    if (!tableNames.has(file.number) || file.name.endsWith('.ldb')) {
      tableNames.set(file.number, file.name);
    }
  }
  const tables = files.map((file) => {
    const name = tableNames.get(file.number);
    if (name === undefined) {
      throw new SstError(SstErrorCode.Corrupt, `${dir} lacks table ${file.number}`, {
        file: join(dir, `${String(file.number).padStart(6, '0')}.ldb`),
        offset: 0,
      });
    }
    return { ...file, name };
  });
  const logs = parsed
    .flatMap((file) => (file.kind === 'log' ? [{ name: file.name, number: file.number }] : []))
    .filter(({ number }) => number >= logNumber || number === previousLogNumber)
    .sort((a, b) => a.number - b.number);
  const used = new Set([manifest, CURRENT, ...[...tables, ...logs].map(({ name }) => name)]);
  return {
    manifest,
    tables,
    logs,
    lastSequence,
    isTorn: tail === 'torn',
    unreferenced: parsed.map(({ name }) => name).filter((name) => !used.has(name)),
  };
}

function readCurrent(fs: FileSystem, dir: string): string {
  const path = join(dir, CURRENT);
  const text = String.fromCharCode(...readFile(fs, path).subarray(0, 100));
  const name = text.endsWith('\n') ? text.slice(0, -1) : '';
  if (parseLevelDbName(name)?.kind === 'manifest') return name;
  throw new SstError(SstErrorCode.Corrupt, `${path} names no manifest`, { file: path, offset: 0 });
}

/** Reads a file into memory. @throws SstError SST_CORRUPT if it is missing or too long, SST_IO */
export function readFile(fs: FileSystem, path: string, maxBytes = MAX_LOG_BYTES): Uint8Array {
  try {
    const file = fs.open(path, 'read');
    try {
      const sizeBytes = file.sizeSync();
      if (sizeBytes > maxBytes) {
        throw new SstError(SstErrorCode.Corrupt, `${path} is too long: ${sizeBytes} bytes`, {
          file: path,
          offset: maxBytes,
        });
      }
      const bytes = new Uint8Array(sizeBytes);
      return bytes.subarray(0, file.readSync(bytes, 0, sizeBytes, 0));
    } finally {
      file.close();
    }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw toSstError(error, `reading ${path}`, path);
    throw new SstError(SstErrorCode.Corrupt, `${path} is missing`, {
      file: path,
      offset: 0,
      cause: error,
    });
  }
}

export interface DecodedEdits {
  readonly edits: readonly { readonly edit: LevelDbEdit; readonly offset: number }[];
  readonly tail: 'clean' | 'torn';
}

/** The edits in a manifest. @throws SstError SST_CORRUPT, SST_NEWER_FORMAT, with file and offset */
export function decodeEdits(log: Uint8Array, path: string): DecodedEdits {
  const { records, tail } = decodeLog(log, path);
  const edits = records.map(({ bytes, offset }) => {
    const fail = (code: SstErrorCode, what: string, cause?: unknown): SstError =>
      new SstError(code, `${path}: the edit at ${offset} ${what}`, { file: path, offset, cause });
    let edit: LevelDbEdit;
    try {
      edit = decodeLevelDbEdit(bytes);
    } catch (error) {
      const code = codeOf(error);
      if (code === SstErrorCode.Newer) {
        throw fail(code, 'has a field that LevelDB does not write', error);
      }
      if (code === 'DECODE') {
        throw fail(SstErrorCode.Corrupt, 'has a right checksum and wrong contents', error);
      }
      throw error;
    }
    if (edit.comparator !== undefined && edit.comparator !== LEVELDB_COMPARATOR) {
      throw fail(SstErrorCode.Newer, `says that the keys are in the order '${edit.comparator}'`);
    }
    return { edit, offset };
  });
  return { edits, tail };
}

/** What the edits of a manifest add up to. */
class ManifestSum {
  readonly #path: string;
  readonly #files = new Map<number, LevelDbFile>();
  #logNumber: number | null = null;
  #previousLogNumber = 0;
  #nextFileNumber: number | null = null;
  #lastSequence: number | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  apply(edit: LevelDbEdit): void {
    this.#logNumber = edit.logNumber ?? this.#logNumber;
    this.#previousLogNumber = edit.previousLogNumber ?? this.#previousLogNumber;
    this.#nextFileNumber = edit.nextFileNumber ?? this.#nextFileNumber;
    this.#lastSequence = edit.lastSequence ?? this.#lastSequence;
    for (const { level, number } of edit.deletedFiles) {
      // A table that moves to another level is taken away and added in one edit.
      if (this.#files.get(number)?.level === level) this.#files.delete(number);
    }
    for (const file of edit.newFiles) this.#files.set(file.number, file);
  }

  finish(): {
    files: LevelDbFile[];
    logNumber: number;
    previousLogNumber: number;
    lastSequence: number;
  } {
    const logNumber = this.#logNumber;
    const lastSequence = this.#lastSequence;
    if (logNumber === null || lastSequence === null || this.#nextFileNumber === null) {
      throw this.#fail('lacks a log number, a next file number or a last sequence');
    }
    if (lastSequence > MAX_SEQUENCE) {
      throw new SstError(
        SstErrorCode.Newer,
        `${this.#path}: sequence ${lastSequence} is not below 2^48`,
        { file: this.#path, offset: 0 },
      );
    }
    const files = [...this.#files.values()];
    const damage = findLevelDamage(files);
    if (damage !== null) throw this.#fail(damage);
    return { files, logNumber, previousLogNumber: this.#previousLogNumber, lastSequence };
  }

  #fail(what: string): SstError {
    return new SstError(SstErrorCode.Corrupt, `${this.#path}: ${what}`, {
      file: this.#path,
      offset: 0,
    });
  }
}

/** Below level 0 tables follow each other; the last key of one may have older versions in the next. */
function findLevelDamage(files: readonly LevelDbFile[]): string | null {
  for (let level = 0; level < LEVELDB_LEVELS; level++) {
    const tables = sortedLevel(files, level);
    for (const [i, table] of tables.entries()) {
      const before = tables[i - 1];
      if (compareUserKeys(table.smallest, table.largest) > 0) {
        return `table ${table.number} ends before it starts`;
      }
      if (level > 0 && before !== undefined) {
        if (compareUserKeys(before.largest, table.smallest) > 0) {
          return `tables ${before.number} and ${table.number} of level ${level} overlap`;
        }
      }
    }
  }
  return null;
}

/** Tables of a level in the order of their first keys. */
export function sortedLevel<F extends LevelDbFile>(files: readonly F[], level: number): F[] {
  return files
    .filter((file) => file.level === level)
    .sort((a, b) => compareUserKeys(a.smallest, b.smallest) || b.number - a.number);
}

/** Order of the user keys in two internal keys. */
export function compareUserKeys(a: Uint8Array, b: Uint8Array): number {
  return compareRanges(a, 0, a.length - TRAILER_BYTES, b, 0, b.length - TRAILER_BYTES);
}

/** The user key in an internal key. */
export function userKeyOf(internalKey: Uint8Array): Uint8Array {
  return internalKey.slice(0, internalKey.length - TRAILER_BYTES);
}
