import type { FileSystem } from '@dougdb/ports';
import { toSstError } from '../encoding/error-code.js';
import { join, parseFileName } from '../manifest/file-names.js';
import { parseLogName } from './log-names.js';
import { LOCK_NAME, takeLock } from './open-embedded.js';

/**
 * Removes an embedded database: all files of ours in the directory, then the directory if nothing else is
 * in it. A directory that is not there is no error. The markers go first: what a crash leaves is no
 * database, and is refused as one.
 * @throws SstError SST_LOCKED, SST_IO
 */
export async function destroyEmbedded(fs: FileSystem, dir: string): Promise<void> {
  if (fs.stat(dir) === null) return;
  const lock = await takeLock(fs, dir);
  try {
    const names = fs.list(dir);
    const markers = names.filter((name) => parseFileName(name)?.kind === 'marker');
    for (const name of markers) fs.remove(join(dir, name));
    await fs.syncDir(dir);
    for (const name of fs.list(dir)) {
      if (parseFileName(name) !== null || parseLogName(name) !== null) fs.remove(join(dir, name));
    }
    await fs.syncDir(dir);
  } catch (error) {
    throw toSstError(error, `removing the database in ${dir}`, dir);
  } finally {
    await lock.release();
  }
  if (fs.list(dir).every((name) => name === LOCK_NAME)) fs.removeTree(dir);
}
