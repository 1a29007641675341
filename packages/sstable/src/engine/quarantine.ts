import type { FileSystem } from '@dougdb/ports';
import { SstError, SstErrorCode } from '../contract.js';
import { toSstError } from '../encoding/error-code.js';
import { join, parentOf, tableName } from '../manifest/file-names.js';

/**
 * Moves tables of a closed database out of its directory, for people to look at: they are never removed and
 * never replace what lies there. The database cannot be opened then: it says which table is missing, instead
 * of answering without it. Answers the new paths.
 * @throws SstError SST_IO: some of them may have been moved (none if the other place is on another file system)
 */
export async function quarantineTables(
  fs: FileSystem,
  dir: string,
  quarantineDir: string,
  tables: readonly number[],
): Promise<string[]> {
  try {
    if (fs.stat(quarantineDir) === null) fs.mkdir(quarantineDir);
    await fs.syncDir(parentOf(quarantineDir));
    const paths: string[] = [];
    for (const number of tables) {
      const name = tableName(number);
      const path = freePath(fs, join(quarantineDir, `${dir.split('/').at(-1) ?? ''}-${name}`));
      fs.rename(join(dir, name), path);
      paths.push(path);
    }
    // First the new names: a crash in between leaves two of them rather than none.
    await fs.syncDir(quarantineDir);
    await fs.syncDir(dir);
    return paths;
  } catch (error) {
    throw toSstError(error, `moving tables of ${dir} to ${quarantineDir}`, dir);
  }
}

function freePath(fs: FileSystem, wanted: string): string {
  for (let attempt = 1; attempt < 1000; attempt++) {
    const path = attempt === 1 ? wanted : `${wanted}.${attempt}`;
    if (fs.stat(path) === null) return path;
  }
  throw new SstError(SstErrorCode.Io, `${wanted} is there a thousand times`, { file: wanted });
}
