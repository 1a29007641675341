import type { FileSystem } from '@dougdb/ports';
import { RecordLog } from '@dougdb/wal';
import { type Checkpoint, type CheckpointOptions, SstError, SstErrorCode } from '../contract.js';
import { toSstError } from '../encoding/error-code.js';
import type { Store } from '../engine/store.js';
import { durableAncestors } from '../manifest/durable-ancestors.js';
import { join, manifestName, markerName, tableName } from '../manifest/file-names.js';
import { RECORD_IDENTITY } from '../manifest/manifest-reader.js';
import { fullEdit, type ManifestState } from '../manifest/manifest-state.js';
import { encodeEdit } from '../manifest/version-edit.js';
import { ALL_KEYS, copyBounds, isEmpty, isWithin, touches } from '../read/bounds.js';
import { LogEvent } from '../telemetry.js';
import { linkTable } from './link-table.js';

/** Of the one marker of a checkpoint. */
const FIRST_ITERATION = 1;

/**
 * Makes a database of what the manifest of another one names at this moment:
 *
 * 1. `dir`.tmp is removed, if an earlier try left it, and made anew
 * 2. every table gets a second name in it; where the file system has no links, its bytes are copied,
 *    checked against the manifest and synced
 * 3. a manifest with the whole state in one edit, synced; the marker; the names are synced
 * 4. `dir`.tmp becomes `dir`; the names above are synced
 *
 * A crash up to the rename leaves at most `dir`.tmp, after it `dir` as a whole: everything in it is durable
 * before it has that name. The version is held meanwhile, so that compaction removes no table.
 *
 * @throws SstError SST_USAGE, SST_NO_SPACE, SST_IO, SST_CORRUPT
 */
export async function makeCheckpoint(
  store: Store,
  dir: string,
  options: CheckpointOptions,
): Promise<Checkpoint> {
  const { fs, logger } = store.settings;
  // State and version change in the same turn: together they are one moment.
  const state = stateOf(store.manifest.state, options);
  const identity = options.identity ?? store.settings.identity;
  const version = store.version.acquire();
  const making = `${dir}.tmp`;
  try {
    if (fs.stat(dir) !== null) throw usage(`${dir} is there already`);
    fs.removeTree(making);
    fs.mkdir(making);
    let copiedTables = 0;
    for (const { table } of state.files.values()) {
      const name = tableName(table.number);
      const how = await linkTable(fs, join(store.settings.dir, name), join(making, name), table);
      if (how === 'copied') copiedTables++;
    }
    await writeOnlyManifest(fs, making, state, identity);
    await fs.syncDir(making);
    fs.rename(making, dir);
    await durableAncestors(fs, dir);
    const bytes = [...state.files.values()].reduce((sum, { table }) => sum + table.sizeBytes, 0);
    const { hostState, lastSequence } = state;
    const checkpoint = {
      dir,
      tables: state.files.size,
      bytes,
      copiedTables,
      hostState,
      lastSequence,
    };
    logger.info(LogEvent.CheckpointMade, { dir, tables: state.files.size, bytes, copiedTables });
    return checkpoint;
  } catch (error) {
    removeUnfinished(fs, making);
    throw toSstError(error, `making a checkpoint in ${dir}`, dir);
  } finally {
    version.release();
  }
}

/** What the new manifest says. @throws SstError SST_USAGE */
function stateOf(state: ManifestState, options: CheckpointOptions): ManifestState {
  const { bounds, hostState = state.hostState } = options;
  if (bounds === undefined) return { ...state, hostState: hostState?.slice() ?? null };
  if (isEmpty(bounds) || !isWithin(bounds, state.bounds ?? ALL_KEYS)) {
    throw usage('the bounds of a checkpoint must lie in those of the database, and not be empty');
  }
  const files = [...state.files].filter(([, { table }]) =>
    touches(bounds, table.smallest, table.largest),
  );
  return {
    ...state,
    files: new Map(files),
    hostState: hostState?.slice() ?? null,
    bounds: copyBounds(bounds),
  };
}

/** The numbers of tables stay: the manifest takes the next one. */
async function writeOnlyManifest(
  fs: FileSystem,
  dir: string,
  state: ManifestState,
  identity: Uint8Array,
): Promise<void> {
  const number = state.nextFileNumber;
  const whole = { ...state, nextFileNumber: number + 1 };
  const log = RecordLog.create(fs, join(dir, manifestName(number)), RECORD_IDENTITY);
  try {
    log.append(encodeEdit(fullEdit(whole, identity, number)));
    await log.sync();
  } finally {
    log.close();
  }
  fs.open(join(dir, markerName(FIRST_ITERATION, number)), 'create').close();
}

/** What cannot be removed now is removed by the next try. */
function removeUnfinished(fs: FileSystem, dir: string): void {
  try {
    fs.removeTree(dir);
  } catch {
    // The error that brought us here is the one to be told.
  }
}

function usage(message: string): SstError {
  return new SstError(SstErrorCode.Usage, message);
}
