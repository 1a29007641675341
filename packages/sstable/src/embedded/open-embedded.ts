import type { FileLock, FileSystem } from '@dougdb/ports';
import { BlockCache } from '../block-cache.js';
import { type DbOptions, SstError, SstErrorCode } from '../contract.js';
import { Db } from '../db.js';
import { codeOf, toSstError } from '../encoding/error-code.js';
import { join, parseFileName } from '../manifest/file-names.js';
import { removeFile } from '../manifest/remove-file.js';
import { BatchLog, LOG_HEAD_BYTES } from './batch-log.js';
import type { EmbeddedOptions } from './embedded-db.js';
import {
  DATABASE_ID_BYTES,
  decodeState,
  type EmbeddedState,
  encodeState,
} from './embedded-state.js';
import { logName } from './log-names.js';
import { logsIn, type RecoveredLogs, recoverLogs, removeLogsBefore } from './recover-logs.js';

export const LOCK_NAME = 'LOCK';

const DEFAULT_CACHE_BYTES = 8 * 1024 * 1024;
/** What the manifest of every embedded database says it is. Which one it is stands in its state record. */
const IDENTITY: Uint8Array = Uint8Array.from('embedded', (c) => c.charCodeAt(0));
const FIRST_LOG = 1;

/** What an embedded database is made of. */
export interface EmbeddedParts {
  readonly db: Db;
  readonly lock: FileLock;
  readonly databaseId: Uint8Array;
  readonly recovered: RecoveredLogs;
}

/** Takes the lock, opens the tables, writes again what is in the logs alone. @throws SstError */
export async function openParts(options: EmbeddedOptions): Promise<EmbeddedParts> {
  const { fs, dir } = options;
  checkExistence(options);
  const lock = await takeLock(fs, dir);
  let db: Db | null = null;
  try {
    // Again, for somebody may have made or removed one before the lock was ours.
    checkExistence(options);
    db = await Db.open(dbOptions(options));
    const state = await stateOf(db, options);
    const recovered = await recoverLogs({
      fs,
      dir,
      db,
      state,
      onFull: (log, sequence) =>
        flushAt(db as Db, { ...state, firstLog: log, isLogMade: true, sequence }),
    });
    db.setHistoryFloor(recovered.sequence);
    removeLogsBefore(fs, dir, state.firstLog);
    return { db, lock, databaseId: state.databaseId, recovered };
  } catch (error) {
    await db?.close();
    await lock.release();
    throw toSstError(error, `opening ${dir}`, dir);
  }
}

/** @throws SstError SST_LOCKED, SST_IO */
export async function takeLock(fs: FileSystem, dir: string): Promise<FileLock> {
  try {
    if (fs.stat(dir) === null) fs.mkdir(dir);
    return await fs.lock(join(dir, LOCK_NAME));
  } catch (error) {
    if (codeOf(error) !== 'ELOCKED') throw toSstError(error, `locking ${dir}`, dir);
    throw new SstError(SstErrorCode.Locked, `${dir} is in use`, { file: dir, cause: error });
  }
}

function checkExistence({ fs, dir, create = 'if-missing' }: EmbeddedOptions): void {
  if (create === 'if-missing') return;
  const isThere =
    fs.stat(dir) !== null && fs.list(dir).some((name) => parseFileName(name)?.kind === 'marker');
  if (create === 'never' && !isThere) {
    throw new SstError(SstErrorCode.Missing, `the database in ${dir} does not exist`, {
      file: dir,
    });
  }
  if (create === 'new' && isThere) {
    throw new SstError(SstErrorCode.Exists, `the database in ${dir} exists`, { file: dir });
  }
}

function dbOptions(options: EmbeddedOptions): DbOptions {
  const { create: _, cacheBytes = DEFAULT_CACHE_BYTES, ...rest } = options;
  const { fs, dir } = options;
  return {
    ...rest,
    cache: options.cache ?? new BlockCache(cacheBytes),
    quarantineDir: join(dir, 'quarantine'),
    identity: IDENTITY,
    onInstalled: (hostState) => removeLogsBefore(fs, dir, decodeState(hostState).firstLog),
  };
}

/** Of a database that is new, or whose making was cut off: it gets its first state. */
async function stateOf(db: Db, { fs, dir, random }: EmbeddedOptions): Promise<EmbeddedState> {
  if (db.hostState !== null) return decodeState(db.hostState);
  for (const number of logsIn(fs, dir)) {
    const path = join(dir, logName(number));
    if ((fs.stat(path)?.sizeBytes ?? 0) > LOG_HEAD_BYTES) {
      throw new SstError(SstErrorCode.Corrupt, `${path} is there, and no state that names it`, {
        file: path,
        offset: 0,
      });
    }
    removeFile(fs, path);
  }
  const databaseId = random.bytes(DATABASE_ID_BYTES);
  const log = await BatchLog.create({ fs, dir, databaseId, number: FIRST_LOG }, 1);
  log.close();
  const state = { databaseId, firstLog: FIRST_LOG, isLogMade: true, sequence: 0 };
  await flushAt(db, state);
  return state;
}

async function flushAt(db: Db, state: EmbeddedState): Promise<void> {
  db.freeze(encodeState(state));
  await db.flushed();
}
