import type { FileSystem } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import { codeOf, toSstError } from '../encoding/error-code.js';
import {
  type FileName,
  join,
  manifestName,
  parentOf,
  parseFileName,
} from '../manifest/file-names.js';
import type { CurrentManifest } from '../manifest/manifest.js';
import { readManifest } from '../manifest/manifest-reader.js';
import { EMPTY_STATE, type ManifestState } from '../manifest/manifest-state.js';

/** What was found in a database's directory. */
export interface Recovered {
  readonly state: ManifestState;
  /** null: a new database. */
  readonly current: CurrentManifest | null;
  /** The last edit was cut off before it was durable. */
  readonly isTorn: boolean;
  /** Our files that are in the directory. */
  readonly files: readonly FileName[];
  /** Tables that any edit of the manifest has ever named. */
  readonly mentioned: ReadonlySet<number>;
}

/**
 * Makes the directory if it is missing and reads what it says. Syncs directory and manifest before they
 * are believed: a process that was killed may have left names and edits that a power loss would still
 * take back, and files must not be removed on such a word.
 * @throws SstError SST_CORRUPT, SST_FOREIGN, SST_NEWER_FORMAT, SST_IO
 */
export async function recover(
  fs: FileSystem,
  dir: string,
  identity: Uint8Array,
): Promise<Recovered> {
  try {
    await makeDirectory(fs, dir);
    await fs.syncDir(dir);
    const files = fs.list(dir).flatMap((name) => parseFileName(name) ?? []);
    const current = currentManifest(files);
    if (current === null) {
      checkNew(fs, dir, files);
      return {
        state: nextAfter(EMPTY_STATE, files),
        current,
        isTorn: false,
        files,
        mentioned: new Set(),
      };
    }
    await syncFile(fs, join(dir, manifestName(current.number)));
    const { state, tail, mentioned } = readManifest(fs, dir, current.number, identity);
    return { state: nextAfter(state, files), current, isTorn: tail === 'torn', files, mentioned };
  } catch (error) {
    throw toSstError(error, `opening ${dir}`, dir);
  }
}

/** The manifest that the newest marker names. */
export function currentManifest(files: readonly FileName[]): CurrentManifest | null {
  let current: CurrentManifest | null = null;
  for (const file of files) {
    if (file.kind !== 'marker' || file.iteration <= (current?.iteration ?? 0)) continue;
    current = { number: file.manifest, iteration: file.iteration };
  }
  return current;
}

/** Makes the names of all new directories on the way durable. */
async function makeDirectory(fs: FileSystem, dir: string): Promise<void> {
  const parents: string[] = [];
  for (let at = dir; fs.stat(at) === null && parentOf(at) !== at; at = parentOf(at)) {
    parents.push(parentOf(at));
  }
  if (parents.length === 0) return;
  fs.mkdir(dir);
  for (const parent of parents) await fs.syncDir(parent);
}

async function syncFile(fs: FileSystem, path: string): Promise<void> {
  try {
    const file = fs.open(path, 'write');
    try {
      await file.datasync();
    } finally {
      file.close();
    }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new SstError(SstErrorCode.Corrupt, `${path} is missing, although a marker names it`, {
      file: path,
      offset: 0,
      cause: error,
    });
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
