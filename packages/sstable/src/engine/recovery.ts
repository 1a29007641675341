import type { FileSystem } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import { codeOf, toSstError } from '../encoding/error-code.js';
import { type CurrentManifest, currentManifest } from '../manifest/current-manifest.js';
import { type FileName, join, parentOf, parseFileName } from '../manifest/file-names.js';
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
      await syncAncestors(fs, dir);
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
 * Makes the way to a new database durable, up to the root: which of the directories are new is not known,
 * for an earlier try may have made them and failed before it could sync their names.
 */
async function syncAncestors(fs: FileSystem, dir: string): Promise<void> {
  for (let at = dir; parentOf(at) !== at; at = parentOf(at)) {
    try {
      await fs.syncDir(parentOf(at));
    } catch (error) {
      // A directory that we may not open is not one that we made.
      if (!NOT_OURS.has(codeOf(error) ?? '')) throw error;
    }
  }
}

const NOT_OURS: ReadonlySet<string> = new Set(['EACCES', 'EPERM']);

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
