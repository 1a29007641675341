import type { FileSystem } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import { toSstError } from '../encoding/error-code.js';
import { currentManifest } from '../manifest/current-manifest.js';
import { join, parseFileName, tableName } from '../manifest/file-names.js';
import { type ManifestContents, readManifest } from '../manifest/manifest-reader.js';
import type { TableMeta } from '../table/table-meta.js';
import { TableReader } from '../table/table-reader.js';
import { verifyTable } from './verify-table.js';

export interface VerifyReport {
  /** Number of the manifest that counts; null if none could be found. */
  readonly manifest: number | null;
  readonly identity: Uint8Array | null;
  readonly tables: number;
  readonly bytes: number;
  readonly entries: number;
  /** The last edit of the manifest was cut off before it was durable: harmless. */
  readonly isTorn: boolean;
  /** Files that the manifest does not name: the next open removes them. */
  readonly unreferenced: readonly string[];
  /** Empty: everything is whole. */
  readonly problems: readonly SstError[];
}

/**
 * Checks a database that nobody has open: marker, manifest and every byte of every table. Changes
 * nothing. What is wrong is reported, all of it; only a directory that cannot be read throws.
 * @throws SstError SST_IO
 */
export function verifyDb(fs: FileSystem, dir: string): VerifyReport {
  const names = listNames(fs, dir);
  const files = names.flatMap((name) => parseFileName(name) ?? []);
  const current = currentManifest(files);
  if (current === null) {
    return reportOf(
      null,
      [],
      [
        new SstError(SstErrorCode.Corrupt, `${dir} has no marker that names a manifest`, {
          file: dir,
          offset: 0,
        }),
      ],
    );
  }
  const problems: SstError[] = [];
  let contents: ManifestContents;
  try {
    contents = readManifest(fs, dir, current.number, null);
  } catch (error) {
    return reportOf(null, [], [toSstError(error, `reading the manifest of ${dir}`, dir)]);
  }
  for (const { table } of contents.state.files.values()) {
    const problem = findProblem(fs, dir, table);
    if (problem !== null) problems.push(problem);
  }
  const unreferenced = files.filter((file) => {
    if (file.kind === 'table') return !contents.state.files.has(file.number);
    return (file.kind === 'marker' ? file.manifest : file.number) !== current.number;
  });
  return reportOf(
    contents,
    unreferenced.map(({ name }) => name),
    problems,
  );
}

function findProblem(fs: FileSystem, dir: string, meta: TableMeta): SstError | null {
  const path = join(dir, tableName(meta.number));
  let reader: TableReader | null = null;
  try {
    reader = TableReader.open(fs, path, meta, null);
    const steps = verifyTable(reader, meta);
    while (steps.next().done !== true);
    return null;
  } catch (error) {
    return toSstError(error, `checking ${path}`, path);
  } finally {
    reader?.close();
  }
}

function listNames(fs: FileSystem, dir: string): readonly string[] {
  try {
    return fs.list(dir);
  } catch (error) {
    throw toSstError(error, `listing ${dir}`, dir);
  }
}

function reportOf(
  contents: ManifestContents | null,
  unreferenced: readonly string[],
  problems: readonly SstError[],
): VerifyReport {
  const tables = [...(contents?.state.files.values() ?? [])].map(({ table }) => table);
  return {
    manifest: contents?.number ?? null,
    identity: contents?.head.identity ?? null,
    tables: tables.length,
    bytes: tables.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    entries: tables.reduce((sum, { entries }) => sum + entries, 0),
    isTorn: contents?.tail === 'torn',
    unreferenced,
    problems,
  };
}
