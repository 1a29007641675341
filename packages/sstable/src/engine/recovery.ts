import type { FileSystem } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import { codeOf, toSstError } from '../encoding/error-code.js';
import { type CurrentManifest, currentManifest } from '../manifest/current-manifest.js';
import { durableAncestors } from '../manifest/durable-ancestors.js';
import { type FileName, join, parseFileName } from '../manifest/file-names.js';
import { readManifest } from '../manifest/manifest-reader.js';
import { EMPTY_STATE, type ManifestState } from '../manifest/manifest-state.js';

/** What was found in a database's directory. */
export interface Recovered {
  readonly state: ManifestState;
  /** null: a new database. */
  readonly current: CurrentManifest | null;
  /** A last edit was cut off before it was durable. */
  readonly isTorn: boolean;
  /** Our files that are in the directory. */
  readonly files: readonly FileName[];
  /** True for a table that no manifest can have named: what a job was making when the process ended. */
  readonly isHalfMade: (table: number) => boolean;
}

/**
 * Makes the directory if it is missing and reads what it says. The directory is synced before it is
 * believed, and so is the manifest (by RecordLog.open): a process that was killed may have left names and
 * edits that a power loss would still take back, and no file may be removed on such a word.
 * @throws SstError SST_CORRUPT, SST_FOREIGN, SST_NEWER_FORMAT, SST_IO
 */
export async function recover(
  fs: FileSystem,
  dir: string,
  identity: Uint8Array,
): Promise<Recovered> {
  try {
    if (fs.stat(dir) === null) fs.mkdir(dir);
    await fs.syncDir(dir);
    const files = fs.list(dir).flatMap((name) => parseFileName(name) ?? []);
    const current = currentManifest(files);
    if (current === null) {
      checkNew(fs, dir, files);
      await durableAncestors(fs, dir);
      return {
        state: nextAfter(EMPTY_STATE, files),
        current,
        isTorn: false,
        files,
        isHalfMade: () => false,
      };
    }
    const { state, tail, mentioned, firstFileNumber } = readManifest(
      fs,
      dir,
      current.number,
      identity,
      'recover',
    );
    // An older manifest, which a power loss may bring back, names older tables only.
    const isHalfMade = (table: number): boolean =>
      table >= firstFileNumber && !mentioned.has(table);
    return { state: nextAfter(state, files), current, isTorn: tail === 'torn', files, isHalfMade };
  } catch (error) {
    throw toSstError(error, `opening ${dir}`, dir);
  }
}

/**
 * As recover, for a database that is only read: nothing is made, and nothing is synced, so what it says may
 * still be lost with the power.
 * @throws SstError SST_MISSING, and as recover
 */
export function lookAround(fs: FileSystem, dir: string, identity: Uint8Array): Recovered {
  try {
    const names = fs.stat(dir) === null ? [] : fs.list(dir);
    const files = names.flatMap((name) => parseFileName(name) ?? []);
    const current = currentManifest(files);
    if (current === null) {
      checkNew(fs, dir, files);
      throw new SstError(SstErrorCode.Missing, `there is no database in ${dir}`, { file: dir });
    }
    const { state, tail } = readManifest(fs, dir, current.number, identity);
    return { state, current, isTorn: tail === 'torn', files, isHalfMade: () => false };
  } catch (error) {
    throw toSstError(error, `opening ${dir}`, dir);
  }
}

/**
 * Without a marker a database was never made, at most begun: then there is no table, and no manifest
 * that says more than its first edit. Anything else has lost its marker and must not be taken for new.
 */
function checkNew(fs: FileSystem, dir: string, files: readonly FileName[]): void {
  for (const file of files) {
    if (file.kind === 'table' || (file.kind === 'manifest' && holdsData(fs, dir, file.number))) {
      throw new SstError(
        SstErrorCode.Corrupt,
        `${dir} holds ${file.name} but no marker that says which manifest counts`,
        { file: join(dir, file.name), offset: 0 },
      );
    }
  }
}

function holdsData(fs: FileSystem, dir: string, number: number): boolean {
  try {
    const { edits, state } = readManifest(fs, dir, number, null);
    return edits.length > 1 || state.files.size > 0 || state.hostState !== null;
  } catch (error) {
    if (codeOf(error) === SstErrorCode.Corrupt) return false;
    throw error;
  }
}

/** No file that exists may be taken for a new one. */
function nextAfter(state: ManifestState, files: readonly FileName[]): ManifestState {
  let nextFileNumber = state.nextFileNumber;
  for (const file of files) {
    const number = file.kind === 'marker' ? file.manifest : file.number;
    nextFileNumber = Math.max(nextFileNumber, number + 1);
  }
  return { ...state, nextFileNumber };
}
