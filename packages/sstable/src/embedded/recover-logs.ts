import type { FileSystem } from '@dougdb/ports';
import { WriteBatch } from '../batch/write-batch.js';
import { SstError, SstErrorCode } from '../contract.js';
import type { Db } from '../db.js';
import { isNoSpace } from '../encoding/error-code.js';
import { join } from '../manifest/file-names.js';
import { removeFile } from '../manifest/remove-file.js';
import { BatchLog, LOG_HEAD_BYTES, type LogPlace } from './batch-log.js';
import type { EmbeddedState } from './embedded-state.js';
import { logName, parseLogName } from './log-names.js';
import type { LogWriterStart } from './log-writer.js';

/** Where the database stands after its logs were read. */
export interface RecoveredLogs extends LogWriterStart {
  /** Batches that were written again. */
  readonly replayed: number;
  /** Logs with something behind their last batch that was cut off before it was durable. */
  readonly torn: readonly string[];
}

export interface LogRecovery {
  readonly fs: FileSystem;
  readonly dir: string;
  readonly db: Db;
  readonly state: EmbeddedState;
  /** Called when the memtable is full: everything up to `sequence`, which stands in log `log`, is written. */
  readonly onFull: (log: number, sequence: number) => Promise<void>;
}

/**
 * Writes again what is in the logs and not in the tables, in order.
 *
 * A log's first record says which sequence it begins with, and a log is synced before the next one is
 * made: so where one log ends the next must go on, and a tail that is torn is harmless exactly then. A hole
 * would be writes that were there and are lost; it is never passed over.
 * @throws SstError SST_CORRUPT, SST_NEWER_FORMAT, SST_IO, SST_NO_SPACE
 */
export async function recoverLogs(recovery: LogRecovery): Promise<RecoveredLogs> {
  const { fs, dir, db, state } = recovery;
  const torn: string[] = [];
  let replayed = 0;
  let last: number | null = null;
  let log: BatchLog | null = null;
  for (const number of liveLogs(fs, dir, state)) {
    log?.close();
    const place = placeOf(recovery, number);
    const read = BatchLog.open(place);
    log = read.log;
    const path = join(dir, logName(number));
    checkFollows(path, read.firstSequence, last, state);
    last = read.firstSequence - 1;
    if (read.tail === 'torn') torn.push(path);
    for (const { sequence, bytes } of read.batches) {
      last = sequence;
      if (sequence <= state.sequence) continue;
      db.write(sequence, decoded(bytes, path));
      replayed++;
      if (db.wantsFreeze) await recovery.onFull(number, sequence);
    }
  }
  const sequence = last ?? state.sequence;
  if (sequence < state.sequence) {
    throw corrupt(dir, `its logs end at ${sequence}, its tables hold ${state.sequence}`);
  }
  const next = log?.number ?? nextLog(fs, dir, state);
  log ??= await makeLog(placeOf(recovery, next), sequence + 1);
  return { log, nextLog: log === null ? next : next + 1, sequence, replayed, torn };
}

/** null on a full disk: what is there can be read all the same. */
async function makeLog(place: LogPlace, firstSequence: number): Promise<BatchLog | null> {
  try {
    return await BatchLog.create(place, firstSequence);
  } catch (error) {
    if (isNoSpace(error)) return null;
    throw error;
  }
}

/** Numbers of all logs in the directory, ascending. */
export function logsIn(fs: FileSystem, dir: string): number[] {
  return fs
    .list(dir)
    .flatMap((name) => parseLogName(name) ?? [])
    .sort((a, b) => a - b);
}

/** Removes the logs before this one. What stays is removed the next time: it never throws. */
export function removeLogsBefore(fs: FileSystem, dir: string, first: number): void {
  let numbers: readonly number[];
  try {
    numbers = logsIn(fs, dir);
  } catch {
    // Nothing depends on it.
    return;
  }
  for (const number of numbers) {
    if (number < first) removeFile(fs, join(dir, logName(number)));
  }
}

/** The logs to be read, without one that was never finished: it holds nothing, and is removed. */
function liveLogs(fs: FileSystem, dir: string, state: EmbeddedState): number[] {
  const { firstLog, isLogMade } = state;
  const live = logsIn(fs, dir).filter((number) => number >= firstLog);
  for (const [i, number] of live.entries()) {
    if (number !== firstLog + i) throw corrupt(join(dir, logName(firstLog + i)), 'it is missing');
  }
  if (isLogMade && live.length === 0) {
    throw corrupt(join(dir, logName(firstLog)), 'it is missing');
  }
  const newest = live.at(-1);
  if (newest === undefined || (isLogMade && newest === firstLog)) return live;
  const path = join(dir, logName(newest));
  // A log takes batches only when its head is durable: one that is no longer than a head holds none.
  if ((fs.stat(path)?.sizeBytes ?? 0) > LOG_HEAD_BYTES) return live;
  fs.remove(path);
  return live.slice(0, -1);
}

function nextLog(fs: FileSystem, dir: string, { firstLog }: EmbeddedState): number {
  return Math.max(firstLog, (logsIn(fs, dir).at(-1) ?? 0) + 1);
}

function checkFollows(
  path: string,
  firstSequence: number,
  last: number | null,
  state: EmbeddedState,
): void {
  if (last === null ? firstSequence <= state.sequence + 1 : firstSequence === last + 1) return;
  const end = last ?? state.sequence;
  throw corrupt(path, `it begins at ${firstSequence}, what is before it ends at ${end}`);
}

function decoded(bytes: Uint8Array, path: string): WriteBatch {
  try {
    return WriteBatch.decode(bytes);
  } catch (error) {
    if (error instanceof SstError) {
      throw new SstError(error.code, `${path}: ${error.message}`, { file: path, offset: 0 });
    }
    throw error;
  }
}

function placeOf({ fs, dir, state }: LogRecovery, number: number): LogPlace {
  return { fs, dir, databaseId: state.databaseId, number };
}

function corrupt(file: string, what: string): SstError {
  return new SstError(SstErrorCode.Corrupt, `${file}: ${what}`, { file, offset: 0 });
}
