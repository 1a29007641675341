import type { FileSystem } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import { toSstError } from '../encoding/error-code.js';
import { compareKeys } from '../encoding/key-order.js';
import { type LevelDbContents, readFile, readLevelDb, userKeyOf } from '../leveldb/directory.js';
import { decodeLogBatches } from '../leveldb/write-batch.js';
import { join } from '../manifest/file-names.js';
import { TableReader } from '../table/table-reader.js';
import { verifyTable } from './verify-table.js';

export interface LevelDbVerifyReport {
  /** Name of the manifest that counts; null if it could not be read. */
  readonly manifest: string | null;
  readonly tables: number;
  readonly bytes: number;
  /** In tables and logs. */
  readonly entries: number;
  /** The last edit of the manifest, or the last record of a log, was cut off, as by a crash. */
  readonly isTorn: boolean;
  readonly unreferenced: readonly string[];
  /** Empty: everything is whole. */
  readonly problems: readonly SstError[];
}

/**
 * Checks a directory of LevelDB's that nobody has open: CURRENT, the manifest, every byte of every table and
 * of the logs that count. Changes nothing. What is wrong is reported, all of it.
 * @throws SstError SST_IO where the directory cannot be read
 */
export function verifyLevelDb(fs: FileSystem, dir: string): LevelDbVerifyReport {
  let contents: LevelDbContents;
  try {
    contents = readLevelDb(fs, dir);
  } catch (error) {
    const problem = toSstError(error, `reading ${dir}`, dir);
    if (problem.code === SstErrorCode.Io) throw problem;
    return {
      manifest: null,
      tables: 0,
      bytes: 0,
      entries: 0,
      isTorn: false,
      unreferenced: [],
      problems: [problem],
    };
  }
  const problems: SstError[] = [];
  let entries = 0;
  let isTorn = contents.isTorn;
  for (const table of contents.tables) {
    const found = checkTable(fs, dir, table, contents.lastSequence);
    if (typeof found === 'number') entries += found;
    else problems.push(found);
  }
  for (const { name } of contents.logs) {
    const path = join(dir, name);
    try {
      const { batches, tail } = decodeLogBatches(readFile(fs, path), path);
      for (const batch of batches) entries += batch.entries.length;
      if (tail === 'torn') isTorn = true;
    } catch (error) {
      problems.push(toSstError(error, `reading ${path}`, path));
    }
  }
  return {
    manifest: contents.manifest,
    tables: contents.tables.length,
    bytes: contents.tables.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    entries,
    isTorn,
    unreferenced: contents.unreferenced,
    problems,
  };
}

/** Number of its entries, or what is wrong with it. */
function checkTable(
  fs: FileSystem,
  dir: string,
  table: LevelDbContents['tables'][number],
  lastSequence: number,
): number | SstError {
  const path = join(dir, table.name);
  let reader: TableReader | null = null;
  try {
    const expected = { sizeBytes: table.sizeBytes, tableId: null };
    reader = TableReader.open(fs, path, expected, null);
    const steps = verifyTable(reader, null);
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    checkEnds(reader, table);
    if (step.value.largestSequence > lastSequence) {
      return new SstError(
        SstErrorCode.Corrupt,
        `${path} has sequence ${step.value.largestSequence}, the manifest knows ${lastSequence} only`,
        { file: path, offset: 0 },
      );
    }
    return step.value.entries;
  } catch (error) {
    return toSstError(error, `checking ${path}`, path);
  } finally {
    reader?.close();
  }
}

/** The table begins and ends with the keys that the manifest names. */
function checkEnds(reader: TableReader, table: LevelDbContents['tables'][number]): void {
  const cursor = reader.cursor();
  const ends: readonly (readonly [move: () => void, expected: Uint8Array])[] = [
    [() => cursor.first(), userKeyOf(table.smallest)],
    [() => cursor.last(), userKeyOf(table.largest)],
  ];
  for (const [move, expected] of ends) {
    move();
    const key = cursor.valid ? cursor.keyBytes.slice(0, cursor.keyEnd) : null;
    if (key !== null && compareKeys(key, expected) === 0) continue;
    throw new SstError(
      SstErrorCode.Corrupt,
      `${reader.path} does not hold the keys that the manifest names`,
      { file: reader.path, offset: 0 },
    );
  }
  cursor.close();
}
