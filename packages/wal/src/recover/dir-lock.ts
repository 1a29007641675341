import type { FileLock, FileSystem } from '@dougdb/ports';
import { WalError, WalErrorCode } from '../contract.js';
import { codeOf } from '../failure.js';
import { joinPath } from '../segment-name.js';
import { makeDirDurably } from './durable-dir.js';

/**
 * Makes sure that no other process has the WAL of this directory open: two would write over each other.
 * @throws WalError WAL_LOCKED, and what the file system throws
 */
export async function lockDir(fs: FileSystem, dir: string): Promise<FileLock> {
  await makeDirDurably(fs, dir);
  try {
    return await fs.lock(joinPath(dir, 'LOCK'));
  } catch (error) {
    if (codeOf(error) !== 'ELOCKED') throw error;
    const who = error instanceof Error ? error.message : String(error);
    throw new WalError(WalErrorCode.Locked, `the write-ahead log in ${dir} is open: ${who}`, {
      cause: error,
    });
  }
}
